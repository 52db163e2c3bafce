"""A new metric is one entry of the registry, and one name where a table shall show it; it trains nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

ROOT = Path(__file__).parents[2]
REGISTRY, TABLE = Path("iotids/learning/scores/metrics.py"), Path("iotids/reporting/sections/table3.py")
ENTRY = """    Metric("g_mean", "G-mean", lambda j: float(np.prod([r for r in class_counts(j.confusion)[1] if r == r]) ** (1 / max(len(j.classes), 1))),
           "higher", "never", "geometric mean of the recalls"),
"""
IMPORT = "from iotids.learning.scores.confusions import class_counts\n"
SHOW = """
from tests.reporting.made_results import made_result
from iotids.learning.scores.runs.tables import scores_csv
from iotids.reporting.sections.table3 import baselines_markdown
runs = {("binary", model): made_result(model, seed=i) for i, model in enumerate(("dl4", "majority"))}
print(baselines_markdown(runs, task="binary", splits=["stratified", "grouped"]))
print(scores_csv(runs))
"""


@pytest.fixture
def project(tmp_path):
    """The project's code and DAG in a folder of their own."""
    for name in ("iotids", "stages", "tests/reporting"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "kernels"))
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def add_the_metric(project):
    """The two files that a person touches."""
    text = (project / REGISTRY).read_text()
    assert text.count("METRICS = {metric.name: metric for metric in (\n") == 1
    text = text.replace(
        "METRICS = {metric.name: metric for metric in (\n",
        "METRICS = {metric.name: metric for metric in (\n" + ENTRY,
    )
    (project / REGISTRY).write_text(
        text.replace("from iotids.learning.scores.judged", IMPORT + "from iotids.learning.scores.judged", 1)
    )
    text = (project / TABLE).read_text()
    assert text.count('COMPARED = ("accuracy", METRIC, "mcc")') == 1
    (project / TABLE).write_text(text.replace('METRIC, "mcc")', 'METRIC, "mcc", "g_mean")'))


def test_it_is_computed_and_shown_by_its_name(project):
    add_the_metric(project)
    environment = os.environ | {"PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "stratified G-mean" in done.stdout and "grouped G-mean" in done.stdout
    rows = [
        line.split(",") for line in done.stdout.splitlines() if line.startswith("binary,dl4,grouped,g_mean,")
    ]
    assert len(rows) == 1 and 0.8 < float(rows[0][4]) < 1.0


def test_it_makes_score_and_report_stale_and_no_training(project):
    """By DVC's own comparison of the code that stages depend on, before and after."""
    with Repo.init(project, no_scm=True) as repo:
        code = [
            (stage.name.split("@")[0], dep)
            for stage in repo.index.stages
            for dep in stage.deps
            if not isinstance(dep, ParamsDependency) and dep.exists
        ]
        for _, dep in code:
            dep.save()
        assert {name for name, dep in code if dep.workspace_status()} == set()
        add_the_metric(project)
        stale = {name for name, dep in code if dep.workspace_status()}
        assert stale - {"check"} == {"score", "report"}  # check takes a second, and is run after every edit
        assert {"network", "baseline", "final"} <= {name for name, _ in code}
