"""The stages, run one after the other on a small sample, end to end and twice."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.plumbing.params import compose
from iotids.testbed.__main__ import main as write_sample
from tests.plumbing.terminal import on_terminal

ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "split.kinds=[stratified,grouped]",
    "network.epochs=2",
    "network.models=[dl4]",
    "baseline.models=[naive_bayes,majority]",
    "split.folds=3",
]
SOURCES = ["D1", "D2", "D3", "D4"]

pytestmark = pytest.mark.slow

SCORE = [
    "--network",
    "out/network",
    "--baseline",
    "out/baseline",
    "--out",
    "out/score",
    "--metrics",
    "out/metrics.json",
]


def environment(folder):
    """A shell's in `folder`, with the project's code."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder), "PYTHONWARNINGS": "ignore"}


def run(folder, *words, ok=True):
    """Run one stage in `folder` with the project's code."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, env=environment(folder)
    )
    assert (done.returncode == 0) is ok, done.stderr
    return done


def data_stages(folder):
    for source in SOURCES:
        flows, labelled = f"out/flows/{source}", f"out/labelled/{source}"
        run(
            folder,
            "stages.meter",
            "--source",
            source,
            "--out",
            f"{flows}.parquet",
            "--ledger",
            f"{flows}.ledger.json",
        )
        run(
            folder,
            "stages.label",
            "--source",
            source,
            "--flows",
            f"{flows}.parquet",
            "--out",
            f"{labelled}.parquet",
            "--summary",
            f"{labelled}.json",
        )
    run(folder, "stages.integrate", "--labelled", "out/labelled", "--out", "out/dataset")
    run(folder, "stages.split", "--dataset", "out/dataset/flows.parquet", "--out", "out/splits")


def digests(folder):
    paths = [path for path in (folder / "out").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    write_sample([str(folder / "data" / "sample"), "--seed", "3", "--scale", "0.1"])
    compose(SMALL, folder / "params.yaml", ROOT / "conf")
    data_stages(folder)
    return folder


def test_the_dataset_has_the_paper_s_features_and_every_class(workspace):
    dataset = pq.read_table(workspace / "out/dataset/flows.parquet")
    assert set(MODEL_FEATURE_NAMES) <= set(dataset.column_names)
    assert set(dataset["label"].unique().to_pylist()) == {"BENIGN", "DOS", "MIRAI", "MITM", "SCANNING"}


def test_metering_labelling_integrating_and_splitting_again_gives_the_same_bytes(workspace):
    first = digests(workspace)
    data_stages(workspace)
    assert digests(workspace) == first


def test_models_are_trained_and_reported_from_their_predictions(workspace):
    common = ["--dataset", "out/dataset/flows.parquet", "--splits", "out/splits"]
    for task in ("binary", "multiclass"):
        run(
            workspace,
            "stages.network",
            "--task",
            task,
            "--model",
            "dl4",
            *common,
            "--out",
            f"out/network/{task}-dl4",
        )
        for model in ("naive_bayes", "majority"):
            run(
                workspace,
                "stages.baseline",
                "--task",
                task,
                "--model",
                model,
                *common,
                "--out",
                f"out/baseline/{task}-{model}",
            )
    run(workspace, "stages.score", *common, *SCORE)
    written = "--score out/score --network out/network --table2 out/dataset/table2.md --out out/report --table3 out/table3.csv"
    run(workspace, "stages.report", *written.split())
    folds = json.loads((workspace / "out/network/multiclass-dl4/folds.json").read_text())
    assert set(folds["splits"]) == {"stratified", "grouped"}
    assert all(
        "Table III" in (workspace / f"out/report/{name}.md").read_text() for name in ("report", "results")
    )
    assert (
        json.loads((workspace / "out/metrics.json").read_text())["binary"]["grouped"]["DL4"]["accuracy"] > 0.5
    )
    assert (workspace / "mlflow.db").is_file()


def test_training_draws_its_epochs_on_a_terminal_and_nothing_into_a_log(workspace):
    words = [
        "stages.network",
        "--task",
        "binary",
        "--model",
        "dl4",
        "--dataset",
        "out/dataset/flows.parquet",
        "--splits",
        "out/splits",
        "--out",
    ]
    code, drawn = on_terminal(
        [sys.executable, "-m", *words, "terminal/binary-dl4"], workspace, environment(workspace)
    )
    assert code == 0, drawn
    assert re.search(r"\r *\d+%.* 11/12 .*epochs", drawn), (
        drawn
    )  # two epochs of each of six folds; the last one ends the bar
    logged = run(workspace, *words, "log/binary-dl4")
    assert (logged.stdout, logged.stderr) == ("", "")


def test_a_missing_run_is_named_and_nothing_is_written(workspace, tmp_path):
    (tmp_path / "params.yaml").write_text((workspace / "params.yaml").read_text())
    common = ["--dataset", "out/dataset/flows.parquet", "--splits", "out/splits"]
    done = run(
        tmp_path,
        "stages.score",
        *common,
        *SCORE,
        ok=False,
    )
    assert "binary-dl4" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_sample_says_how_to_get_it(tmp_path):
    compose([], tmp_path / "params.yaml", ROOT / "conf")
    done = run(
        tmp_path,
        "stages.meter",
        "--source",
        "D1",
        "--out",
        "out/D1.parquet",
        "--ledger",
        "out/D1.json",
        ok=False,
    )
    assert "dvc pull data.dvc" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_parameter_is_named(workspace, tmp_path):
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    params["split"]["fold"] = 5
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    words = ["stages.split", "--dataset", str(workspace / "out/dataset/flows.parquet"), "--out", "out/splits"]
    assert "`split.fold`" in run(tmp_path, *words, ok=False).stderr
