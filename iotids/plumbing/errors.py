"""Errors that a user can mend are one clear line and exit code 1; only faults of our own show a traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

from iotids.plumbing.stderr_filter import without_greetings

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_DISK = ": the disk is full. Nothing half-written was left; make room (`du -sh .dvc/cache`, `dvc gc --workspace`) and run the same command again"


def run_plainly(main: Callable[[], int | None]) -> None:
    """Run a stage's `main` and end the process: code 0, its own code, or 1 with `error: …` on standard error.

    Bad input is raised as ValueError, KeyError, OSError or FloatingPointError (diverging loss), with a
    message that says what came, what was wanted, where, and what to do; MemoryError says that it ran out of
    memory. Everything else is a fault of the program and keeps its traceback.
    """
    try:
        with without_greetings():
            code = main() or 0
        sys.exit(code)
    except KeyError as error:
        sys.exit(f"error: {error.args[0] if error.args else error}")
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}{FULL_DISK if getattr(error, 'errno', None) in DISK_ERRORS else ''}")
    except MemoryError as error:
        sys.exit(
            f"error: not enough memory ({error}): fewer flows (integrate.keep), a smaller network.width or batch_size need less"
        )
