"""Filter TensorFlow's start-up banner from standard error; everything else passes,
errors above all.

No setting silences them: they are written before TensorFlow reads its own log level (seen with 2.21,
TF_CPP_MIN_LOG_LEVEL=3).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

GREETINGS = (  # each stands for one line; a machine whose driver is broken, and not absent, says something else and is heard
    r"^WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR$",
    r"port\.cc:[0-9]+\] oneDNN custom operations are on\.",
    r"cudart_stub\.cc:[0-9]+\] Could not find cuda drivers on your machine",
    r"cuda_platform\.cc:[0-9]+\] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR \(303\)",
    r"^INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.$",
)
WAIT_FOR_LAST_LINES_S = 0.2


@contextmanager
def without_banner() -> Iterator[None]:
    """Filter what C++ writes to file descriptor 2 while the block runs.

    The filter is a process of its own (grep), so that the last words of a crash still come through. Python's
    own standard error goes where it went before, past the filter: a terminal stays a terminal, and progress
    bars are drawn. Without grep nothing is filtered.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors and worse; lower for more
    with _filtered_descriptor() if shutil.which("grep") else nullcontext():
        yield


@contextmanager
def _filtered_descriptor() -> Iterator[None]:
    """Put grep behind descriptor 2, and Python's sys.stderr on a copy of what was there."""
    real, shown = os.dup(2), sys.stderr
    command = ["grep", "--line-buffered", "-v", "-E", "|".join(GREETINGS)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=real, start_new_session=True
    )  # Ctrl-C ends this process first
    assert process.stdin is not None
    os.dup2(process.stdin.fileno(), 2)
    process.stdin.close()
    if _is_descriptor_2(shown):
        sys.stderr = open(  # noqa: SIM115  it is the process's standard error to its end
            real, "w", buffering=1, encoding=shown.encoding, errors="backslashreplace", closefd=False
        )
    try:
        yield
    finally:
        os.dup2(real, 2)
        sys.stderr = shown
        with suppress(
            subprocess.TimeoutExpired
        ):  # workers that outlive the block hold the filter open; it ends with them
            process.wait(WAIT_FOR_LAST_LINES_S)


def _is_descriptor_2(stream: object) -> bool:
    """Say whether Python's standard error is the process's own (a test's capture is not)."""
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
