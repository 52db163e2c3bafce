"""TensorFlow's greetings are dropped from standard error; errors, crashes and progress bars come through."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GREETING = "I0000 00:00:1795424016.117287    4867 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used."
ABSL = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR"
TROUBLE = (
    "E0000 00:00:1795424019.410902    4867 bfc_allocator.cc:512] ran out of memory trying to allocate 2.00GiB"
)
NO_DEVICE = "E0000 00:00:1.2    4867 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: {}"


def start(work, **how):
    """Run `work`, the body of a stage's main(), as a stage is run."""
    body = "\n".join(f"    {line}" for line in work.splitlines())
    code = f"import os, sys\nfrom iotids.plumbing.errors import run_plainly\ndef main():\n{body}\nrun_plainly(main)"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, **how)


def said(work):
    """What such a stage writes to a log."""
    return start(work, capture_output=True, text=True).stderr


def from_c(*lines):
    """Write lines as a C library does: straight to descriptor 2."""
    return f"os.write(2, {''.join(line + chr(10) for line in lines)!r}.encode())"


def test_greetings_are_dropped_and_an_error_beside_them_is_kept():
    assert said(from_c(ABSL, GREETING, TROUBLE, GREETING)) == TROUBLE + "\n"


def test_no_driver_is_no_news_but_a_broken_one_is():
    broken = NO_DEVICE.format("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)")
    assert said(from_c(NO_DEVICE.format("UNKNOWN ERROR (303)"), broken)) == broken + "\n"


def test_the_last_words_of_a_crash_come_through():
    done = start(f"{from_c('terminate called: out of range')}\nos.abort()", capture_output=True, text=True)
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == "terminate called: out of range\n"


def test_messages_of_python_and_the_exit_code_are_what_they_were():
    done = start(
        "print('note', file=sys.stderr)\nraise FileNotFoundError('a.pcap: not there')",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "note\nerror: a.pcap: not there\n")


def test_a_worker_s_greetings_are_dropped_too():
    assert (
        said(
            f"import subprocess\nsubprocess.run([sys.executable, '-c', {'import os; ' + from_c(GREETING, TROUBLE)!r}])"
        )
        == TROUBLE + "\n"
    )


def test_a_terminal_stays_a_terminal_for_python():
    controller, terminal = pty.openpty()
    done = start(
        "print(sys.stderr.isatty(), os.isatty(2))", stderr=terminal, stdout=subprocess.PIPE, text=True
    )
    os.close(terminal)
    os.close(controller)
    assert done.stdout == "True False\n"


@pytest.mark.slow
def test_tensorflow_itself_says_nothing_when_all_is_well():
    assert said("import tensorflow as tf\nassert float(tf.constant(1.0) + 1.0) == 2.0") == ""
