"""End a program cleanly: a user's mistake is one line and exit code 1 (2 for one on the command line), a signal leaves no
temporary file; only faults of our own show a traceback.
"""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext

from iotids.plumbing.signals import HEARD, unwind_on_signals
from iotids.plumbing.stderr_filter import without_banner
from iotids.tracking.attempts import watched

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PART = re.compile(
    r"(?<=/)\.([^/]+)\.\d+\.part$|^\.([^/]+)\.\d+\.part$"
)  # what writing.tables.replacing writes to
FULL_DISK = ": the disk is full. Nothing half-written was left; make room (`du -sh .dvc/cache`, `dvc gc --workspace`) and run the same command again"
MORE_MEMORY = "fewer flows (integrate.keep), a smaller network.width or batch_size need less"


def run_plainly(main: Callable[[], int | None], *, filter_stderr: bool = True) -> None:
    """Run the `main` of a stage or command and end the process: code 0, its own code, or 1 (an error's `exit_code`, where it
    has one) with `error: …` on standard error; 128 + number after a signal.

    Bad input is raised as ValueError, KeyError, OSError or FloatingPointError (diverging loss), with a
    message that says what came, what was wanted, where, and what to do; MemoryError says that it ran out of
    memory. A library that is not installed gives the `pip install` line that brings it. Everything else is a
    fault of the program and keeps its traceback.

    Parameters
    ----------
    filter_stderr : bool
        Drop TensorFlow's start-up banner; takes a process of its own.
    """
    unwind_on_signals()
    with watched():
        _run_to_the_end(main, filter_stderr=filter_stderr)


def _run_to_the_end(main: Callable[[], int | None], *, filter_stderr: bool) -> None:
    """Run, and leave with an exit code or a message."""
    try:
        with without_banner() if filter_stderr else nullcontext():
            code = _call(main)
        sys.stdout.flush()  # a reader that is gone is found here and not when Python ends
        gc.freeze()  # or Python looks for garbage among TensorFlow's objects before it ends: 0.3 to 0.6 s
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        sys.exit(128 + signal.SIGPIPE)
    except KeyError as error:
        sys.exit(f"error: {error.args[0] if error.args else error}")
    except ModuleNotFoundError as error:
        if (advice := how_to_install(error.name or "")) is None:
            raise
        sys.exit(f"error: {advice}")
    except (ValueError, OSError, FloatingPointError) as error:
        message = f"error: {in_words(error)}"
        if (code := getattr(error, "exit_code", 1)) == 1:
            sys.exit(message)  # the message is also that of the run in MLflow
        print(message, file=sys.stderr)
        sys.exit(code)
    except MemoryError as error:
        sys.exit(f"error: not enough memory ({error}): {MORE_MEMORY}")


def in_words(error: Exception) -> str:
    """What an error says; one of the system with the name that the user gave, not the temporary one, and what to do about a
    full disk.
    """
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    name = PART.sub(r"\1\2", str(error.filename)) if error.filename is not None else ""
    text = ": ".join(filter(None, [name, error.strerror or os.strerror(error.errno)]))
    return text + (FULL_DISK if error.errno in DISK_ERRORS else "")


def _call(main: Callable[[], int | None]) -> int:
    """Run; an error after a signal is that signal: a library that it meets while it loads calls it what it likes."""
    try:
        return main() or 0
    except Exception as error:
        if signal.SIGINT in HEARD:
            raise KeyboardInterrupt from error
        if HEARD:
            raise SystemExit(128 + min(HEARD)) from error
        raise


def _interrupted() -> int:
    """Say that Ctrl-C was heard; gives the exit code."""
    print("interrupted; files that were not finished are removed", file=sys.stderr)
    return 128 + signal.SIGINT


EXTRAS = {  # top-level module → extra that brings it
    **dict.fromkeys(
        ("tensorflow", "keras", "sklearn", "scipy", "river", "joblib", "onnx", "skl2onnx", "ai_edge_litert"),
        "train",
    ),
    **dict.fromkeys(
        ("dvc", "mlflow", "hydra", "pandas", "matplotlib", "pooch", "requests", "filelock", "vl_convert"),
        "experiment",
    ),
    **dict.fromkeys(("distributed", "dask"), "dask"),
    **dict.fromkeys(("mkdocs", "material"), "docs"),
    "nfstream": "bench",
}


def how_to_install(module: str) -> str | None:
    """The line that installs what a missing module belongs to; None for a module that no extra brings."""
    top = module.partition(".")[0]
    extra = EXTRAS.get(top)
    return extra and f"{top} is not installed; it comes with `pip install 'iotids[{extra}]'`"
