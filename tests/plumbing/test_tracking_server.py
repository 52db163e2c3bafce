"""A tracking server on loopback, started as docs/scaling-out.md says, takes runs, artifacts and models by
MLFLOW_TRACKING_URI alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.tracking.store import EXPERIMENT
from tests.plumbing.loopback_server import tracking_server
from tests.plumbing.run_folders import write_run_folder

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with tracking_server(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def published(server, tmp_path_factory):
    """Two run folders, one with a model, published by two processes at once."""
    root = tmp_path_factory.mktemp("workspace")
    scores = [write_run_folder(root / name, depth=d, n_epochs=3) for name, d in (("a", 4), ("b", 5))]
    from iotids.learning.networks.dense.keras_network import build_network

    build_network(n_features=70, n_classes=2, depth=4, width=8, dropout=0.2).save(
        root / "a/out/network/binary-dl4/model.keras"
    )
    (root / "a/out/dataset").mkdir()
    flows = pa.table({f"f{i}": pa.array([0, 0.1 * i, 100 * i], pa.float64()) for i in range(70)})
    pq.write_table(flows, root / "a/out/dataset/flows.parquet")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server, "DVC_ROOT": str(root)}
    command = [sys.executable, "-m", "iotids", "publish"]
    processes = [subprocess.Popen([*command, str(folder)], cwd=ROOT, env=environment) for folder in scores]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    assert not (root / "mlflow.db").exists()
    return server


@pytest.fixture
def client(published, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", published)
    return MlflowClient(tracking_uri=published, registry_uri=published)


def test_parents_and_folds_of_both_processes_are_on_the_server(client):
    found = client.search_runs(["1"], max_results=100)
    assert sorted(run.info.run_name for run in found if run.data.tags["level"] == "cv") == [
        "DL4 · binary · stratified",
        "DL5 · binary · stratified",
    ]
    assert sum(run.data.tags["level"] == "fold" for run in found) == 10


def test_the_files_of_a_run_come_back_from_the_server(client, tmp_path):
    (parent,) = client.search_runs(["1"], "tags.level = 'cv' and params.model = 'dl5'")
    path = client.download_artifacts(parent.info.run_id, "folds.json", str(tmp_path))
    assert '"dl5"' in Path(path).read_text()


def test_the_registered_model_is_loaded_by_alias_and_has_a_signature(client):
    import mlflow

    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    try:
        model = mlflow.keras.load_model("models:/binary-dl4@workspace")
        scores = model.predict(np.zeros((3, 70), np.float32), verbose=0)
        info = mlflow.models.get_model_info("models:/binary-dl4@workspace")
    finally:
        mlflow.set_tracking_uri(None)
    assert scores.shape == (3, 2)
    assert [tensor.shape for tensor in info.signature.inputs.inputs] == [(-1, 70)]


def test_the_registered_version_has_its_scores_and_an_example_of_its_input(client, tmp_path):
    from mlflow.artifacts import download_artifacts

    experiment = client.get_experiment_by_name(EXPERIMENT)
    model = next(m for m in client.search_logged_models([experiment.experiment_id]) if m.name == "binary-dl4")
    assert {metric.key for metric in model.metrics} >= {"test/accuracy", "test/f1_macro"}
    place = download_artifacts(
        artifact_uri=f"models:/{model.model_id}",
        dst_path=str(tmp_path),
        tracking_uri=os.environ["MLFLOW_TRACKING_URI"],
    )
    (example,) = json.loads((Path(place) / "input_example.json").read_text())
    assert example == [float(np.float32(0.1 * i)) for i in range(70)]


def test_the_example_of_the_input_gives_the_scores_of_the_model_itself(client):
    import mlflow

    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    try:
        place = mlflow.artifacts.download_artifacts("models:/binary-dl4@workspace")
        served = mlflow.pyfunc.load_model("models:/binary-dl4@workspace")
        model = mlflow.keras.load_model("models:/binary-dl4@workspace")
    finally:
        mlflow.set_tracking_uri(None)
    example = mlflow.models.Model.load(place).load_input_example(place)
    assert example.shape == (1, 70) and example.dtype == np.float32
    wanted = model.predict(np.array([[0.1 * i for i in range(70)]], np.float32), verbose=0)
    np.testing.assert_allclose(served.predict(example), wanted, rtol=1e-5)
