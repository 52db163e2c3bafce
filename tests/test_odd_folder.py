"""The whole pipeline, its store and its detector in a project folder whose name has `?`, `%20`, `#`, a space and an umlaut."""

import json
import sqlite3
import subprocess
import sys

import pytest

from tests.plumbing.run_folders import write_run_folder
from tests.project_copy import ROOT, environment, finished_project

NAME = "wh?t %20 #1 für alle"


@pytest.mark.slow
def test_publishing_writes_its_store_and_every_file_of_a_run_inside_the_project(tmp_path):
    home = tmp_path / NAME
    home.mkdir()
    write_run_folder(home)
    (home / "params.yaml").write_text("{}\n")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "iotids", "publish", "out"],
            cwd=home,
            env={**environment(home), "DVC_ROOT": str(home), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with sqlite3.connect(home / "mlflow.db") as store:
        places = [row[0] for row in store.execute("SELECT artifact_uri FROM runs WHERE status = 'FINISHED'")]
    assert places
    assert {path.name for path in tmp_path.iterdir()} == {NAME}
    assert any((home / "mlartifacts").rglob("*.json"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished project in such a folder."""
    folder = tmp_path_factory.mktemp("odd") / NAME
    folder.mkdir()
    return finished_project(folder)


@pytest.mark.slow
@pytest.mark.long
def test_the_pipeline_ends_with_its_report_and_a_store_inside_the_project(finished):
    home = finished
    assert (home / "out" / "report" / "report.md").is_file()
    with sqlite3.connect(home / "mlflow.db") as store:
        (n_runs,) = store.execute("SELECT COUNT(*) FROM runs WHERE status = 'FINISHED'").fetchone()
    assert n_runs > 5
    assert {path.name for path in home.parent.iterdir()} == {NAME, f"{NAME}.log"}


@pytest.mark.slow
@pytest.mark.long
def test_its_detector_judges_a_capture(finished):
    home = finished
    (capture,) = (home / "data" / "sample" / "D1").glob("dos-synflooding-1-dec.pcap*")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "iotids",
            "detect",
            str(capture),
            "-o",
            "verdicts.csv",
            "--report",
            "page.html",
        ],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    judged = json.loads((home / "verdicts.csv.summary.json").read_text())["flows"]
    assert len((home / "verdicts.csv").read_text().splitlines()) == judged + 1 > 10
    assert (home / "page.html").stat().st_size > 10_000
