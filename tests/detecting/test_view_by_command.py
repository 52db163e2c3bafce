"""By the commands, as a person calls them: what a capture does not show is said on the terminal, in the summary and on
the page, and a calibration on such a recording is doubted.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.detecting.lab import DAY_US, START_US, benign_records, scan_records
from tests.detecting.test_view import HOUR_US, LINUX_COOKED, cooked, is_from_client, later
from tests.packets import write_pcap

ROOT = Path(__file__).resolve().parents[2]


def run(command, *words, cwd):
    """`iotids COMMAND WORDS...`: exit code and what it said on standard error."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "iotids", command, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def one_way():
    return [r for r in benign_records(flows=300, seed=1) if is_from_client(r)]


def sampled():
    return benign_records(flows=3000, seed=1)[::10]


def without_hardware_addresses():
    return [cooked(r) for r in benign_records(flows=60, seed=1)]


def set_back():
    records = benign_records(flows=200, seed=1, span_us=4 * HOUR_US)
    half = len(records) // 2
    return records[:half] + later(records[half:], -6 * HOUR_US)


def set_forward():
    records = benign_records(flows=200, seed=1, span_us=4 * HOUR_US)
    half = len(records) // 2
    return records[:half] + later(records[half:], 30 * DAY_US)


SEEN = {
    "one way": (one_way, {}, "one direction is missing"),
    "sampled": (sampled, {}, "packets are missing (sampled"),
    "Linux cooked": (without_hardware_addresses, {"link": LINUX_COOKED}, "no hardware addresses"),
    "clock set back": (set_back, {}, "the clock was set back by"),
    "clock set forward": (set_forward, {}, "nothing for 30"),
}


@pytest.mark.parametrize("what", SEEN)
def test_detect_says_what_a_capture_does_not_show_and_judges_it(trained, tmp_path, what):
    make, options, said = SEEN[what]
    write_pcap(tmp_path / "x.pcap", make(), **options)
    words = ("x.pcap", "--model", trained.folder, "-o", "v.csv", "--report", "page.html")
    code, errors = run("detect", *words, cwd=tmp_path)
    assert code == 0, errors
    assert [line for line in errors.splitlines() if line.startswith("warning: ") and said in line]
    summary = json.loads((tmp_path / "v.csv.summary.json").read_text())
    assert said in " ".join(summary["view"])
    assert summary["flows"] > 20
    assert said in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("what", SEEN)
def test_calibrate_doubts_a_recording_that_does_not_show_everything(trained, tmp_path, what):
    make, options, said = SEEN[what]
    write_pcap(tmp_path / "x.pcap", make(), **options)
    code, errors = run("calibrate", "x.pcap", "--model", trained.folder, "-o", "own.json", cwd=tmp_path)
    assert code == 3, errors
    assert said in errors
    assert said in " ".join(json.loads((tmp_path / "own.json").read_text())["doubts"])


def test_an_attack_in_a_benign_recording_is_named_and_found_again_after_calibrating_on_it(trained, tmp_path):
    attack = scan_records(flows=200, seed=3, start_us=START_US + 5 * HOUR_US)
    records = benign_records(flows=400, seed=1) + attack
    write_pcap(tmp_path / "mixed.pcap", sorted(records, key=lambda r: r.time_us))
    model = ("--model", trained.folder)
    code, errors = run("calibrate", "mixed.pcap", *model, "-o", "own.json", cwd=tmp_path)
    assert code == 3
    assert "10.0.0.77 scans 10.0.0.200" in errors
    point = ("--operating-point", "own.json")
    code, errors = run("detect", "mixed.pcap", *model, *point, "-o", "v.csv", cwd=tmp_path)
    assert code == 0
    assert "SCANNING: 10.0.0.77 scans 10.0.0.200 on 200 ports" in errors


@pytest.mark.parametrize(("flows", "said"), [(1, "too few to set an operating point"), (40, "own.json: ")])
def test_a_recording_that_is_too_short_is_refused_or_doubted(trained, tmp_path, flows, said):
    write_pcap(tmp_path / "short.pcap", benign_records(flows=flows, seed=1, span_us=60_000_000))
    words = ("short.pcap", "--model", trained.folder, "-o", "own.json")
    code, errors = run("calibrate", *words, cwd=tmp_path)
    assert said in errors
    assert code == (2 if flows == 1 else 3)
    assert (tmp_path / "own.json").exists() == (flows != 1)
