"""The CICFlowMeter profiles equal the output of the real programs: every column, every row, the order of the
rows.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from iotids.flowmeter.flow_files import CsvSink, csv_columns
from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.profiles import PROFILES

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"
EXPECTED = {"original": "original.csv", "paper": "legacy-2020-02.csv", "corrected": "corrected.csv"}
FOLDERS = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir()) if GOLDEN.is_dir() else []
needs_golden = pytest.mark.skipif(not FOLDERS, reason=f"golden captures are not at {GOLDEN}")
# jnetpcap's own text of numbers differs in the last printed digit before Java 19, so numbers are compared as
# doubles
TEXT = ("Flow ID", "Src IP", "Dst IP", "Timestamp", "Label")


def same(want: str, got: str) -> bool:
    """Whether two cells are the same IEEE double."""
    a, b = (float(x.replace("Infinity", "inf")) for x in (want, got))
    return a == b or (math.isnan(a) and math.isnan(b))


@needs_golden
def test_there_are_35_golden_captures() -> None:
    assert len(FOLDERS) == 35


@needs_golden
@pytest.mark.parametrize("profile", EXPECTED)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_csv_equals_the_program_in_every_cell(folder: Path, profile: str, tmp_path: Path) -> None:
    sink = CsvSink(tmp_path / "flows.csv", PROFILES[profile])
    for batch in flows_from_capture(folder / "capture.pcap", profile).to_batches():
        sink.write(batch)
    sink.close()
    with (folder / EXPECTED[profile]).open(newline="") as file:
        want = list(csv.reader(file))
    with (tmp_path / "flows.csv").open(newline="") as file:
        got = list(csv.reader(file))
    assert got[0] == want[0]
    assert len(got) == len(want)
    for number, (wanted, found) in enumerate(zip(want[1:], got[1:], strict=True)):
        for name, a, b in zip(want[0], wanted, found, strict=True):
            assert a == b if name in TEXT else same(a, b), (
                f"row {number} ({wanted[0]}), {name}: the program has {a}, we have {b}"
            )


def test_csv_of_the_programs_has_84_and_of_the_corrected_one_94_columns() -> None:
    assert {name: len(csv_columns(profile)) + 1 for name, profile in PROFILES.items()} == {
        "original": 84,
        "paper": 84,
        "corrected": 94,
        "clean": 94,
    }
