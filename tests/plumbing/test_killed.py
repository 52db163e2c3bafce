"""A program that is ended by a signal leaves whole files only, and no temporary file that stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iotids.writing.tables import remove_abandoned, replacing, write_text

ROOT = Path(__file__).resolve().parents[2]
HALF_WAY = """
import time
from pathlib import Path
from iotids.plumbing.errors import run_plainly
from iotids.writing.tables import replacing

def main():
    with replacing("out.txt") as temporary:
        temporary.write_text("half")
        temporary.with_name(f".{temporary.name}.0.part").write_text("a part of it")
        print("half-way", flush=True)
        time.sleep(60)

run_plainly(main)
"""


@pytest.fixture
def half_way(tmp_path):
    """A process that has written half of out.txt, which has older content."""
    (tmp_path / "out.txt").write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # `nohup pytest` hands down its own
    )
    assert process.stdout.readline() == "half-way\n"
    yield process
    process.kill()
    process.communicate()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_old_file_and_nothing_else(tmp_path, half_way, number):
    half_way.send_signal(number)
    _, said = half_way.communicate(timeout=20)
    assert half_way.returncode == 128 + number
    assert "Traceback" not in said
    assert names(tmp_path) == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "old"


def test_what_a_killed_writer_left_goes_when_the_file_is_written_again(tmp_path, half_way):
    half_way.kill()
    half_way.wait()
    assert len(names(tmp_path)) == 3
    assert (tmp_path / "out.txt").read_text() == "old"
    write_text("new", tmp_path / "out.txt")
    assert names(tmp_path) == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "new"


def test_the_temporary_file_of_a_living_writer_stays(tmp_path, half_way):
    before = names(tmp_path)
    remove_abandoned(tmp_path / "out.txt")
    assert names(tmp_path) == before


def test_files_that_only_look_like_temporary_ones_stay(tmp_path):
    for name in (".out.txt.mine.part", ".out.txt.part", ".other.txt.7.part"):
        (tmp_path / name).write_text("somebody's")
    write_text("new", tmp_path / "out.txt")
    assert len(names(tmp_path)) == 4


def test_a_pattern_in_a_file_name_is_no_pattern(tmp_path):
    (tmp_path / ".ab.txt.7.part").write_text("somebody's")
    write_text("new", tmp_path / "[ab]*.txt")
    assert names(tmp_path) == [".ab.txt.7.part", "[ab]*.txt"]


def test_a_device_is_written_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    time.sleep(0.1)
    write_text("through", tmp_path / "pipe")
    assert reader.communicate(timeout=20)[0] == "through"
    assert names(tmp_path) == ["pipe"]


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"), replacing(tmp_path):
        pass


def test_a_write_error_names_the_file_that_was_wanted(tmp_path):
    with pytest.raises(OSError) as raised, replacing(tmp_path / "out.txt") as temporary:
        raise OSError(28, "No space left on device", str(temporary))
    assert raised.value.filename == str(tmp_path / "out.txt")


CALLS_IT_OTHERWISE = """
import time
from iotids.plumbing.errors import run_plainly

def main():
    try:
        print("half-way", flush=True)
        time.sleep(60)
    except BaseException:
        raise ImportError("cannot initialise module strings")

run_plainly(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_library_that_gives_another_name_to_a_signal_is_not_believed(tmp_path, number):
    command = [sys.executable, "-c", CALLS_IT_OTHERWISE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) as process:
        assert process.stdout.readline() == "half-way\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.startswith("interrupted") if number == signal.SIGINT else said == ""


def test_ctrl_c_while_a_stage_loads_ends_it_without_a_traceback(tmp_path):
    """One signal every few milliseconds after the start, as long as it takes to load."""
    for wait_s in (0.05, 0.1, 0.15, 0.2, 0.3):
        command = [sys.executable, "-m", "stages.label", "--help"]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            time.sleep(wait_s)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        if wait_s >= 0.1:  # before, Python itself may still be starting
            assert "Traceback" not in said, (wait_s, said)


IN_A_CALLBACK = """
import ctypes, signal, time
from iotids.plumbing.errors import run_plainly

def main():
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal({number}))()
    time.sleep(60)

run_plainly(main)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_callback_of_c_code_ends_the_program_too(number):
    """numba has such callbacks while it compiles; Python drops what is raised in them."""
    program = IN_A_CALLBACK.format(number=int(number))
    # fmt: off
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=30,
        check=False,
    )
    # fmt: on
    assert done.returncode == 128 + number
    assert "Traceback" not in done.stderr


INTERRUPTS_AN_IMPORT = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("iotids.commands", "iotids.commands.meter"):
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize("module", ["iotids", "stages.meter"])
def test_ctrl_c_while_a_command_loads_ends_it_without_a_word(tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTS_AN_IMPORT)
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a job in the background
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout + done.stderr == ""
