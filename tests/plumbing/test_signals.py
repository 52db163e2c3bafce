"""A signal ends a program wherever it arrives, and blocks clean up after themselves."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import time
from pathlib import Path
from iotids.plumbing.errors import run_plainly

class Slow:
    def __del__(self):
        print("deleting", flush=True)
        time.sleep(0.6)

def main():
    begun = Path({begun!r})
    begun.touch()
    try:
        Slow()  # gone at once: what is raised while it is finalised is dropped by Python
        print("deleted", flush=True)
        time.sleep(60)
    finally:
        begun.unlink()

run_plainly(main, filter_stderr=False)
"""


@pytest.mark.parametrize("where", ["deleting", "deleted"])
@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_program_in_a_finaliser_too(tmp_path, where, sign, code):
    begun = tmp_path / "begun"
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(begun=str(begun))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while program.stdout.readline().strip() != where:
        assert program.poll() is None
    program.send_signal(sign)
    said = program.communicate(timeout=30)[1]
    assert program.returncode == code
    assert "Traceback" not in said
    assert not begun.exists()
