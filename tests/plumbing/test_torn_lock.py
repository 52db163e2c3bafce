"""DVC killed while it writes its file of locks stops no later run."""

import subprocess
import sys

import pytest

from iotids.plumbing.torn_lock import remove_torn_lock
from tests.project_copy import ROOT, environment, run


@pytest.fixture
def project(tmp_path):
    """A project of one stage that has run."""
    home = tmp_path / "project"
    home.mkdir()
    (home / "given").write_text("a\n")
    (home / "dvc.yaml").write_text("stages:\n  a:\n    cmd: cp given a\n    deps: [given]\n    outs: [a]\n")
    for words in (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "repro", "-q")):
        run(home, *words)
    return home


@pytest.mark.parametrize("content", ["", '{"write": {"/tmp/x', '{"write": {}, "read'])
def test_a_torn_file_of_locks_is_removed_and_dvc_runs_again(project, content):
    lock = project / ".dvc" / "tmp" / "rwlock"
    lock.write_text(content)
    (project / "a").write_text("b\n")
    assert run(project, "dvc", "repro", check=False).returncode == 255
    done = subprocess.run(
        [sys.executable, "-m", "iotids.plumbing.torn_lock"],
        cwd=project,
        env={**environment(project), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("removed .dvc/tmp/rwlock")
    run(project, "dvc", "repro")
    assert (project / "a").read_text() == "a\n"


def test_a_torn_dvc_lock_is_removed_and_finished_stages_come_from_the_run_cache(project):
    lock = project / "dvc.lock"
    lock.write_text(lock.read_text().partition("outs:")[0] + "ou")
    assert run(project, "dvc", "repro", check=False).returncode == 255
    run(project, "env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "iotids.plumbing.torn_lock")
    assert not lock.exists()
    assert "is cached - skipping run" in run(project, "dvc", "repro").stdout


def test_a_whole_file_of_locks_stays(project):
    lock = project / ".dvc" / "tmp" / "rwlock"
    before = lock.read_bytes()
    assert not remove_torn_lock(lock.parent)
    assert lock.read_bytes() == before


def test_a_folder_without_it_is_left_alone(tmp_path):
    assert not remove_torn_lock(tmp_path)
    assert not list(tmp_path.iterdir())
