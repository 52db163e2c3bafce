"""Whole splits: known answers, chance on shuffled labels, unequal folds, broken runs that go on, the
stage's run folder.
"""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense import trainer as trainer_file
from iotids.learning.networks.dense.kind import DenseSettings
from iotids.learning.networks.dense.trainer import DenseTrainer
from iotids.learning.runs.unfinished import Unfinished
from iotids.learning.splits.flows import flows_from_table
from iotids.writing.tables import write_table
from stages import network
from stages.split import Params as SplitParams
from stages.split import split_flows
from tests.learning.generated_flows import CLASSES, dataset_table, gaussian_problem
from tests.learning.given import training_data

SETTINGS = DenseSettings(depth=1, width=16, batch_size=64, epochs=4)


def settings(**changes):
    return replace(SETTINGS, **changes)


def k_folds(n, k=3, seed=0):
    fold = np.random.default_rng(seed).permutation(n) % k
    return [Fold(f, np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(k)]


def trainer(X, y, chosen=SETTINGS, names=("BENIGN", "ATTACK")):
    data = training_data(X, y, n_classes=len(names), classes=names, dtype=np.float32)
    return DenseTrainer(data, chosen, seed=3)


def run_split(mine, split, folds, store, *more):
    """One split by itself."""
    return mine.run({split: folds}, store, *more)[split]


def accuracy_of(run):
    return np.mean([(result.scores.argmax(axis=1) == result.truth).mean() for result in run.results])


def test_the_network_comes_close_to_the_bayes_rate_and_shuffled_labels_score_at_chance(tmp_path):
    X, y, bayes = gaussian_problem(n=6000, seed=1)
    mine = trainer(X, y, settings(epochs=12))
    learned = run_split(mine, "stratified", k_folds(6000), Unfinished(tmp_path / "a", "1"))
    accuracy = accuracy_of(learned)
    assert abs(accuracy - bayes) < 0.02
    shuffled = trainer(X, np.random.default_rng(5).permutation(y), settings(epochs=4))
    chance = run_split(shuffled, "stratified", k_folds(6000), Unfinished(tmp_path / "b", "1"))
    accuracy = accuracy_of(chance)
    assert abs(accuracy - 0.5) < 4 * np.sqrt(0.25 / 6000)


def same_runs(some, others):
    """Two sets of runs are the same bits."""
    for split, run in some.items():
        assert run.history == others[split].history
        for a, b in zip(run.results, others[split].results, strict=True):
            np.testing.assert_array_equal(a.scores, b.scores)
        for a, b in zip(run.weights, others[split].weights, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_run_broken_off_goes_on_to_the_same_bits(n_threads, tmp_path, monkeypatch):
    X, y, _ = gaussian_problem(n=600, seed=1)
    folds = {"stratified": k_folds(600), "grouped": k_folds(600, seed=1)}
    networks = trainer(X, y)
    whole = networks.run(folds, Unfinished(tmp_path / "whole", "1"))
    monkeypatch.setattr(trainer_file, "SAVE_EVERY_S", 0.0)
    told = []

    def press_ctrl_c_in_the_seventh_epoch(line):
        told.append(line)
        if len(told) == 7:
            raise KeyboardInterrupt

    store = Unfinished(tmp_path / "broken", "1")
    with pytest.raises(KeyboardInterrupt):
        networks.run(folds, store, press_ctrl_c_in_the_seventh_epoch, n_threads=n_threads)
    lines = []
    again = networks.run(folds, Unfinished(tmp_path / "broken", "1"), lines.append)
    assert 14 <= len(lines) <= 18  # of 24: six were done, and an epoch of two folds by another thread
    same_runs(whole, again)


def test_any_number_of_threads_gives_the_same_bits(tmp_path):
    X, y, _ = gaussian_problem(n=600, seed=1)
    folds = {
        "stratified": k_folds(600),
        "environment": [*k_folds(600, k=2), Fold(2, np.arange(50), np.arange(50, 90))],
    }
    networks = trainer(X, y)
    one, two, eight = (
        networks.run(folds, Unfinished(tmp_path / f"{n}", "1"), n_threads=n) for n in (1, 2, 8)
    )
    assert [result.fold for result in one["environment"].results] == [0, 1, 2]
    assert one["stratified"].history[0].fold == 0 and one["stratified"].history[3].epoch == 2
    same_runs(one, two)
    same_runs(one, eight)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_folds_end_where_they_end_in_a_stack_of_another_size(size, tmp_path):
    X, y, _ = gaussian_problem(n=600, seed=1)
    uneven = [*k_folds(600, k=4), Fold(4, np.arange(50), np.arange(50, 90))]
    two, other = (
        run_split(
            trainer(X, y, settings(folds_per_stack=n)),
            "stratified",
            uneven,
            Unfinished(tmp_path / f"{n}", "1"),
        )
        for n in (2, size)
    )
    for a, b in zip(two.results, other.results, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
    for a, b in zip(two.weights, other.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_diverging_training_names_splits_and_keeps_what_was_finished(tmp_path):
    X, y, _ = gaussian_problem(n=600, seed=1)
    store, folds = Unfinished(tmp_path / "run", "1"), {"grouped": k_folds(600)}
    with pytest.raises(
        FloatingPointError, match=r"training diverged in epoch \d+: the loss of split grouped, fold \d"
    ):
        trainer(X, y, settings(learning_rate=1e6)).run(folds, store, n_threads=2)
    assert store.load("0.0") is None
    trainer(X, y).run(folds, store)
    assert store.load("0.0") is not None and store.load("0.1") is not None


def test_folds_of_very_different_size_train_and_a_class_absent_from_training_is_told(tmp_path):
    X, y, _ = gaussian_problem(n=900, seed=2)
    y = y.copy()
    y[:40] = 2
    folds = [Fold(0, np.arange(40, 900), np.arange(40)), Fold(1, np.r_[0:40, 60:120], np.arange(120, 500))]
    mine = trainer(X, y, names=("BENIGN", "DOS", "MIRAI"))
    run = run_split(mine, "environment", folds, Unfinished(tmp_path / "run", "1"))
    assert run.results[0].record["untrained_classes"] == ["MIRAI"]
    assert run.results[1].scores.shape == (380, 3)
    np.testing.assert_allclose(run.results[1].scores.sum(axis=1), 1.0, rtol=1e-5)


def test_early_stopping_stops_folds_one_by_one(tmp_path):
    X, y, _ = gaussian_problem(n=600, seed=1)
    mine = trainer(X, y, settings(epochs=40, patience=1))
    run = run_split(mine, "stratified", k_folds(600), Unfinished(tmp_path / "run", "1"))
    last = [result.record["epochs"] for result in run.results]
    assert max(last) < 40 and len(set(last)) > 1


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A folder with a small dataset, its splits and parameters, as the stage finds it."""
    table = dataset_table(counts=dict.fromkeys(CLASSES, 80))
    write_table(table, tmp_path / "out/dataset/flows.parquet")
    chosen = SplitParams(("stratified", "grouped"), 3, 7, 10.0, "label")
    for name, (split, _) in split_flows(flows_from_table(table, benign="BENIGN"), chosen).items():
        write_table(split, tmp_path / f"out/splits/{name}.parquet")
    (tmp_path / "data").mkdir()
    shared = {field.name for field in fields(network.Params)}
    section = {key: value for key, value in asdict(settings(epochs=2)).items() if key in shared}
    section |= {"models": ["dl2"], "seed": 3, "seeds": 1, "settings": {"dl2": {"kind": "dense", "depth": 2}}}
    section["splits"] = ["stratified", "grouped"]
    data = {"name": "generated", "root": "data", "sources": {}, "classes": list(CLASSES), "benign": "BENIGN"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"data": data, "network": section}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return tmp_path


def run_stage(monkeypatch, *, task="multiclass", out="out/network/multiclass-dl2"):
    arguments = [
        "--task",
        task,
        "--model",
        "dl2",
        "--dataset",
        "out/dataset/flows.parquet",
        "--splits",
        "out/splits",
        "--out",
        out,
    ]
    monkeypatch.setattr("sys.argv", ["network", *arguments])
    network.main()


def test_the_stage_writes_the_run_folder(workspace, monkeypatch):
    import keras

    run_stage(monkeypatch)
    out = workspace / "out/network/multiclass-dl2"
    document = json.loads((out / "folds.json").read_text())
    assert (document["task"], document["model"], document["classes"]) == ("multiclass", "dl2", list(CLASSES))
    assert document["features"] == len(document["feature_names"]) == 70
    assert document["params"]["depth"] == 2 and document["params"]["seed"] == 3
    assert (document["stage"], document["kind"]) == ("network", "dense") and document["exports_onnx"]
    assert [fold["fold"] for fold in document["splits"]["grouped"]["folds"]] == [0, 1, 2]
    predictions = pq.read_table(out / "predictions.parquet")
    assert predictions.column_names == [
        "split",
        "order",
        "row",
        "fold",
        "truth",
        *(f"score_{name}" for name in CLASSES),
    ]
    first = predictions.filter(np.array(predictions["split"].to_pylist()) == "stratified")
    assert np.sort(first["row"].to_numpy()).tolist() == list(range(400))
    assert pq.read_table(out / "history.parquet").num_rows == 2 * 3 * 2
    assert keras.saving.load_model(out / "model.keras", safe_mode=True).input_shape == (None, 70)
    assert not (workspace / "out/network/.multiclass-dl2.unfinished").exists()


def test_the_same_seed_writes_the_same_predictions(workspace, monkeypatch):
    for out in ("out/network/a", "out/network/b"):
        run_stage(monkeypatch, task="binary", out=out)
    a, b = (
        pq.read_table(workspace / out / "predictions.parquet") for out in ("out/network/a", "out/network/b")
    )
    assert a.equals(b)


def test_a_label_outside_the_class_list_is_named(workspace, monkeypatch):
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    params["data"]["classes"] = ["BENIGN", "DOS", "MIRAI", "MITM"]
    (workspace / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ValueError, match="the dataset has the labels SCANNING, but data.classes are BENIGN"):
        run_stage(monkeypatch)
