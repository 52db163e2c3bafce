"""What the systems of Section III cannot learn from is named by the stage as a user runs it; finished folds are kept."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.learning.splits.flows import flows_from_table
from iotids.writing.tables import write_table
from stages.split import Params as SplitParams
from stages.split import split_flows
from tests.learning.generated_flows import CLASSES, dataset_table

ROOT = Path(__file__).resolve().parents[3]
COUNTS = {"BENIGN": 120, "DOS": 60, "MIRAI": 60, "MITM": 12, "SCANNING": 60}
SOURCES = {"BENIGN": "D1", "DOS": "D1", "MIRAI": "D2", "MITM": "D1", "SCANNING": "D2"}
MODELS = {
    "many_nodes": {"kind": "fog", "nodes": 5_000, "shares": "site", "epochs": 1},
    "no_class": {"kind": "fog", "nodes": 10, "shares": "random", "epochs": 1},
    "five_nodes": {"kind": "fog", "nodes": 5, "shares": "random", "epochs": 1},
    "long_window": {"kind": "tap_delay", "window": 5_000, "epochs": 1},
    "packet_conv": {"kind": "packet_network", "layers": "convolution", "epochs": 1},
    "hybrid": {"kind": "hybrid", "epochs": 1},
    "kitsune": {"kind": "kitsune", "epochs": 1},
}


def with_two_elsewhere(table):
    """The dataset, with two of the flows of MITM at the other site."""
    source = np.array(table["source"].to_pylist())
    source[np.flatnonzero(np.array(table["label"].to_pylist()) == "MITM")[:2]] = "D2"
    at = table.schema.get_field_index("source")
    return table.set_column(at, table.schema.field(at), pa.array(source, table.schema.field(at).type))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small dataset, its splits and parameters, as the stage finds them."""
    place = tmp_path_factory.mktemp("bad")
    table = with_two_elsewhere(dataset_table(counts=COUNTS, sources=SOURCES))
    write_table(table, place / "flows.parquet")
    chosen = SplitParams(("stratified", "environment"), 2, 7, 10.0, "label")
    for name, (split, _) in split_flows(flows_from_table(table, benign="BENIGN"), chosen).items():
        write_table(split, place / f"splits/{name}.parquet")
    data = {"name": "generated", "root": ".", "sources": {}, "classes": list(CLASSES), "benign": "BENIGN"}
    network = yaml.safe_load((ROOT / "params.yaml").read_text())["network"] | {
        "models": list(MODELS),
        "splits": ["stratified", "environment"],
        "settings": MODELS,
        "seeds": 1,
    }
    (place / "params.yaml").write_text(yaml.safe_dump({"data": data, "network": network}))
    return place


def run(folder, model, *, dataset="flows.parquet", splits="splits"):
    """The stage as a command; its exit code and what it says."""
    command = [sys.executable, "-m", "stages.network", "--task", "multiclass", "--model", model]
    command += ["--dataset", dataset, "--splits", splits, "--out", f"out/multiclass-{model}"]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "DVC_ROOT": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def refused(folder, model, message, **more):
    """The stage ends with an error in words, and writes no run folder."""
    code, said = run(folder, model, **more)
    assert code == 1 and re.search(message, said), said
    assert "Traceback" not in said
    assert not (folder / f"out/multiclass-{model}").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("many_nodes", r"node \d+ of 5000 gets no flow: the training rows are \d+; lower nodes"),
        (
            "no_class",
            r"class MITM has \d+ training flows for 10 nodes, so a node has none of it; lower nodes",
        ),
        ("long_window", r"window is 5000 flows, but no host of the training rows has more than \d+"),
        ("packet_conv", r"sequence_"),
        ("hybrid", r"sequence_"),
    ],
)
def test_what_a_system_cannot_learn_from_is_named(folder, model, message):
    refused(folder, model, message)


@pytest.mark.slow
def test_a_table_of_another_dataset_or_year_is_refused(folder):
    later = pq.read_table(folder / "flows.parquet")
    write_table(later.slice(5), folder / "fewer.parquet")
    refused(folder, "kitsune", r"split", dataset="fewer.parquet")
    labels = np.array(later["label"].to_pylist(), object)
    names = pa.array(np.where(labels == "DOS", "DDOS", labels), later.schema.field("label").type)
    at = later.schema.get_field_index("label")
    write_table(later.set_column(at, later.schema.field(at), names), folder / "other.parquet")
    refused(
        folder,
        "kitsune",
        r"the dataset has the labels DDOS, but data.classes are BENIGN",
        dataset="other.parquet",
    )


@pytest.mark.slow
def test_a_missing_column_is_named(folder):
    table = pq.read_table(folder / "flows.parquet").drop_columns(["fwd_bytes"])
    write_table(table, folder / "narrow.parquet")
    refused(folder, "kitsune", r"fwd_bytes", dataset="narrow.parquet")


@pytest.mark.slow
def test_folds_finished_before_one_that_cannot_be_learned_are_kept(folder):
    message = r"class MITM has 2 training flows for 5 nodes, so a node has none of it"
    refused(folder, "five_nodes", message)
    kept = {
        path: path.stat().st_mtime_ns
        for path in folder.glob("out/.multiclass-five_nodes.unfinished/stratified-*")
    }
    assert len(kept) >= 2
    refused(folder, "five_nodes", message)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
