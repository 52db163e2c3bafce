"""Flow tables say how they were metered, from the meter to the dataset; tables that differ are not taken for the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import iotids
from iotids.truth.integrating.labelled_tables import origin_of_tables, table_in_memory
from iotids.writing.table_origin import differences, merged_origin, origin_of, origin_of_file, with_origin
from tests.detecting.lab import benign_records
from tests.packets import write_pcap

ROOT = str(Path(iotids.__file__).parents[1])
CLEAN = {
    "meter": f"iotids {iotids.__version__}",
    "profile": "clean",
    "flow_timeout_s": "120",
    "activity_timeout_s": "5",
    "idle_timeout_s": "120",
    "tunnels": "inner",
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of some benign flows."""
    path = tmp_path_factory.mktemp("captures") / "a.pcap"
    write_pcap(path, benign_records(flows=20, seed=1))
    return path


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command, environment = (
        [sys.executable, "-m", "iotids", *map(str, words)],
        {**os.environ, "PYTHONPATH": ROOT},
    )
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
def test_every_table_or_its_ledger_says_how_it_was_metered(
    capture: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"f.{suffix}"
    assert run("meter", capture, "-o", out, "--idle-timeout", "30.5", folder=tmp_path).returncode == 0
    wanted = CLEAN | {"idle_timeout_s": "30.5"}
    assert json.loads((tmp_path / "f.ledger.json").read_text())["origin"] == wanted
    if suffix == "parquet":
        assert origin_of_file(out) == origin_of(pq.read_table(out).schema) == wanted
    if suffix == "arrow":
        assert origin_of(pa.ipc.open_file(out).schema) == wanted


def test_settings_that_a_profile_ignores_are_no_part_of_its_origin(capture: Path) -> None:
    flows = iotids.flows_from_capture(capture, "paper", idle_timeout_s=7.0, tunnels="outer")
    assert origin_of(flows.schema) == {
        "meter": CLEAN["meter"],
        "profile": "paper",
        "flow_timeout_s": "120",
        "activity_timeout_s": "5",
    }


def test_a_damaged_capture_has_both_its_fault_and_its_origin(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-5])
    flows = iotids.flows_from_capture(cut, keep_going=True)
    assert b"incomplete" in flows.schema.metadata
    assert origin_of(flows.schema) == CLEAN


def test_labelled_tables_keep_the_origin(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("default: BENIGN\nrules: [{label: DOS, protocol: tcp}]\n")
    done = run("label", capture, "--rules", "r.yaml", "-o", "l.parquet", folder=tmp_path)
    assert origin_of_file(tmp_path / "l.parquet") == CLEAN, done.stderr
    assert origin_of_file(tmp_path / "l.apart.parquet") == CLEAN


def test_label_refuses_a_table_that_was_metered_otherwise(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("default: BENIGN\nrules: [{label: DOS, protocol: tcp}]\n")
    assert run("meter", capture, "-o", "f.parquet", "--profile", "paper", folder=tmp_path).returncode == 0
    words = ("label", capture, "--rules", "r.yaml", "--flows", "f.parquet")
    refused = run(*words, folder=tmp_path)
    assert refused.returncode == 1
    assert "profile paper and clean" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert run(*words, "--profile", "paper", folder=tmp_path).returncode == 0


def test_tables_with_different_settings_do_not_become_one_dataset() -> None:
    def table(where: str, **origin: str):
        return table_in_memory(where, with_origin(pa.schema([]), origin).empty_table())

    paper, clean = table("a", profile="paper"), table("b", profile="clean", idle_timeout_s="60")
    with pytest.raises(ValueError, match="a and b were metered differently .profile paper and clean"):
        origin_of_tables([paper, clean])
    with pytest.raises(ValueError, match="b and c .* .idle_timeout_s 60 and 30"):
        origin_of_tables([clean, table("c", profile="clean", idle_timeout_s="30")])
    assert origin_of_tables([clean, table("d", profile="clean", idle_timeout_s="60.0")])[1] == []
    imported = table("e", imported_from="x.csv")
    merged, warnings = origin_of_tables([clean, imported])
    assert merged == {}
    assert warnings[0].startswith("e: not known which profile")
    assert origin_of_tables([imported]) == ({"imported_from": "x.csv"}, [])


def test_a_third_table_is_compared_with_every_one_before_it() -> None:
    origins = {"a": {"imported_from": "x"}, "b": {"profile": "clean"}, "c": {"profile": "paper"}}
    with pytest.raises(ValueError, match="b and c"):
        merged_origin(origins)


def test_numbers_are_compared_as_numbers() -> None:
    assert differences({"flow_timeout_s": "120"}, {"flow_timeout_s": "120.0"}) == []
    assert differences({"tunnels": "inner"}, {"tunnels": "outer"}) == ["tunnels inner and outer"]
