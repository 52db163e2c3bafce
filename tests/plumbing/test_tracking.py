"""MLflow gets every fold once, and its failures never cost a result."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.plumbing import tracking

N_FOLDS, N_EPOCHS = 5, 50


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "out" / "network" / "binary-4"
    folder.mkdir(parents=True)
    sizes = {"train_rows": 80, "test_rows": 20, "fit_s": 1.0, "predict_s": 0.1}
    folds = [{"fold": f, **sizes, "metrics": {"accuracy": 0.9 + f / 100}} for f in range(N_FOLDS)]
    protocol = {"folds": folds, "mean": {"accuracy": 0.92}, "std": {"accuracy": 0.0158}}
    results: dict = {"task": "binary", "model": "network", "protocols": {"stratified": protocol}, "params": {"depth": 4, "width": 64}}
    (folder / "folds.json").write_text(json.dumps(results))
    rows = [
        {"protocol": "stratified", "fold": f, "epoch": e, "train_loss": 1 / e, "val_loss": 1 / e}
        for f in range(N_FOLDS)
        for e in range(1, N_EPOCHS + 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "history.parquet")
    return folder


def runs(level):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking.store_uri())
    return client, client.search_runs([client.get_experiment_by_name(tracking.EXPERIMENT).experiment_id], f"tags.level = '{level}'")


def test_each_fold_is_a_child_of_one_parent_with_its_epoch_curve(store, run_folder):
    tracking.publish_folder(run_folder)
    client, parents = runs("cv")
    _, folds = runs("fold")
    assert [(p.data.params["network.depth"], p.data.metrics["test/accuracy_mean"]) for p in parents] == [("4", 0.92)]
    assert {f.data.tags["mlflow.parentRunId"] for f in folds} == {parents[0].info.run_id}
    assert sorted(f.data.metrics["test/accuracy"] for f in folds) == [0.9 + f / 100 for f in range(N_FOLDS)]
    curve = client.get_metric_history(folds[0].info.run_id, "train/loss")
    assert [m.step for m in curve] == list(range(1, N_EPOCHS + 1))


def test_publishing_the_same_results_twice_adds_nothing(store, run_folder):
    assert len(tracking.publish_folder(run_folder)) == 1
    assert tracking.publish_folder(run_folder) == []
    assert len(runs("fold")[1]) == N_FOLDS


def test_an_unreachable_store_gives_a_warning_with_the_command_that_publishes_later(store, run_folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="python -m stages.plumbing.tracking"):
        tracking.publish(run_folder)


def test_the_command_names_a_folder_without_results(store, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert tracking.main([str(tmp_path / "empty")]) == 1
    assert "no run folder" in capsys.readouterr().err


