"""The stage final packs a trained network, publishes only exports that agree, and registers what can be
served.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.detecting.judging.verdict_words import VERDICTS
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import PackageError, open_package
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.contract import RunContext
from iotids.learning.data.flow_columns import feature_matrix
from iotids.learning.data.folds import Fold
from iotids.learning.data.training_data import read_training_data
from iotids.learning.networks.registry import NETWORKS
from iotids.learning.runs.run_folder import Configuration, write_run
from tests.learning.generated_flows import CLASSES, dataset_table

ROOT = Path(__file__).resolve().parents[2]
NETWORK = {
    "width": 32,
    "batch_size": 128,
    "epochs": 6,
    "learning_rate": 0.1,
    "momentum": 0.09,
    "decay": 1e-6,
    "nesterov": True,
    "dropout": 0.2,
    "patience": 0,
}
METER = {
    "profile": "paper",
    "flow_timeout_s": 120.0,
    "activity_timeout_s": 5.0,
    "idle_timeout_s": 120.0,
    "tunnels": "inner",
    "keep_going": False,
    "columns": [],
    "max_bytes": 0,
}
FINAL = {
    "configurations": [{"stage": "network", "run": "multiclass-dl2"}],
    "split": "grouped",
    "false_alarm_share": 0.01,
    "novelty_quantile": 0.99,
    "coverage": 0.9,
    "zero_point_share": None,
    "prototypes": 32,
    "exports": [
        "onnx_int8_weights",
        "onnx_int8",
        "litert",
        "litert_dynamic",
        "litert_int8",
        "litert_int16x8",
    ],
    "agreement": 0.999,
    "alias": "current",
    "recordings": [],
    "seed": 7,
}

pytestmark = pytest.mark.slow


def run_folder(folder, dataset):
    """A cross-validated run of two folds, trained for real; its card beside it."""
    kind = NETWORKS["dense"]
    data = read_training_data(dataset.select, kind, "multiclass", CLASSES, "BENIGN")
    rows = np.arange(data.truth.size)
    folds = [Fold(f, rows[rows % 2 != f], rows[rows % 2 == f]) for f in range(2)]
    settings = kind.settings({**NETWORK, "depth": 2})
    context = RunContext(NoStore())
    run = kind.fit_folds(data, {"grouped": folds}, settings, seed=7, orders=1, context=context)
    write_run(folder, run, Configuration("network", "multiclass", "dl2", kind, settings, 7), data)
    card = {
        "folds": 2,
        "figure": "mean over 2 folds",
        "accuracy": {"value": 0.9, "std": 0.1, "by_capture": 0.8},
    }
    (folder.parent / "card.json").write_text(json.dumps({"grouped": card}))


class NoStore:
    """Keeps nothing: these runs are not broken off."""

    def load(self, name):
        return None

    def save(self, name, arrays):
        pass


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the stage has run once, with its own MLflow store."""
    folder = tmp_path_factory.mktemp("final")
    data = {
        "name": "generated",
        "root": str(folder),
        "classes": list(CLASSES),
        "benign": "BENIGN",
        "sources": {},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump({"data": data, "meter": METER, "final": FINAL}))
    dataset = dataset_table(
        counts={"BENIGN": 900, "DOS": 500, "MIRAI": 500, "MITM": 200, "SCANNING": 500}, seed=3
    )
    pq.write_table(dataset, folder / "flows.parquet")
    run_folder(folder / "run", dataset)
    done = final(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def environment(folder):
    store = f"sqlite:///{folder / 'mlflow.db'}"
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MLFLOW_TRACKING_URI": store,
        "DVC_ROOT": str(folder),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def final(folder, out="final/multiclass-dl2", run="run", **changed):
    command = [
        sys.executable,
        "-m",
        "stages.final",
        "--dataset",
        "flows.parquet",
        "--run",
        run,
        "--card",
        "card.json",
        "--out",
        out,
    ]
    return subprocess.run(
        command, cwd=folder, env={**environment(folder), **changed}, capture_output=True, text=True
    )


def test_the_package_names_its_training_data_and_what_cross_validation_says(workspace):
    manifest = open_package(workspace[0] / "final" / "multiclass-dl2", profile="paper").manifest
    assert manifest["training"]["flows_per_class"] == {
        "BENIGN": 900,
        "DOS": 500,
        "MIRAI": 500,
        "MITM": 200,
        "SCANNING": 500,
    }
    said = manifest["cross_validation"]["grouped"]
    assert said == json.loads((workspace[0] / "card.json").read_text())["grouped"]
    assert said["figure"] == "mean over 2 folds" and set(said["accuracy"]) == {"value", "std", "by_capture"}
    assert manifest["operating_point"]["measured"]["false_alarm_share"] <= 0.02
    recalls = [choice["recall"] for choice in manifest["operating_point"]["choices"]]
    assert recalls == sorted(recalls)


def test_the_onnx_model_gives_the_verdicts_of_the_keras_model(workspace):
    export = open_package(workspace[0] / "final" / "multiclass-dl2").manifest["exports"]["onnx"]
    assert export["agreement"] == 1.0
    assert export["largest_probability_difference"] < 1e-4


def test_every_export_is_either_published_with_its_figures_or_refused_and_gone(workspace):
    folder, done = workspace
    package = open_package(folder / "final" / "multiclass-dl2")
    assert set(package.manifest["exports"]) == {"onnx", *FINAL["exports"]}
    for kind, export in package.manifest["exports"].items():
        assert (
            export["published"]
            == (export["agreement"] >= 0.999)
            == (package.folder / export["file"]).is_file()
        )
        assert export["bytes"] > 0
        assert f"{kind}: " in done.stdout


def test_an_export_that_disagrees_is_refused_by_name(workspace):
    """Eight-bit inputs of microseconds: LiteRT's full integer variant without float scaling in front would be
    at chance.
    """
    folder, _ = workspace
    params = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(
        yaml.safe_dump({**params, "final": {**FINAL, "exports": ["onnx_int8"], "agreement": 1.0 + 1e-9}})
    )
    done = final(folder, out="refused/multiclass-dl2")
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    assert done.returncode == 1
    assert "gives other verdicts than the model itself" in done.stderr
    assert not (folder / "refused" / "multiclass-dl2").exists()


def test_the_same_inputs_give_the_same_package(workspace):
    folder, _ = workspace
    before = open_package(folder / "final" / "multiclass-dl2").identity
    shutil.copytree(folder / "final", folder / "first")
    assert final(folder).returncode == 0
    assert open_package(folder / "final" / "multiclass-dl2").identity == before


def test_a_store_that_cannot_be_reached_leaves_the_package_and_a_warning(workspace):
    folder, _ = workspace
    done = final(folder, out="offline/multiclass-dl2", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "not registered in MLflow" in done.stderr
    assert open_package(folder / "offline" / "multiclass-dl2")


def test_the_registered_package_is_found_by_its_alias_and_is_the_same(workspace, monkeypatch, tmp_path):
    from iotids.tracking.registry import NoSuchModelError, fetch

    folder, done = workspace
    assert "registered as models:/detector-multiclass-dl2@current" in done.stdout
    monkeypatch.setenv("MLFLOW_TRACKING_URI", environment(folder)["MLFLOW_TRACKING_URI"])
    monkeypatch.setenv("DVC_ROOT", str(folder))
    for reference in ("current", "multiclass-dl2@current", "models:/detector-multiclass-dl2@current"):
        target = tmp_path / reference.replace("/", "-")
        target.mkdir()
        assert (
            open_package(fetch(reference, target)).identity
            == open_package(folder / "final" / "multiclass-dl2").identity
        )
    with pytest.raises(NoSuchModelError, match="there are: detector-multiclass-dl2@current"):
        fetch("yesterday", tmp_path)


def test_the_registered_example_is_an_ordinary_flow_with_the_verdict_of_the_package(workspace, monkeypatch):
    import mlflow

    folder, _ = workspace
    monkeypatch.setattr(sys, "path", list(sys.path))  # MLflow puts the model's own code before all others
    flows = pq.read_table(folder / "flows.parquet")
    X, benign = feature_matrix(flows), np.array(flows["label"].to_pylist()) == CLASSES[0]
    mlflow.set_tracking_uri(environment(folder)["MLFLOW_TRACKING_URI"])
    try:
        served = mlflow.pyfunc.load_model("models:/detector-multiclass-dl2@current")
    finally:
        mlflow.set_tracking_uri(None)
    example = served.input_example
    assert list(example.columns) == list(MODEL_FEATURE_NAMES) and set(example.dtypes) == {
        np.dtype(np.float64)
    }
    row = example.to_numpy()
    np.testing.assert_allclose(row, np.median(X[benign], axis=0)[None], rtol=1e-6)
    assert np.count_nonzero(row) > 10 and not (row == X).all(axis=1).any()
    package = open_package(folder / "final" / "multiclass-dl2")
    decision = Judge(package, Model(package), package_point(package)).decide(row)
    answer = served.predict(example)
    assert answer["verdict"].tolist() == [VERDICTS[code] for code in decision.code]
    shares = answer[[f"p_{name}" for name in package.classes]].to_numpy()
    np.testing.assert_allclose(shares, decision.shares, rtol=1e-6)


def test_a_detector_that_finds_nothing_exits_3_and_leaves_the_alias_where_it_is(workspace, monkeypatch):
    """Its own held-out predictions call every flow benign: packed, registered, doubted; not handed over."""
    from mlflow import MlflowClient

    folder, _ = workspace
    predictions = pq.read_table(folder / "run" / "predictions.parquet")
    blind = shutil.copytree(folder / "run", folder / "blind") / "predictions.parquet"
    for name in CLASSES:
        column = pa.array([float(name == "BENIGN")] * predictions.num_rows, pa.float64())
        at = predictions.schema.get_field_index(f"score_{name}")
        predictions = predictions.set_column(
            at, f"score_{name}", column.cast(predictions.schema.field(at).type)
        )
    pq.write_table(predictions, blind)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", environment(folder)["MLFLOW_TRACKING_URI"])
    registered = MlflowClient().get_model_version_by_alias
    before = registered("detector-multiclass-dl2", "current").version
    done = final(folder, out="blind-final/multiclass-dl2", run="blind")
    assert done.returncode == 3, done.stderr[-2000:]
    assert "the alias current stays where it is, because the package has doubts" in done.stdout
    assert registered("detector-multiclass-dl2", "current").version == before
    assert len(MlflowClient().search_model_versions("name='detector-multiclass-dl2'")) > int(before)
    assert open_package(folder / "blind-final" / "multiclass-dl2").manifest["doubts"]


def test_a_split_without_predictions_is_refused_with_those_that_exist(workspace):
    folder, _ = workspace
    params = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump({**params, "final": {**FINAL, "split": "temporal"}}))
    done = final(folder, out="none/multiclass-dl2")
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    assert done.returncode == 1
    assert "no predictions for the split 'temporal' (it has grouped)" in done.stderr


def test_a_pickle_in_the_place_of_the_model_is_never_opened(workspace, tmp_path):
    package = shutil.copytree(workspace[0] / "final" / "multiclass-dl2", tmp_path / "copy")
    (package / "reference.json").write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")
    with pytest.raises(PackageError, match="damaged or foreign"):
        open_package(package)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_mlflow_serves_the_documented_request_with_the_verdicts_of_detect(workspace):
    folder, _ = workspace
    port = free_port()
    command = [
        Path(sys.executable).parent / "mlflow",
        "models",
        "serve",
        "-m",
        "models:/detector-multiclass-dl2@current",
        "--env-manager",
        "local",
        "-h",
        "127.0.0.1",
        "-p",
        port,
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    server = subprocess.Popen(
        [*map(str, command)],
        cwd=folder,
        env={**environment(folder), "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        X = feature_matrix(pq.read_table(folder / "flows.parquet"))[::400]
        body = json.dumps(
            {"dataframe_split": {"columns": list(MODEL_FEATURE_NAMES), "data": X.tolist()}}
        ).encode()
        answer = ask(f"http://127.0.0.1:{port}/invocations", body, server)
        package = open_package(folder / "final" / "multiclass-dl2")
        decisions = Judge(package, Model(package), package_point(package)).decide(X)
        assert [row["verdict"] for row in answer["predictions"]] == [
            VERDICTS[code] for code in decisions.code
        ]
        assert np.allclose([row["p_DOS"] for row in answer["predictions"]], decisions.shares[:, 1])
        incomplete = json.dumps({"dataframe_split": {"columns": ["fwd_packets"], "data": [[1.0]]}}).encode()
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(
                urllib.request.Request(
                    f"http://127.0.0.1:{port}/invocations", incomplete, {"Content-Type": "application/json"}
                ),
                timeout=60,
            )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def ask(url, body, server, seconds=180):
    """The answer of a server that may still be starting."""
    end = time.monotonic() + seconds
    while True:
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[-2000:]) from error
        except OSError:
            assert server.poll() is None, server.stderr.read().decode()[-3000:]
            assert time.monotonic() < end, "the server never answered"
            time.sleep(0.5)
