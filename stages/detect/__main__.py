"""Run the command."""

import sys

from iotids.commands.detect import main

if __name__ == "__main__":
    sys.exit(main())
