"""From a dataset file to splits and a run folder, by the stages' own main()."""

import json
import sys
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.learning.baselines.registry import BASELINES
from iotids.learning.data.flow_columns import feature_matrix
from iotids.learning.runs import cross_validation
from stages import baseline, split
from tests.learning.generated_flows import CLASSES, dataset_table

COUNTS = {"BENIGN": 300, "DOS": 40, "MIRAI": 200, "MITM": 30, "SCANNING": 300}
PARAMS = {
    "data": {"name": "generated", "root": ".", "sources": {}, "classes": list(CLASSES), "benign": "BENIGN"},
    "split": {
        "kinds": ["stratified", "grouped", "attack"],
        "folds": 3,
        "seed": 7,
        "embargo_s": 1.0,
        "attack_column": "label",
    },
    "baseline": {
        "models": ["vfdt"],
        "tasks": ["binary"],
        "splits": ["stratified", "grouped", "attack"],
        "seed": 1,
        "order_seeds": 2,
        "settings": {},
    },
}


def run(folder, stage, **arguments):
    """Run a stage's main() in the folder, as its command line would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("DVC_ROOT", str(folder))
        patch.setattr(
            sys,
            "argv",
            [stage.__name__, *(part for name, value in arguments.items() for part in (f"--{name}", value))],
        )
        stage.main()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    pq.write_table(dataset_table(counts=COUNTS, seed=2), folder / "flows.parquet")
    run(folder, split, dataset="flows.parquet", out="splits")
    return folder


def run_model(folder, task, model):
    out = f"runs/{task}-{model}"
    run(folder, baseline, task=task, model=model, dataset="flows.parquet", splits="splits", out=out)
    return json.loads((folder / out / "folds.json").read_text()), pq.read_table(
        folder / out / "predictions.parquet"
    )


def test_splits_are_the_same_bytes_again(workspace):
    before = {path.name: path.read_bytes() for path in (workspace / "splits").iterdir()}
    run(workspace, split, dataset="flows.parquet", out="splits")
    assert (
        before == {path.name: path.read_bytes() for path in (workspace / "splits").iterdir()}
        and len(before) == 6
    )


def test_a_run_folder_holds_what_its_predictions_say(workspace):
    document, predictions = run_model(workspace, "multiclass", "naive_bayes")
    assert document["classes"] == list(CLASSES) and document["features"] == 70
    assert set(document["splits"]) == {
        "stratified",
        "grouped",
    }  # leaving an attack out says nothing about naming it
    table = predictions.to_pandas()
    assert table[table.split == "stratified"]["row"].nunique() == sum(COUNTS.values())
    for fold in document["splits"]["stratified"]["folds"]:
        assert fold["test_rows"] == ((table.split == "stratified") & (table.fold == fold["fold"])).sum()
        assert "metrics" not in fold  # the stage score computes them


def test_a_streaming_model_is_run_in_several_orders(workspace):
    document, predictions = run_model(workspace, "binary", "vfdt")
    rows = Counter(zip(predictions["split"].to_pylist(), predictions["order"].to_pylist(), strict=True))
    assert rows["stratified", 0] == rows["stratified", 1] == sum(COUNTS.values())
    assert rows["attack", 0] == rows["attack", 1] and document["classes"] == ["BENIGN", "ATTACK"]
    in_time = pq.read_table(workspace / "runs/binary-vfdt/prequential.parquet")
    assert sorted(in_time["row"].to_pylist()) == list(range(sum(COUNTS.values())))


def test_a_run_in_order_of_time_keeps_its_predictions(workspace):
    run_model(workspace, "binary", "vfdt")
    table = pq.read_table(workspace / "runs/binary-vfdt/prequential.parquet").to_pandas()
    start_us = pq.read_table(workspace / "flows.parquet")["start_us"].to_numpy()
    assert sorted(table["row"]) == list(range(sum(COUNTS.values())))
    assert (np.diff(start_us[table["row"]]) >= 0).all()
    assert table[["score_BENIGN", "score_ATTACK"]].iloc[0].tolist() == [0.5, 0.5]


def test_the_model_of_the_first_fold_gives_its_predictions(workspace):
    for name in ("random_forest", "vfdt", "majority"):
        _, predictions = run_model(workspace, "binary", name)
        model = BASELINES[name].load(workspace / f"runs/binary-{name}")
        mine = predictions.to_pandas().query("split == 'stratified' and fold == 0 and order == 0")
        features = feature_matrix(pq.read_table(workspace / "flows.parquet"))[mine["row"]]
        assert np.abs(model.scores(features)[:, 1] - mine["score_ATTACK"]).max() < 1e-5


def test_the_same_command_gives_the_same_predictions(workspace):
    one, two = (run_model(workspace, "binary", "vfdt")[1] for _ in range(2))
    assert one.equals(two)


def test_a_run_broken_off_keeps_its_finished_fits_and_goes_on_to_the_same_predictions(workspace, monkeypatch):
    _, whole = run_model(workspace, "multiclass", "decision_tree")
    done = []

    def press_ctrl_c_at_the_third_fit(task, job):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(job.name)
        return fit_and_test(task, job)

    fit_and_test = cross_validation.fit_and_test
    monkeypatch.setattr(cross_validation, "fit_and_test", press_ctrl_c_at_the_third_fit)
    with pytest.raises(KeyboardInterrupt):
        run_model(workspace, "multiclass", "decision_tree")
    kept = (workspace / "runs/.multiclass-decision_tree.unfinished").glob("*.npz")
    assert len([path for path in kept if path.stem != "model"]) == 2
    again = []
    monkeypatch.setattr(
        cross_validation,
        "fit_and_test",
        lambda task, job: again.append(job.name) or fit_and_test(task, job),
    )
    document, predictions = run_model(workspace, "multiclass", "decision_tree")
    assert len(again) == 6 - 2 and not set(again) & set(done)
    assert predictions.equals(whole) and len(document["splits"]["grouped"]["folds"]) == 3
    assert not (workspace / "runs/.multiclass-decision_tree.unfinished").exists()


def test_a_class_that_a_fold_did_not_train_on_is_named_and_its_rows_are_predicted(tmp_path):
    of_one_network = {
        **PARAMS,
        "split": {**PARAMS["split"], "kinds": ["environment"]},
        "baseline": {**PARAMS["baseline"], "splits": ["environment"]},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(of_one_network))
    pq.write_table(
        dataset_table(counts=COUNTS, sources={"DOS": "D1", "MITM": "D1"}, seed=2), tmp_path / "flows.parquet"
    )
    run(tmp_path, split, dataset="flows.parquet", out="splits")
    document, predictions = run_model(tmp_path, "multiclass", "naive_bayes")
    without_d1, without_d2 = document["splits"]["environment"]["folds"]
    assert without_d1["untrained_classes"] == ["DOS", "MITM"] and without_d2["untrained_classes"] == []
    assert predictions.num_rows == sum(COUNTS.values())


def test_a_mistyped_model_is_named_with_the_known_ones(workspace):
    with pytest.raises(KeyError, match="'hoefding'; known are hoeffding_tree"):
        run_model(workspace, "binary", "hoefding")


def test_the_oracle_knows_nothing_when_sources_are_mixed(workspace):
    _, predictions = run_model(workspace, "multiclass", "dataset_oracle")
    mine = predictions.to_pandas().query("split == 'stratified'")
    hit = mine[[f"score_{c}" for c in CLASSES]].to_numpy().argmax(axis=1) == mine["truth"]
    majority = max(COUNTS.values()) / sum(COUNTS.values())
    assert hit.mean() == pytest.approx(majority, abs=0.05)
