"""One file per DVC stage, in the words of dvc.yaml; everything else is the library `iotids`.

While the modules of `python -m stages.NAME` load, Ctrl-C ends it without a word; from then on `run_plainly` listens.
"""

import signal
import sys

if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
