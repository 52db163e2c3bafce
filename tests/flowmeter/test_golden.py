"""The CICFlowMeter profiles equal the output of the real programs: every column, every row, the order of the
rows.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.schema import FEATURES, SEQUENCE
from iotids.flowmeter.context import with_context
from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.output.flow_files import CsvSink, csv_columns
from iotids.flowmeter.profiles import PROFILES

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "golden"
GOLDEN = ROOT.parent / "shared" / "golden"
EXPECTED = {"original": "original.csv", "paper": "legacy-2020-02.csv", "corrected": "corrected.csv"}
FOREIGN = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir()) if GOLDEN.is_dir() else []
FOLDERS = [*sorted(OWN.iterdir()), *(folder for folder in FOREIGN if not (OWN / folder.name).is_dir())]
# jnetpcap's own text of numbers differs in the last printed digit before Java 19, so numbers are compared as
# doubles
TEXT = ("Flow ID", "Src IP", "Dst IP", "Timestamp", "Label")


FLOATS = [column.name for column in FEATURES if column.dtype == "float64"]


def same(want: str, got: str) -> bool:
    """Whether two cells are the same IEEE double."""
    a, b = (float(x.replace("Infinity", "inf")) for x in (want, got))
    return a == b or (math.isnan(a) and math.isnan(b))


@pytest.mark.skipif(not FOREIGN, reason=f"only our own golden capture: there are no others at {GOLDEN}")
def test_there_are_35_golden_captures() -> None:
    assert len(FOLDERS) == 35


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


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_optional_columns_change_no_other_and_context_is_that_of_the_table(
    folder: Path, profile: str
) -> None:
    plain = flows_from_capture(folder / "capture.pcap", profile)
    more = flows_from_capture(folder / "capture.pcap", profile, columns=("context", "sequence"))
    names = plain.schema.names
    assert more.schema.names == [*names, *(column.name for column in SEQUENCE), *CONTEXT_NAMES]
    for name in names:  # NaN is the same as NaN here
        assert np.array_equal(
            *(t.column(name).to_numpy() for t in (plain, more)), equal_nan=name in FLOATS
        ), name
    assert more.select(CONTEXT_NAMES).equals(with_context(plain).select(CONTEXT_NAMES))


def test_csv_of_the_programs_has_84_and_of_the_corrected_one_94_columns() -> None:
    assert {name: len(csv_columns(PROFILES[name])) + 1 for name in EXPECTED} == {
        "original": 84,
        "paper": 84,
        "corrected": 94,
    }
    of_clean = csv_columns(PROFILES["clean"])
    assert of_clean[:93] == csv_columns(PROFILES["corrected"])
    assert not any(column.cic_name for column in of_clean[93:])
