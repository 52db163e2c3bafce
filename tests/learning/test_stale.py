"""Which trainings an edit makes stale, by DVC's own resolution of dvc.yaml: tuning one model reruns one model."""

from pathlib import Path

import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    """A DVC repository with the project's dvc.yaml and params.yaml, and nothing to run."""
    repo = Repo.init(tmp_path, no_scm=True)
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    yield repo, tmp_path
    repo.close()


def stale_after(project, *path_and_value):
    """Names of stages whose parameters DVC sees changed when one value of params.yaml is."""
    repo, folder = project
    *path, value = path_and_value
    watched = [
        (stage.name, dep)
        for stage in repo.index.stages
        for dep in stage.deps
        if isinstance(dep, ParamsDependency)
    ]
    for _, dep in watched:
        dep.save()
    params = yaml.safe_load((folder / "params.yaml").read_text())
    section = params
    for key in path[:-1]:
        section = section[key]
    assert section[path[-1]] != value
    section[path[-1]] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    stale = {name for name, dep in watched if dep.workspace_status()}
    return stale - {"check"}  # reads every section, in a second


def test_tuning_one_model_reruns_that_model_alone(project):
    stale = stale_after(project, "baseline", "settings", "random_forest", "n_estimators", 300)
    assert stale == {"baseline@binary-random_forest", "baseline@multiclass-random_forest"}


def test_another_seed_reruns_every_baseline_and_no_network(project):
    stale = stale_after(project, "baseline", "seed", 9)
    assert len(stale) == 24 and all(name.startswith("baseline@") for name in stale)


def test_a_further_model_makes_none_of_the_trained_ones_stale(project):
    assert not [
        n
        for n in stale_after(project, "network", "models", ["dl4", "dl5", "dl6", "dl7", "dl8"])
        if n.startswith("network")
    ]


def test_another_kind_for_one_network_reruns_that_network_alone(project):
    stale = stale_after(project, "network", "settings", "dl5", "kind", "shallow")
    assert stale == {"network@binary-dl5", "network@multiclass-dl5"}


def test_another_width_reruns_networks_and_no_baseline(project):
    stale = stale_after(project, "network", "width", 96)
    models = yaml.safe_load((ROOT / "params.yaml").read_text())["network"]["models"]
    assert stale == {f"network@{task}-{model}" for task in ("binary", "multiclass") for model in models}


@pytest.mark.parametrize("stage", ["network", "baseline"])
def test_no_training_depends_on_what_makes_splits_or_on_metrics(stage):
    """An edit of a split's maker changes out/splits or nothing; a new metric is computed from predictions."""
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    assert not [dep for dep in deps if dep.startswith(("iotids/learning/splits", "iotids/learning/scores"))]


def test_networks_do_not_depend_on_baselines_nor_baselines_on_networks():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert "iotids/learning/baselines" not in stages["network"]["deps"]
    assert "iotids/learning/networks" not in stages["baseline"]["deps"]
