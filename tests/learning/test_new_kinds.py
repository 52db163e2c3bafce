"""Another kind of network is three files, another classical model two. Done in a copy, from the dataset to verdicts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.detecting.judging.verdict_words import VERDICTS
from iotids.detecting.packing.packing import DOUBTFUL
from iotids.learning.data.flow_columns import feature_matrix
from iotids.learning.runs.onnx_model import OnnxModel
from tests.detecting.lab import scan_records
from tests.learning.generated_flows import CLASSES, dataset_table
from tests.packets import write_pcap

ROOT = Path(__file__).parents[2]
ADDED_KIND = "iotids/learning/networks/shallow.py"
# file: what is replaced, by what
NETWORK = {
    "iotids/learning/networks/registry.py": {
        "from iotids.learning.networks.dense.kind import DenseKind\n": "from iotids.learning.networks.dense.kind import DenseKind\n"
        "from iotids.learning.networks.shallow import ShallowKind\n",
        "(DenseKind(), RecipeKind(), *SURVEYED)": "(DenseKind(), RecipeKind(), *SURVEYED, ShallowKind())",
    },
    "conf/network/default.yaml": {
        "models: [dl_sensible, dl4, dl5, dl6, dl7] ": "models: [dl_sensible, dl4, dl5, dl6, dl7, shallow] ",
        "  dl7: {kind: dense, depth: 7}\n": "  dl7: {kind: dense, depth: 7}\n  shallow: {steps: 150}\n",
    },
}
CLASSICAL = {
    "iotids/learning/baselines/classical.py": {
        "SCIKIT_KINDS = (\n": "SCIKIT_KINDS = (\n"
        '    ScikitKind("ada_boost", ForestSettings, "sklearn.ensemble.AdaBoostClassifier"),\n',
    },
    "conf/baseline/default.yaml": {
        "models: [": "models: [ada_boost, ",
        "  naive_bayes: {}\n": "  naive_bayes: {}\n  ada_boost: {n_estimators: 20}\n",
    },
}


def run(folder, *command, codes=(0,)):
    """What a command in the copy prints."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "DVC_ROOT": str(folder),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode in codes, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def copy(tmp_path):
    """The project's code and configuration, with a generated dataset and its splits."""
    for folder in ("iotids", "stages", "tests", "conf"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "params.yaml", "dvc.yaml"):
        shutil.copy2(ROOT / name, tmp_path)
    pq.write_table(dataset_table(counts=dict.fromkeys(CLASSES, 120), seed=3), tmp_path / "flows.parquet")
    return tmp_path


def change(folder, changes):
    """Edit the copy; every text to replace is there once."""
    for name, replacements in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in replacements.items():
            assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")


def run_stage(folder, stage, *arguments):
    """Compose the parameters of the smoke preset from conf/, split, and run the stage; its run folder."""
    run(folder, "-m", "iotids.plumbing.params", "preset=smoke")
    run(folder, "-m", "stages.split", "--dataset", "flows.parquet", "--out", "splits")
    paths = ["--dataset", "flows.parquet", "--splits", "splits", "--out", "run"]
    run(folder, "-m", f"stages.{stage}", "--task", "multiclass", *arguments, *paths)
    return folder / "run"


def onnx_gives_the_stored_predictions(folder):
    """The first fold's model as an ONNX graph scores the fold's test rows as the run has written them."""
    features = feature_matrix(pq.read_table(folder / "flows.parquet"))
    table = pq.read_table(folder / "run" / "predictions.parquet").to_pandas()
    mine = table.query("split == 'stratified' and fold == 0 and order == 0")
    stored = mine[[f"score_{name}" for name in CLASSES]].to_numpy()
    assert (stored.argmax(axis=1) == mine["truth"]).mean() > 0.4  # twice chance
    return np.abs(OnnxModel.load(folder / "run").scores(features[mine["row"]]) - stored).max() < 1e-5


def judged_flows(folder):
    """Pack the run as the stage final does and let the package judge a capture; verdicts, one per flow."""
    (folder / "card.json").write_text("{}")
    paths = ["--dataset", "flows.parquet", "--run", "run", "--card", "card.json", "--out", "final/added"]
    run(folder, "-m", "stages.final", *paths, codes=(0, DOUBTFUL))
    write_pcap(folder / "attack.pcap", scan_records(flows=50, seed=1))
    run(folder, "-m", "stages.detect", "attack.pcap", "--model", "final/added", "-o", "verdicts.parquet")
    return pq.read_table(folder / "verdicts.parquet")["verdict"].to_pylist()


@pytest.mark.slow
def test_another_kind_of_network_is_three_files(copy):
    shutil.copy2(ROOT / "tests/learning/added_kind.py", copy / ADDED_KIND)
    change(copy, NETWORK)
    assert len({ADDED_KIND, *NETWORK}) <= 3
    folder = run_stage(copy, "network", "--model", "shallow")
    document = json.loads((folder / "folds.json").read_text())
    assert (document["stage"], document["kind"], document["model"]) == ("network", "shallow", "shallow")
    assert document["params"]["steps"] == 150 and document["exports_onnx"]
    assert pq.read_table(folder / "predictions.parquet").num_rows == 2 * 600
    assert onnx_gives_the_stored_predictions(copy)
    verdicts = judged_flows(copy)
    assert len(verdicts) == 50 and set(verdicts) <= set(VERDICTS)
    run(copy, "-m", "pytest", "-q", "tests/learning/test_contract.py", "-k", "shallow")


@pytest.mark.slow
def test_another_classical_model_is_two_files(copy):
    change(copy, CLASSICAL)
    assert len(CLASSICAL) <= 2
    folder = run_stage(copy, "baseline", "--model", "ada_boost")
    document = json.loads((folder / "folds.json").read_text())
    assert (document["stage"], document["kind"]) == ("baseline", "ada_boost")
    assert document["params"]["n_estimators"] == 20
    assert np.isfinite(pq.read_table(folder / "predictions.parquet")["score_DOS"].to_numpy()).all()
    assert onnx_gives_the_stored_predictions(copy)
    verdicts = judged_flows(copy)
    assert len(verdicts) == 50 and set(verdicts) <= set(VERDICTS)
    run(copy, "-m", "pytest", "-q", "tests/learning/test_contract.py", "-k", "ada_boost")


def test_the_settings_in_conf_are_the_defaults_of_the_code():
    from dataclasses import asdict

    from iotids.learning.baselines.registry import BASELINES

    written = yaml.safe_load((ROOT / "params.yaml").read_text())["baseline"]["settings"]
    kinds = {name: values.get("kind", name) for name, values in written.items()}
    assert set(kinds.values()) == set(
        BASELINES
    )  # a model of its own name, or at least one that names the kind
    for name, kind in kinds.items():
        values = {key: value for key, value in written[name].items() if key != "kind"}
        settings = BASELINES[kind].settings(values)
        if name == kind:
            assert settings == BASELINES[kind].settings({}), name
            assert set(values) == set(asdict(settings)), name
