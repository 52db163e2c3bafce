"""Stages side by side share the cores: each gets its part, one alone all of them."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("cores", "jobs", "share"),
    [(1, 1, 1), (2, 2, 1), (2, 1, 2), (16, 4, 4), (32, 1, 32), (32, 32, 3), (64, 5, 13)],
)
def test_every_stage_gets_its_share_of_the_cores(cores: int, jobs: int, share: int) -> None:
    """Twelve groups of stages at most run at once, so more jobs than that do not make a share smaller."""
    said = subprocess.run(
        ["make", "-n", "stages", f"CORES={cores}", f"JOBS={jobs}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r"LOKY_MAX_CPU_COUNT=(\d+) xargs -r -P (\d+)", said) == [(str(share), str(jobs))]
