"""`make smoke` works again and again where dvc.lock names folders of results that are not in this machine's cache, as in a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.project_copy import ROOT, environment, run

STAGES = """stages:
  check:
    cmd: mkdir -p out && cp params.yaml out/check
    params: [preset]
    outs: [out/check]
  score:
    cmd: mkdir -p out/score/cards && cp params.yaml out/score/cards/a.json
    params: [preset]
    deps: [out/check]
    outs: [out/score]
  final:
    cmd: cp out/score/cards/a.json out/packed
    params: [preset]
    deps: [out/score/cards/a.json]
    outs: [out/packed]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the Makefile of this one and three stages, of which the last reads a file of the folder that the second writes."""
    home = tmp_path / "a project"
    (home / "conf" / "preset").mkdir(parents=True)
    (home / "data" / "sample").mkdir(parents=True)
    (home / "out" / "box").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", home)
    (home / "iotids").symlink_to(ROOT / "iotids")  # what `make` calls before DVC
    (home / "dvc.yaml").write_text(STAGES)
    (home / "conf" / "config.yaml").write_text("defaults: [preset: null, _self_]\n")
    for name in ("smoke", "full"):
        (home / "conf" / "preset" / f"{name}.yaml").write_text(f"# @package _global_\npreset: {name}\n")
    (home / "params.yaml").write_text("preset: full\n")
    (home / ".gitignore").write_text("/out\n/data\n/iotids\n")
    for name in ("requirements.lock", "requirements-uv.lock"):
        (home / name).touch()
        os.utime(home / name, (0, 0))
    for words in (
        ("git", "init", "-q"),
        ("git", "config", "user.name", "tests"),
        ("git", "config", "user.email", "tests@localhost"),
        ("dvc", "init", "-q"),
        ("dvc", "config", "hydra.enabled", "true"),
        ("dvc", "repro", "-q"),
        ("git", "add", "-A"),
        ("git", "commit", "-q", "-m", "results"),
    ):
        run(home, *words)
    return home


def smoke(home: Path) -> str:
    """What `make smoke` says; it must succeed."""
    return run(home, "make", "smoke", f"VENV={environment(home)['VENV']}").stdout


@pytest.mark.slow
def test_smoke_is_run_again_where_results_of_the_lock_are_not_in_the_cache(project: Path) -> None:
    assert "Running stage 'final'" in smoke(project)
    (folder,) = re.findall(r"[0-9a-f]{32}\.dir", (project / "dvc.lock").read_text())
    assert "is cached - skipping run" in smoke(project)  # all is in the cache: nothing runs twice
    (project / ".dvc" / "cache" / "files" / "md5" / folder[:2] / folder[2:]).unlink()
    shutil.rmtree(project / "out")
    (project / "out" / "box").mkdir(parents=True)  # which this project cannot pull
    assert "Running stage 'final'" in smoke(project)  # from the run cache, DVC fails to load the folder
