"""Every experiment of a sweep is found in MLflow by its name, also where DVC took its stages from the run cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from iotids.tracking.store import EXPERIMENT
from tests.plumbing.made_sweep import make_project

ROOT = Path(__file__).resolve().parents[2]
NAMES = {f"s-{number}" for number in range(1, 5)}
pytestmark = [pytest.mark.slow, pytest.mark.long]


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "GIT_"))}
    quiet = {"DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(ROOT)}
    return {**kept, **quiet, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more}


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Four experiments: two widths, and of each two seeds of `final`, so that pairs share the stages up to the scores."""
    folder = make_project(tmp_path_factory.mktemp("sweep") / "project")
    change = ["-S", "network.width=64,128", "-S", "final.seed=7,8"]
    run(folder, "dvc", "exp", "run", "--queue", "-n", "s", *change)
    run(folder, "dvc", "exp", "run", "--run-all", "-j", "1")
    run(folder, sys.executable, "-m", "iotids", "publish", "--experiments", "out")
    return folder


def store(folder):
    from mlflow import MlflowClient

    address = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    return client, client.get_experiment_by_name(EXPERIMENT).experiment_id


def runs_of(folder, name):
    client, experiment = store(folder)
    found = client.search_runs([experiment], "tags.level = 'cv'")
    return [one for one in found if name in one.data.tags["dvc.exp"].split(", ")]


def width_of(folder, name):
    """What the experiment itself was run with."""
    (reference,) = [
        line
        for line in run(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
        if line.endswith(f"/{name}")
    ]
    return yaml.safe_load(run(folder, "git", "show", f"{reference}:params.yaml"))["network"]["width"]


def test_all_four_are_found_by_name_with_their_own_parameters(swept):
    widths = {name: width_of(swept, name) for name in NAMES}
    assert sorted(widths.values()) == [64, 64, 128, 128]
    for name, width in widths.items():
        (found,) = runs_of(swept, name)
        assert found.info.status == "FINISHED"
        assert found.data.params["network.width"] == str(width)


def test_a_run_is_shared_only_where_all_its_parameters_are_equal(swept):
    ids = {name: runs_of(swept, name)[0].info.run_id for name in NAMES}
    for first in NAMES:
        for second in NAMES:
            same = width_of(swept, first) == width_of(swept, second)
            assert (ids[first] == ids[second]) == same


def test_every_experiment_has_an_alias_of_its_detector(swept):
    client, _ = store(swept)
    model = client.get_registered_model("detector-binary-dl4")
    assert set(model.aliases) == NAMES


def test_an_experiment_in_a_copy_has_no_uncommitted_changes(swept):
    assert {runs_of(swept, name)[0].data.tags["git.uncommitted"] for name in NAMES} == {"none"}
    head = run(swept, "git", "rev-parse", "HEAD").strip()
    assert {runs_of(swept, name)[0].data.tags["mlflow.source.git.commit"] for name in NAMES} == {head}


def test_publishing_again_adds_nothing(swept):
    before = len(runs_of(swept, ""))
    said = run(swept, sys.executable, "-m", "iotids", "publish", "--experiments", "out")
    assert "0 experiments of DVC" in said
    assert len(runs_of(swept, "")) == before


def test_an_empty_store_is_filled_with_runs_and_detectors_of_every_experiment(swept):
    aside = swept.parent / "aside"
    aside.mkdir()
    for name in ("mlflow.db", "mlartifacts"):
        (swept / name).rename(aside / name)
    run(swept, sys.executable, "-m", "iotids", "publish", "--experiments", "out")
    test_all_four_are_found_by_name_with_their_own_parameters(swept)
    test_every_experiment_has_an_alias_of_its_detector(swept)


def test_a_stage_that_an_experiment_did_not_reach_is_not_taken_for_its_own(swept):
    run(swept, "dvc", "repro", "--quiet")
    run(swept, "git", "add", "-A")
    run(swept, "git", "commit", "-q", "-m", "results")
    run(swept, "dvc", "exp", "run", "--temp", "-n", "half", "-S", "network.width=32", "network@dl4")
    said = run(swept, sys.executable, "-m", "iotids", "publish", "--experiments", "out")
    assert "1 experiment of DVC" in said
    assert runs_of(swept, "half") == []
    client, _ = store(swept)
    assert "half" not in client.get_registered_model("detector-binary-dl4").aliases
