"""Results go to a remote of one's own, and the sample comes from its own."""

import pytest

from tests.project_copy import copy_project, run

pytestmark = pytest.mark.slow


def test_push_takes_results_to_the_default_remote_without_an_edit_of_the_dag(tmp_path):
    project = copy_project(tmp_path / "project")
    dag = (project / "dvc.yaml").read_text()
    run(project, "dvc", "remote", "add", "--default", "mine", str(tmp_path / "store"))
    run(project, "dvc", "pull", "--quiet", "data.dvc")
    run(project, "dvc", "repro", "--quiet", "check")
    assert "1 file pushed" in run(project, "dvc", "push", "check").stdout
    (pushed,) = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert pushed.read_bytes() == (project / "out/check.json").read_bytes()
    assert (project / "dvc.yaml").read_text() == dag
    assert run(project, "git", "status", "--porcelain", "sample-store").stdout == ""


def test_without_a_remote_of_ones_own_nothing_is_pushed_into_the_sample(tmp_path):
    project = copy_project(tmp_path / "project")
    run(project, "dvc", "pull", "--quiet", "--remote", "sample", "data.dvc")
    run(project, "dvc", "repro", "--quiet", "check")
    refused = run(project, "dvc", "push", "check", check=False)
    assert refused.returncode != 0 and "no remote specified" in refused.stdout
    assert run(project, "git", "status", "--porcelain", "sample-store").stdout == ""
