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
    (home / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo a > a\n    outs: [a]\n")
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


def test_a_whole_file_of_locks_stays(project):
    lock = project / ".dvc" / "tmp" / "rwlock"
    before = lock.read_bytes()
    assert not remove_torn_lock(lock.parent)
    assert lock.read_bytes() == before


def test_a_folder_without_it_is_left_alone(tmp_path):
    assert not remove_torn_lock(tmp_path)
    assert not list(tmp_path.iterdir())
