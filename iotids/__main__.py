"""`python -m iotids` is the command `iotids`."""

from iotids.commands import main

if __name__ == "__main__":
    main()
