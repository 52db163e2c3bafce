"""Flows that were metered with other settings than the package's are not judged: their features mean other things."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import iotids
from iotids.detecting.package.origin_check import check_origin
from iotids.writing.table_origin import origin_of
from tests.detecting.lab import benign_records
from tests.packets import write_pcap


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of some benign flows."""
    path = tmp_path_factory.mktemp("captures") / "a.pcap"
    write_pcap(path, benign_records(flows=60, seed=1))
    return path


def labelled(path: Path, flows: pa.Table) -> Path:
    """A table with truth columns."""
    for name, value in {"label": "BENIGN", "source": "lab", "group": "1"}.items():
        flows = flows.append_column(name, pa.array([value] * flows.num_rows))
    pq.write_table(flows, path)
    return path


def evaluate(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `iotids evaluate`."""
    command = [sys.executable, "-m", "iotids", "evaluate", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_flows_metered_otherwise_are_not_judged(capture, trained):
    own = trained.meter_settings
    with pytest.raises(
        ValueError, match="this table is metered otherwise than lab wants .profile paper and clean"
    ):
        iotids.judge_flows(trained, iotids.flows_from_capture(capture, "paper"))
    with pytest.raises(ValueError, match="flow_timeout_s 60 and 120"):
        iotids.judge_flows(trained, iotids.flows_from_capture(capture, **own | {"flow_timeout_s": 60.0}))


def test_flows_metered_alike_and_tables_that_do_not_say_are_judged(capture, trained):
    flows = iotids.flows_from_capture(capture, **trained.meter_settings)
    assert iotids.judge_flows(trained, flows).num_rows == flows.num_rows > 0
    assert check_origin(trained, {"mine": origin_of(flows.schema)}) == []
    assert iotids.judge_flows(trained, flows.replace_schema_metadata(None)).num_rows == flows.num_rows
    assert "mine does not say" in check_origin(trained, {"mine": {}})[0]


def test_evaluate_takes_only_tables_of_the_packages_profile(capture, trained, tmp_path):
    good = labelled(tmp_path / "good.parquet", iotids.flows_from_capture(capture, **trained.meter_settings))
    other = labelled(tmp_path / "other.parquet", iotids.flows_from_capture(capture, "corrected"))
    silent = labelled(tmp_path / "silent.parquet", pq.read_table(good).replace_schema_metadata(None))
    assert "warning" not in evaluate(trained.folder, good).stderr
    assert f"warning: {silent} does not say with which profile" in evaluate(trained.folder, silent).stderr
    refused = evaluate(trained.folder, good, other)
    assert refused.returncode == 1
    assert f"{other} is metered otherwise than lab wants (profile corrected and clean" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n"])
def test_evaluate_says_in_one_line_what_is_no_labelled_table(capture, trained, tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    pq.write_table(iotids.flows_from_capture(capture, "clean"), tmp_path / "unlabelled.parquet")
    for name in ("x.csv", "unlabelled.parquet", "absent.parquet"):
        refused = evaluate(trained.folder, tmp_path / name)
        assert refused.returncode == 1
        assert name in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


@pytest.mark.parametrize("label", [None, ""])
@pytest.mark.parametrize("rows", [1, 3])
def test_evaluate_refuses_flows_whose_label_is_empty(capture, trained, tmp_path, label, rows):
    flows = iotids.flows_from_capture(capture, **trained.meter_settings)
    table = pq.read_table(labelled(tmp_path / "flows.parquet", flows))
    texts = [label] * rows + ["BENIGN"] * (table.num_rows - rows)
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", pa.array(texts, pa.string())), tmp_path / "empty.parquet")
    refused = evaluate(trained.folder, tmp_path / "flows.parquet", tmp_path / "empty.parquet")
    assert refused.returncode == 1
    assert f"empty.parquet: {rows} of {table.num_rows} flows have no label" in refused.stderr
    assert "iotids label" in refused.stderr and len(refused.stderr.strip().splitlines()) == 1
