"""Progress bars are drawn on a terminal, and nothing is drawn into a file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packets import Record, ethernet, ipv4, tcp, write_pcap
from tests.plumbing.terminal import on_terminal

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
BAR = re.compile(r"\r *meter: .*packets")
TWO_TASKS = """
import time
from iotids.plumbing.parallel import parallel_map
if __name__ == "__main__":
    parallel_map(time.sleep, [0.2] * 4, description="folds", n_jobs=2)
"""


@pytest.fixture
def metering(tmp_path):
    """The command that meters a small capture, and the folder to run it in."""
    write_pcap(
        tmp_path / "a.pcap",
        [Record(number * 1000, ethernet(ipv4("10.0.0.1", "10.0.0.2", 6, tcp()))) for number in range(500)],
    )
    return [sys.executable, "-m", "stages.meter", "a.pcap", "-o", "flows.parquet"], tmp_path


def test_metering_draws_a_bar_of_packets_on_a_terminal(metering):
    code, drawn = on_terminal(*metering, ENVIRONMENT)
    assert code == 0, drawn
    assert BAR.search(drawn), drawn


def test_metering_draws_nothing_into_a_file(metering):
    command, folder = metering
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "\r" not in done.stderr + done.stdout
    assert "1 flow of 500 packets" in done.stderr


def test_pieces_done_side_by_side_are_counted_on_a_terminal(tmp_path):
    (tmp_path / "work.py").write_text(TWO_TASKS)
    code, drawn = on_terminal([sys.executable, "work.py"], tmp_path, ENVIRONMENT)
    assert code == 0, drawn
    assert re.search(r"\rfolds: +\d+%.*\d/4", drawn), drawn
