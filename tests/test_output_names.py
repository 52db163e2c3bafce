"""An output that names an input or another output is refused before anything is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iotids.plumbing.output_names import refuse_clashes
from tests.detecting.lab import frame
from tests.packets import Record, tcp, write_pcap

ROOT = Path(__file__).resolve().parent.parent


def test_an_output_over_an_input_is_refused_also_by_a_link_and_by_another_spelling(tmp_path):
    capture, link = tmp_path / "c.pcap", tmp_path / "link.pcap"
    capture.write_bytes(b"x")
    link.symlink_to(capture)
    for name in (capture, link, tmp_path / "folder" / ".." / "c.pcap"):
        with pytest.raises(ValueError, match=r"--report .*would be overwritten"):
            refuse_clashes([capture], {"-o": tmp_path / "v.csv", "--report": name})


def test_two_outputs_of_one_name_are_refused_and_the_options_named(tmp_path):
    with pytest.raises(ValueError, match="--eve and --ecs both name"):
        refuse_clashes([], {"--eve": tmp_path / "a.json", "--ecs": str(tmp_path / "a.json")})


def test_what_is_no_file_may_be_named_twice():
    refuse_clashes(["-", None], {"-o": "-", "--report": "/dev/null", "--eve": "/dev/null", "--ecs": None})


@pytest.mark.parametrize(
    "command",
    [
        ["detect", "{c}", "-o", "v.csv", "--report", "{c}"],
        ["detect", "{c}", "-o", "v.csv", "--slice", "{c}"],
        ["calibrate", "{c}", "-o", "{c}"],
        ["meter", "{c}", "-o", "f.csv", "--ledger", "{c}"],
        ["label", "{c}", "--rules", "r.yaml", "-o", "{c}"],
        ["label", "{c}", "--rules", "r.json", "-o", "r.parquet"],
        ["detect", "{c}", "-o", "v.csv", "--report", "v.csv"],
        ["meter", "{c}", "-o", "f.csv", "--ledger", "f.csv"],
    ],
)
def test_no_command_writes_over_its_input_or_its_own_output(tmp_path, command):
    capture = tmp_path / "c.pcap"
    write_pcap(capture, [Record(1_700_000_000_000_000, frame("10.0.0.1", "10.0.0.2", 6, tcp(1, 2)))])
    before = capture.read_bytes()
    for name in ("r.yaml", "r.json"):
        (tmp_path / name).write_text("default: BENIGN\nrules: []\n")
    arguments = [part.format(c=capture) for part in command]
    run = subprocess.run(
        [sys.executable, "-m", "iotids", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0 and "error: " in run.stderr and "Traceback" not in run.stderr
    assert "would be overwritten" in run.stderr or "both name" in run.stderr
    assert capture.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.pcap", "r.json", "r.yaml"]
