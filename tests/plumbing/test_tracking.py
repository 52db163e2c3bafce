"""MLflow gets every fold once, and its failures never cost a result."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iotids.tracking import publishing as tracking
from tests.plumbing.run_folders import write_run_folder

ROOT = Path(__file__).resolve().parents[2]
N_FOLDS, N_EPOCHS = 5, 50


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A fresh SQLite store; making one takes MLflow some seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(tmp_path, monkeypatch, empty_store):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def run_folder(tmp_path):
    return write_run_folder(tmp_path, n_folds=N_FOLDS, n_epochs=N_EPOCHS)


def runs(level, uri=None):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri or tracking.store_uri())
    return client, list(
        client.search_runs(
            [client.get_experiment_by_name(tracking.EXPERIMENT).experiment_id], f"tags.level = '{level}'"
        )
    )


def publishing_process(folder, workspace, **environment):
    """Publish in a process of its own, as a stage does."""
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from iotids.tracking.publishing import publish; publish(sys.argv[1])",
            str(folder),
        ],
        cwd=ROOT,
        env={**os.environ, "DVC_ROOT": str(workspace), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_each_fold_is_a_child_of_one_parent_with_its_epoch_curve(store, run_folder):
    tracking.publish_folder(run_folder)
    client, parents = runs("cv")
    _, folds = runs("fold")
    assert [
        (p.data.params["network.depth"], round(p.data.metrics["test/accuracy_mean"], 6)) for p in parents
    ] == [("4", 0.842)]
    assert {f.data.tags["mlflow.parentRunId"] for f in folds} == {parents[0].info.run_id}
    assert sorted(round(f.data.metrics["test/accuracy"], 6) for f in folds) == [
        round(0.84 + f / 1000, 6) for f in range(N_FOLDS)
    ]
    curve = client.get_metric_history(folds[0].info.run_id, "train/loss")
    assert [m.step for m in curve] == list(range(1, N_EPOCHS + 1))


def test_a_parent_shows_the_mean_curve_of_its_folds(store, run_folder):
    tracking.publish_folder(run_folder)
    client, parents = runs("cv")
    curve = client.get_metric_history(parents[0].info.run_id, "val/loss")
    assert [(m.step, round(m.value, 9)) for m in curve] == [
        (e, round(1.2 / e, 9)) for e in range(1, N_EPOCHS + 1)
    ]


def test_runs_are_named_by_task_model_protocol_and_experiment(store, run_folder, monkeypatch):
    tracking.publish_folder(run_folder)
    monkeypatch.setenv("DVC_EXP_NAME", "wide")
    tracking.publish_folder(write_run_folder(store, width=256))
    assert {run.info.run_name for run in runs("cv")[1]} == {
        "binary dl4 stratified",
        "binary dl4 stratified (wide)",
    }
    assert "binary dl4 stratified fold 3" in {run.info.run_name for run in runs("fold")[1]}


def test_scores_to_compare_stand_apart_from_all_others(store, run_folder):
    tracking.publish_folder(run_folder)
    names = set(runs("cv")[1][0].data.metrics)
    assert {name for name in names if name.startswith("test/")} == {
        f"test/{score}_{statistic}"
        for score in ("accuracy", "ece", "f1_macro", "mcc", "roc_auc")
        for statistic in ("mean", "std")
    }
    assert "test_more/brier_mean" in names


def test_publishing_the_same_results_twice_adds_nothing(store, run_folder):
    assert len(tracking.publish_folder(run_folder)) == 1
    assert tracking.publish_folder(run_folder) == []
    assert len(runs("fold")[1]) == N_FOLDS


def test_what_a_broken_off_attempt_left_is_replaced(store, run_folder):
    (parent_id,) = tracking.publish_folder(run_folder)
    client, _ = runs("cv")
    client.update_run(parent_id, status="RUNNING")  # as if the process had been killed before its last call
    assert len(tracking.publish_folder(run_folder)) == 1
    assert [run.info.status for run in runs("cv")[1]] == ["FINISHED"]
    assert len(runs("fold")[1]) == N_FOLDS


def test_a_deleted_experiment_comes_back(store, run_folder):
    tracking.publish_folder(run_folder)
    client, parents = runs("cv")
    client.delete_experiment(parents[0].info.experiment_id)
    tracking.publish_folder(write_run_folder(store, depth=5))
    assert len(runs("cv")[1]) == 2


@pytest.mark.slow
def test_four_processes_at_once_on_no_store_yet_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folders = [
        write_run_folder(tmp_path, depth=depth, protocols=("stratified", "grouped"), n_epochs=5)
        for depth in (4, 5, 6, 7)
    ]
    processes = [publishing_process(folder, tmp_path) for folder in folders]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [text for text in said if "not published" in text] == []
    wanted = {
        f"binary dl{depth} {protocol}" for depth in (4, 5, 6, 7) for protocol in ("stratified", "grouped")
    }
    assert sorted(run.info.run_name for run in runs("cv")[1]) == sorted(wanted)
    assert len(runs("fold")[1]) == 4 * 2 * N_FOLDS


def test_an_unreachable_server_gives_a_warning_with_the_command_that_publishes_later(
    store, run_folder, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="iotids publish"):
        tracking.publish(run_folder)


@pytest.mark.slow
def test_a_store_locked_by_another_program_costs_a_warning_and_nothing_else(store, run_folder):
    tracking.publish_folder(write_run_folder(store / "other", depth=5, n_epochs=1))
    other = sqlite3.connect(store / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    with pytest.warns(UserWarning, match="(?s)database is locked.*iotids publish"):
        tracking.publish(run_folder)
    assert time.monotonic() - start < 60
    other.close()
    assert len(tracking.publish_folder(run_folder)) == 1
    assert len(runs("fold")[1]) == 2 * N_FOLDS


@pytest.mark.slow
def test_a_damaged_store_gives_a_warning_that_says_to_move_it_away(store, run_folder):
    (store / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.warns(UserWarning, match=r"(?s)Move .*mlflow\.db away.*iotids publish"):
        tracking.publish(run_folder)
    (store / "mlflow.db").unlink()
    assert "not published" not in publishing_process(run_folder, store).communicate(timeout=120)[1]


def test_the_command_publishes_every_folder_below_a_path_and_counts_them(store, capsys):
    for depth in (4, 5):
        write_run_folder(store, depth=depth, n_epochs=1)
    assert tracking.main([str(store / "out")]) == 0
    assert capsys.readouterr().out.startswith("2 run folders, 2 new runs in sqlite:///")
    assert tracking.main([str(store / "out")]) == 0
    assert capsys.readouterr().out.startswith("2 run folders, 0 new runs")


def test_the_command_names_a_folder_without_results(store, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert tracking.main([str(tmp_path / "empty")]) == 1
    assert "no run folder" in capsys.readouterr().err


def test_no_stage_loads_mlflow_by_importing_the_mirror():
    code = "import sys, iotids.tracking.publishing; print(json.dumps([m for m in ('mlflow', 'keras', 'pandas') if m in sys.modules]))"
    found = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == []
