"""iotids compare with HEAD, a branch, DVC experiments and MLflow's runs: every figure is that of the run it names."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from iotids.learning.scores.runs.run_files import run_from_plain
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.reporting.comparing.differences import corrected_interval
from tests.plumbing.made_sweep import make_project
from tests.plumbing.run_folders import write_run_folder
from tests.plumbing.test_experiments_in_mlflow import environment, run

pytestmark = [pytest.mark.slow, pytest.mark.long]
WIDTHS = {"HEAD": 64, "wide": 128, "old-branch": 64, "corrected": 64, "workspace": 32}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """HEAD of width 64, an experiment of width 128, one of other flows, and a workspace of width 32."""
    folder = make_project(tmp_path_factory.mktemp("compare") / "project")
    run(folder, "dvc", "repro", "--quiet", "report")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "results")
    run(folder, "git", "branch", "old-branch")
    run(folder, "dvc", "exp", "run", "--temp", "-n", "wide", "-S", "network.width=128", "report")
    run(folder, "dvc", "exp", "run", "--temp", "-n", "corrected", "-S", "meter.profile=corrected", "report")
    run(folder, "dvc", "exp", "run", "-n", "narrow", "-S", "network.width=32", "report")
    return folder


def compare(folder, *words):
    """What the command says, and its exit code."""
    command = [sys.executable, "-m", "iotids", "compare", *words, "--models", "dl4"]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def rows_of(folder, *words):
    done = compare(folder, *words, "--scores", "accuracy", "f1_macro", "--format", "csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """{run: its scores}, made here again from what distinguishes the runs."""
    found: dict[str, RunScores] = {}
    for name, width in WIDTHS.items():
        score = write_run_folder(
            tmp_path_factory.mktemp(name), width=width, quality=0.8 + width / 1000, n_epochs=1
        )
        (file,) = (score / "runs").glob("*.json")
        found[name] = run_from_plain(json.loads(file.read_text()))
    return found


def by_fold(scored, metric):
    return np.array([fold[metric] for fold in scored.splits["stratified"].folds])


@pytest.mark.parametrize(
    ("words", "first", "other"),
    [
        (("HEAD",), "HEAD", "workspace"),
        (("wide",), "wide", "workspace"),
        (("HEAD", "wide"), "HEAD", "wide"),
        (("workspace", "HEAD"), "workspace", "HEAD"),
        (("wide", "old-branch"), "wide", "old-branch"),
        (("HEAD", "HEAD@{0}"), "HEAD", "HEAD"),
    ],
)
def test_differences_are_those_of_the_runs_that_were_named(project, scores, words, first, other):
    rows = rows_of(project, *words)
    assert [(row["model"], row["split"], row["score"]) for row in rows] == [
        ("dl4", "stratified", "accuracy"),
        ("dl4", "stratified", "f1_macro"),
    ]
    for row in rows:
        metric = row["score"]
        before, after = (scores[name].splits["stratified"].value(metric) for name in (first, other))
        assert float(row["first"]) == pytest.approx(before) and float(row["value"]) == pytest.approx(after)
        assert float(row["difference"]) == pytest.approx(after - before, abs=1e-12)
        low, high = corrected_interval(by_fold(scores[other], metric) - by_fold(scores[first], metric))
        assert (float(row["low95"]), float(row["high95"])) == pytest.approx((low, high))
        assert row["unpaired"] == "" and row["folds"] == "5"


def test_a_wider_network_is_better_by_what_it_judges_right_more_often(project):
    """0.928 of the flows against 0.864, by construction; 1000 flows, so within 0.04."""
    accuracy = rows_of(project, "HEAD", "wide")[0]
    assert float(accuracy["difference"]) == pytest.approx(0.064, abs=0.04)
    assert float(accuracy["difference"]) > 0.01


def test_an_experiment_of_other_flows_has_a_difference_and_no_interval(project):
    for row in rows_of(project, "HEAD", "corrected"):
        assert row["unpaired"] == "other data or other folds" and row["low95"] == row["high95"] == ""
    said = compare(project, "HEAD", "corrected").stdout
    (flows,) = re.findall(r"^\| generated \| BENIGN \|.*$", said, re.MULTILINE)
    assert [int(cell) for cell in re.findall(r"\d+", flows)] == [9, len("paper"), len("corrected")]


def test_mlflow_has_the_figures_of_the_experiment(project, scores):
    for row in rows_of(project, "HEAD", "wide=mlflow:wide"):
        after = scores["wide"].splits["stratified"].value(row["score"])
        assert float(row["value"]) == pytest.approx(after, rel=1e-5) and row["unpaired"] == ""
    for row in rows_of(project, "wide", "there=mlflow:wide"):
        assert float(row["difference"]) == pytest.approx(0, abs=1e-5)


def test_one_run_of_mlflow_is_named_by_its_id(project, scores):
    from tests.plumbing.test_experiments_in_mlflow import runs_of

    (published,) = runs_of(project, "wide")
    for row in rows_of(project, "HEAD", f"it=mlflow:{published.info.run_id}"):
        after = scores["wide"].splits["stratified"].value(row["score"])
        assert float(row["value"]) == pytest.approx(after, rel=1e-5) and row["unpaired"] == ""
    unknown = compare(project, "mlflow:" + "0" * 32)
    assert unknown.returncode == 1 and "has no runs of that experiment" in unknown.stderr


def test_a_folder_with_the_name_of_an_experiment_is_not_taken_for_it(project, scores):
    (project / "wide").mkdir()
    try:
        for row in rows_of(project, "HEAD", "wide"):
            assert float(row["value"]) == pytest.approx(
                scores["wide"].splits["stratified"].value(row["score"])
            )
    finally:
        (project / "wide").rmdir()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "dvc exp list"),
        (("HEAD", "a=wide", "a=HEAD"), "two runs would stand under the title 'a'"),
        (("HEAD", "params.yaml"), "params.yaml is a file"),
        (("HEAD", "mlflow:nosuch"), "has no runs of that experiment"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(project, words, said):
    done = compare(project, *words)
    assert done.returncode == 1 and said in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.strip().splitlines()) == 1


def test_a_clone_without_dvcs_cache_says_what_to_do(project, tmp_path):
    run(tmp_path, "git", "clone", "-q", str(project), "clone")
    done = compare(tmp_path / "clone", "HEAD")
    assert done.returncode == 1 and "dvc pull" in done.stderr and "dvc repro" in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.strip().splitlines()) == 1
