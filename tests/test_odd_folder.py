"""The whole pipeline, its store and its detector in a project folder whose name has `?`, `%20`, `#`, a space and an umlaut."""

import sqlite3
import subprocess
import sys

import pytest

from tests.project_copy import environment, finished_project

pytestmark = [pytest.mark.slow, pytest.mark.long]
NAME = "wh?t %20 #1 für alle"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A finished project in such a folder."""
    folder = tmp_path_factory.mktemp("odd") / NAME
    folder.mkdir()
    return finished_project(folder)


def test_the_pipeline_ends_with_its_report_and_a_store_inside_the_project(home):
    assert (home / "out" / "report" / "report.md").is_file()
    with sqlite3.connect(home / "mlflow.db") as store:
        (n_runs,) = store.execute("SELECT COUNT(*) FROM runs WHERE status = 'FINISHED'").fetchone()
    assert n_runs > 5
    assert {path.name for path in home.parent.iterdir()} == {NAME, f"{NAME}.log"}


def test_its_detector_judges_a_capture(home):
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
    assert len((home / "verdicts.csv").read_text().splitlines()) > 100
    assert (home / "page.html").stat().st_size > 10_000
