"""MLflow gets every fold once, and its failures never cost a result."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.commands.publish import main as publish_command
from iotids.tracking import publishing as tracking
from iotids.tracking.drawing import round_ticks
from iotids.tracking.figures import BLUE, ORANGE, per_class
from iotids.tracking.input_example import median_row
from iotids.tracking.store import EXPERIMENT, open_store, store_uri
from tests.plumbing.run_folders import write_run_folder

ROOT = Path(__file__).resolve().parents[2]
N_FOLDS, N_EPOCHS = 5, 50
SVG_TEXT, SVG_LINE = (f"{{http://www.w3.org/2000/svg}}{name}" for name in ("text", "polyline"))


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
def score(tmp_path):
    return write_run_folder(tmp_path, n_folds=N_FOLDS, n_epochs=N_EPOCHS)


def runs(level, uri=None):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri or store_uri())
    return client, list(
        client.search_runs(
            [client.get_experiment_by_name(EXPERIMENT).experiment_id], f"tags.level = '{level}'"
        )
    )


def publishing_process(folder, workspace, **environment):
    """Publish in a process of its own, as a stage does."""
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, sys; from iotids.tracking.publishing import publish; publish(pathlib.Path(sys.argv[1]))",
            str(folder),
        ],
        cwd=ROOT,
        env={**os.environ, "DVC_ROOT": str(workspace), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def written(score, split="stratified"):
    """One split of the file that was published."""
    (file,) = (score / "runs").glob("*.json")
    return json.loads(file.read_text())["splits"][split]


def test_each_fold_is_a_child_of_one_parent_with_its_epoch_curve(store, score):
    tracking.publish_scores(score)
    client, parents = runs("cv")
    _, folds = runs("fold")
    value = written(score)["metrics"]["accuracy"]["value"]
    assert [(p.data.params["network.depth"], p.data.metrics["test/accuracy"]) for p in parents] == [
        ("4", pytest.approx(value, rel=1e-5))
    ]
    assert {f.data.tags["mlflow.parentRunId"] for f in folds} == {parents[0].info.run_id}
    assert sorted(f.data.metrics["test/accuracy"] for f in folds) == pytest.approx(
        sorted(fold["metrics"]["accuracy"] for fold in written(score)["folds"]), rel=1e-5
    )
    curve = client.get_metric_history(folds[0].info.run_id, "train/loss")
    assert [m.step for m in curve] == list(range(1, N_EPOCHS + 1))


@pytest.mark.parametrize("name", ["a b", "a#b", "a%20b", "wh?t", "100 % #1? ü"])
def test_the_store_lies_in_its_project_whatever_the_folder_is_called(tmp_path, monkeypatch, name):
    home = tmp_path / name
    home.mkdir()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(home))
    score = write_run_folder(home)
    assert len(tracking.publish_scores(score)) == 1
    assert tracking.publish_scores(score) == []
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with sqlite3.connect(home / "mlflow.db") as database:
        (address,) = database.execute(
            "SELECT artifact_location FROM experiments WHERE name = ?", (EXPERIMENT,)
        ).fetchone()
    assert address == (home / "mlartifacts").as_uri()
    assert "per_class.csv" in {path.name for path in (home / "mlartifacts").rglob("*")}


def test_a_run_says_what_it_was_made_from(store, score, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "wide")
    tracking.publish_scores(score)
    client, (parent,) = runs("cv")
    wanted = {"data.name": "generated", "meter.profile": "paper", "split.seed": "7", "network.seed": "7"}
    assert wanted.items() <= parent.data.params.items()
    (given,) = parent.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("generated", "0123456789abcdef")
    assert json.loads(given.dataset.profile) == {"flows": 1000, "BENIGN": 480, "ATTACK": 520}
    assert "`dvc exp apply wide && dvc repro`" in parent.data.tags["mlflow.note.content"]
    assert parent.data.tags["figure"] == "mean over 5 folds" and parent.data.tags["never predicted"] == "none"
    assert parent.info.end_time - parent.info.start_time == pytest.approx(5 * 2001, abs=2)
    assert "per_class.csv" in {file.path for file in client.list_artifacts(parent.info.run_id)}


def test_a_run_shows_what_its_training_used_and_when(store, score):
    usage = {
        "start_ms": 5000,
        "at_ms": [6000, 9000],
        "metrics": {"system/cpu_utilization_percentage": [40, 60]},
    }
    (store / "out/network/binary-dl4/usage.json").write_text(json.dumps(usage))
    tracking.publish_scores(score)
    client, (parent,) = runs("cv")
    history = client.get_metric_history(parent.info.run_id, "system/cpu_utilization_percentage")
    assert [(point.timestamp, point.value) for point in history] == [(6000, 40), (9000, 60)]
    assert (parent.info.start_time, parent.info.end_time) == (5000, 9000)


def test_a_run_has_pictures_that_the_page_previews(store, score):
    tracking.publish_scores(score)
    client, (parent,) = runs("cv")
    wanted = {f"figures/{name}.svg" for name in ("confusion", "per_class", "reliability", "curves")}
    assert {file.path for file in client.list_artifacts(parent.info.run_id, "figures")} == wanted
    pictures = {file.stem: file for file in (store / "mlartifacts").rglob("figures/*.svg")}
    for file in pictures.values():
        assert ElementTree.parse(file).getroot().get("width")
        assert file.stat().st_size < 100_000
    shown = [element.text for element in ElementTree.parse(pictures["confusion"]).iter(SVG_TEXT)]
    for flows in np.array(written(score)["confusion"]).ravel():
        assert f"{flows:,}" in shown
    colours = {line.get("stroke") for line in ElementTree.parse(pictures["curves"]).iter(SVG_LINE)}
    assert {BLUE, ORANGE} < colours
    confusion = np.array(written(score)["confusion"])
    recalls = [parent.data.metrics[f"recall/{name}"] for name in ("BENIGN", "ATTACK")]
    assert recalls == pytest.approx(per_class(confusion)[:, 1].tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 50, [10, 20, 30, 40, 50]),
        (0.31, 1.07, [0.4, 0.6, 0.8, 1]),
        (-3e-5, 2e-5, [-3e-5, -2e-5, -1e-5, 0, 1e-5, 2e-5]),
    ],
)
def test_ticks_are_round_and_few(low, high, wanted):
    assert round_ticks(low, high) == wanted


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([3.0, 9.0, 4.0], [None, 7.0, 9.0], [4.0, 8.0]),
        ([1.0, float("inf"), 5.0], [None, None, float("nan")], [3.0, 0.0]),
        ([0.1], [1.0], [float(np.float32(0.1)), 1.0]),
        ([], [], None),
    ],
)
def test_the_example_of_the_input_is_the_median_of_every_feature(tmp_path, a, b, wanted):
    table = pa.table({"a": pa.array(a, pa.float64()), "b": pa.array(b, pa.float64()), "c": pa.array(a)})
    pq.write_table(table, tmp_path / "flows.parquet")
    assert median_row(tmp_path / "flows.parquet", ["a", "b"]) == wanted
    assert median_row(tmp_path / "flows.parquet", ["a", "absent"]) is None


def test_the_example_of_many_flows_is_of_flows_from_the_whole_of_them(tmp_path):
    values = np.arange(250_001)
    pq.write_table(pa.table({"a": values, "b": values // 2}), tmp_path / "flows.parquet")
    (a, b) = median_row(tmp_path / "flows.parquet", ["a", "b"])
    assert a == pytest.approx(125_000, abs=3) and b == pytest.approx(62_500, abs=3)


def test_the_medians_of_a_dataset_are_computed_once(tmp_path):
    table = pa.table({f"f{i}": np.random.default_rng(i).random(40_000) for i in range(70)})
    pq.write_table(table, tmp_path / "flows.parquet")
    times = []
    for _ in range(3):
        start = time.process_time()
        median_row(tmp_path / "flows.parquet", table.column_names)
        times.append(time.process_time() - start)
    assert times[0] < 2 and max(times[1:]) < 0.2 * times[0]


def test_an_unseen_site_has_the_pooled_figure_and_no_spread(store):
    score = write_run_folder(store, splits=("stratified", "environment"), n_epochs=1)
    tracking.publish_scores(score)
    (parent,) = [run for run in runs("cv")[1] if run.data.params["split"] == "environment"]
    pooled = written(score, "environment")["metrics"]["f1_macro"]["pooled"]
    assert parent.data.metrics["test/f1_macro"] == pytest.approx(pooled, rel=1e-5)
    assert not [name for name in parent.data.metrics if name.endswith("_sd")]
    assert parent.data.tags["figure"] == "all 5 folds pooled"


def test_an_experiment_with_the_same_results_is_found_by_its_name(store, score, monkeypatch):
    """DVC gives it the results of its run cache, so there is nothing new to publish."""
    tracking.publish_scores(score)
    monkeypatch.setenv("DVC_EXP_NAME", "again")
    assert tracking.publish_scores(score) == tracking.publish_scores(score) == []
    assert [run.data.tags["dvc.exp"] for run in runs("cv")[1]] == ["workspace, again"]


def test_a_copied_project_writes_to_its_own_artifacts(store, score, tmp_path_factory, monkeypatch):
    tracking.publish_scores(score)
    before = sorted(str(path) for path in (store / "mlartifacts").rglob("*"))
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(store, copy)
    monkeypatch.setenv("DVC_ROOT", str(copy))
    tracking.publish_scores(write_run_folder(copy, depth=5, n_epochs=1))
    _, parents = runs("cv")
    assert all(run.info.artifact_uri.startswith((copy / "mlartifacts").as_uri()) for run in parents)
    assert len(parents) == 2
    assert sorted(str(path) for path in (store / "mlartifacts").rglob("*")) == before


def test_two_projects_with_one_store_have_their_artifacts_next_to_it(
    store, score, tmp_path_factory, monkeypatch
):
    shared, other = tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("other")
    shutil.copy(store / "mlflow.db", shared)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shared / 'mlflow.db'}")
    tracking.publish_scores(score)
    monkeypatch.setenv("DVC_ROOT", str(other))
    tracking.publish_scores(write_run_folder(other, depth=5, n_epochs=1))
    client, parents = runs("cv")
    for parent in parents:
        assert parent.info.artifact_uri.startswith((shared / "mlartifacts").as_uri())
        assert client.list_artifacts(parent.info.run_id, "figures")
    assert len(parents) == 2


def test_a_parent_shows_the_mean_curve_of_its_folds(store, score):
    tracking.publish_scores(score)
    client, parents = runs("cv")
    curve = client.get_metric_history(parents[0].info.run_id, "val/loss")
    assert [(m.step, round(m.value, 9)) for m in curve] == [
        (e, round(1.2 / e, 9)) for e in range(1, N_EPOCHS + 1)
    ]


def test_runs_are_named_by_model_task_split_and_experiment(store, score, monkeypatch):
    tracking.publish_scores(score)
    monkeypatch.setenv("DVC_EXP_NAME", "wide")
    tracking.publish_scores(write_run_folder(store, width=256))
    assert {run.info.run_name for run in runs("cv")[1]} == {
        "DL4 · binary · stratified",
        "DL4 · binary · stratified (wide)",
    }
    assert "DL4 · binary · stratified · fold N3" in {run.info.run_name for run in runs("fold")[1]}


def test_scores_to_compare_stand_apart_from_all_others(store, score):
    tracking.publish_scores(score)
    names = set(runs("cv")[1][0].data.metrics)
    assert {name for name in names if name.startswith("test/")} == {
        f"test/{name}{ending}" for name in tracking.HEADLINE for ending in ("", "_sd")
    }
    assert {"test_more/brier", "test_more/f1_macro_by_capture", "recall/ATTACK"} <= names


def test_publishing_the_same_results_twice_adds_nothing(store, score):
    assert len(tracking.publish_scores(score)) == 1
    assert tracking.publish_scores(score) == []
    assert len(runs("fold")[1]) == N_FOLDS


def test_what_a_broken_off_attempt_left_is_replaced(store, score):
    (parent_id,) = tracking.publish_scores(score)
    client, _ = runs("cv")
    client.update_run(parent_id, status="RUNNING")  # as if the process had been killed before its last call
    assert len(tracking.publish_scores(score)) == 1
    assert [run.info.status for run in runs("cv")[1]] == ["FINISHED"]
    assert len(runs("fold")[1]) == N_FOLDS


def test_a_deleted_experiment_comes_back(store, score):
    tracking.publish_scores(score)
    client, parents = runs("cv")
    client.delete_experiment(parents[0].info.experiment_id)
    tracking.publish_scores(write_run_folder(store, depth=5))
    assert len(runs("cv")[1]) == 2


def test_a_store_of_an_older_version_gets_the_views_that_it_lacks_and_keeps_changed_ones(store, score):
    tracking.publish_scores(score)
    client, parents = runs("cv")
    number, prefix = parents[0].info.experiment_id, "mlflow.sharedViewState."
    client.delete_experiment_tag(number, f"{prefix}sweep")
    client.set_experiment_tag(number, f"{prefix}paper", "mine")
    tracking.publish_scores(score)
    tags = client.get_experiment(number).tags
    assert "experiments" in tags[f"{prefix}sweep"] and tags[f"{prefix}paper"] == "mine"


@pytest.mark.slow
def test_four_processes_at_once_on_no_store_yet_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folders = [
        write_run_folder(tmp_path, depth=depth, splits=("stratified", "grouped"), n_epochs=5)
        for depth in (4, 5, 6, 7)
    ]
    processes = [publishing_process(folder, tmp_path) for folder in folders]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [text for text in said if "not published" in text] == []
    wanted = {
        f"DL{depth} · binary · {split}" for depth in (4, 5, 6, 7) for split in ("stratified", "grouped")
    }
    assert sorted(run.info.run_name for run in runs("cv")[1]) == sorted(wanted)
    assert len(runs("fold")[1]) == 4 * 2 * N_FOLDS


def test_an_unreachable_server_gives_a_warning_with_the_command_that_publishes_later(
    store, score, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="iotids publish"):
        tracking.publish(score)


@pytest.mark.slow
def test_a_store_locked_by_another_program_costs_a_warning_and_nothing_else(store, score):
    tracking.publish_scores(write_run_folder(store / "other", depth=5, n_epochs=1))
    other = sqlite3.connect(store / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    with pytest.warns(UserWarning, match="(?s)database is locked.*iotids publish"):
        tracking.publish(score)
    assert time.monotonic() - start < 60
    other.close()
    assert len(tracking.publish_scores(score)) == 1
    assert len(runs("fold")[1]) == 2 * N_FOLDS


@pytest.mark.slow
def test_a_damaged_store_gives_a_warning_that_says_to_move_it_away(store, score):
    (store / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.warns(UserWarning, match=r"(?s)Move .*mlflow\.db away.*iotids publish"):
        tracking.publish(score)
    (store / "mlflow.db").unlink()
    assert "not published" not in publishing_process(score, store).communicate(timeout=120)[1]


@pytest.mark.slow
def test_a_store_of_another_mlflow_gives_a_warning_that_says_to_move_it_away(store, score):
    with sqlite3.connect(store / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.warns(UserWarning, match=r"(?s)Move .*mlflow\.db away.*iotids publish"):
        tracking.publish(score)


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("made_from.json", ("dataset",), "made_from.json: no dataset"),
        ("runs/binary-dl4.json", ("stage",), "binary-dl4.json: no stage"),
        ("runs/binary-dl4.json", ("splits", "stratified", "reliability"), "split stratified: no reliability"),
    ],
)
def test_results_of_an_older_version_are_named_with_the_stage_that_writes_them_anew(
    store, score, name, path, said
):
    write_run_folder(store, depth=5, n_epochs=1)
    content = json.loads((score / name).read_text())
    *parents, last = path
    part = content
    for key in parents:
        part = part[key]
    del part[last]
    (score / name).write_text(json.dumps(content))
    with pytest.warns(UserWarning, match=rf"{said}.*\n.*dvc repro score") as warned:
        tracking.publish(score)
    assert "once the store works" not in str(warned[0].message)
    with pytest.raises(OSError, match="dvc repro score"):
        publish_command([str(store / "out")])


def test_an_empty_store_is_filled_with_runs_and_detectors_with_their_cards(store, score):
    """Results that lie in out/ are enough: `iotids publish out/` after the store was deleted."""
    package = store / "out" / "final" / "binary-dl4"
    package.mkdir(parents=True)
    manifest = {"name": "binary-dl4", "task": "binary", "classes": ["BENIGN", "ATTACK"], "features": ["f0"]}
    manifest |= {"manifest_sha256": "0" * 64, "versions": {"python": "3.11"}}
    manifest |= {"operating_point": {"measured": {"false_alarm_share": 0.012, "recall": 0.87}}}
    (package / "package.json").write_text(json.dumps(manifest))
    assert publish_command([str(store / "out")]) == 0
    client, parents = runs("cv")
    assert len(parents) == 1
    version = client.get_model_version_by_alias("detector-binary-dl4", "current")
    assert version.description.startswith("# binary-dl4") and "recall 0.8700" in version.description
    (model,) = [
        m for m in client.search_logged_models([parents[0].info.experiment_id]) if m.model_type == "detector"
    ]
    assert {metric.key: metric.value for metric in model.metrics}["operating_point/recall"] == 0.87
    assert len(list((store / "mlartifacts").rglob("README.md"))) == 1


def test_every_registered_version_has_a_card_an_example_of_its_input_and_metrics(store, score):
    file = score.parent / "network" / "binary-dl4" / "model.keras"
    with zipfile.ZipFile(file, "w") as model:
        model.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
    (score.parent / "dataset").mkdir()
    flows = {f"f{i}": np.array([i, 3.0 * i, 4.0 * i]) for i in range(70)}
    pq.write_table(pa.table(flows), score.parent / "dataset" / "flows.parquet")
    tracking.publish_scores(score)
    client, (parent,) = runs("cv")
    version = client.get_model_version_by_alias("binary-dl4", "workspace")
    assert version.description.startswith("# binary-dl4") and "first fold only" in version.description
    (model,) = client.search_logged_models([parent.info.experiment_id])
    assert {metric.key for metric in model.metrics} >= {"test/accuracy", "test/f1_macro"}
    (card,) = (store / "mlartifacts").rglob("README.md")
    front, _, text = card.read_text().partition("\n---\n")
    assert front.startswith("---\nlicense: mit") and text.strip() == version.description.strip()
    (example,) = json.loads((card.parent / "input_example.json").read_text())
    assert example == [3.0 * i for i in range(70)]


def test_the_command_publishes_every_folder_below_a_path_and_counts_them(store, capsys):
    for depth in (4, 5):
        write_run_folder(store, depth=depth, n_epochs=1)
    assert publish_command([str(store / "out")]) == 0
    assert capsys.readouterr().out.startswith("2 scored models, 2 new runs in sqlite:///")
    assert publish_command([str(store / "out")]) == 0
    assert capsys.readouterr().out.startswith("2 scored models, 0 new runs")


def test_the_command_names_a_folder_without_results(store, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert publish_command([str(tmp_path / "empty")]) == 1
    assert "no scores" in capsys.readouterr().err


def test_no_stage_loads_mlflow_by_importing_the_mirror():
    code = "import sys, iotids.tracking.publishing; print(json.dumps([m for m in ('mlflow', 'keras', 'pandas') if m in sys.modules]))"
    found = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == []


def test_a_run_s_tags_say_what_is_faithful_adapted_and_assumed(score, store):
    file = score / "runs" / sorted(path.name for path in (score / "runs").glob("*.json"))[0]
    scored = json.loads(file.read_text())
    origin = {
        "work": "[15] Thing 2017",
        "printed": "98.67 %",
        "faithful": ["two layers", "softmax"],
        "adapted": [],
        "assumed": ["hidden"],
    }
    file.write_text(json.dumps(scored | {"origin": origin}))
    tracking.publish_scores(score)
    (run, *_) = [run for run in runs("cv")[1] if "work" in run.data.tags]
    tags = {key: value for key, value in run.data.tags.items() if key.startswith("work")}
    assert tags == {
        "work": "[15] Thing 2017",
        "work.printed": "98.67 %",
        "work.faithful": "two layers; softmax",
        "work.assumed": "hidden",
    }


def test_a_store_whose_maker_was_killed_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    killed = (
        "import os, mlflow; mlflow.MlflowClient.search_experiments = lambda client: os._exit(9)\n"
        "from iotids.tracking.store import open_store\n"
        "with open_store(): pass"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False, capture_output=True).returncode == 9
    (tmp_path / ".mlflow.db.part").write_bytes(b"half a store")
    assert not (tmp_path / "mlflow.db").exists()
    with open_store() as (client, number):
        assert client.get_experiment(number).name == EXPERIMENT
    assert not (tmp_path / ".mlflow.db.part").exists()
