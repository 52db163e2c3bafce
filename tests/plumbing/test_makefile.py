"""Stages side by side: which ones, in what groups, and what share of the cores each gets."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
STAGES = "audit\nnetwork@a\nbaseline@1\nbaseline@2\nnetwork@b\nbaseline@x-random_forest\nbaseline@3\nbaseline@4\nscore\nreport\nfinal@c\nfinal@d\n"


def make(*arguments: str) -> str:
    """What make prints when told to do nothing."""
    done = subprocess.run(["make", "-n", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout


def groups(variable: str, names: str) -> list[str]:
    """The lines into which a filter of the Makefile puts the names of stages; each is one `dvc repro`."""
    found = re.search(rf"^{variable} = (.*)$", make("-p", "stages"), re.MULTILINE)
    assert found is not None
    command = found[1].replace("$$", "$") + " | xargs -r -L 1 echo"
    return subprocess.run(
        command, shell=True, input=names, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("cores", "jobs", "share"),
    [(1, 1, 1), (2, 2, 1), (2, 1, 2), (16, 4, 4), (32, 1, 32), (32, 32, 3), (64, 5, 13)],
)
def test_every_stage_gets_its_share_of_the_cores(cores: int, jobs: int, share: int) -> None:
    """Some twelve run at once at most, so more jobs than that do not make a share smaller."""
    said = make("stages", f"CORES={cores}", f"JOBS={jobs}")
    assert re.findall(r"LOKY_MAX_CPU_COUNT=(\d+) xargs -r -P (\d+)", said) == [(str(share), str(jobs))] * 3


def test_one_source_is_metered_first_then_the_others_with_their_labels() -> None:
    """The first one compiles the flow meter, for which a second process would do the same work again."""
    every = "check\nmeter@a\nmeter@b\nmeter@c\nlabel@a\nlabel@b\nlabel@c\nintegrate\n"
    assert groups("FLOWS", every) == ["check meter@a", "label@a", "meter@b label@b", "meter@c label@c"]
    assert groups("FLOWS", "label@a\nlabel@b\nsplit\n") == ["label@a", "label@b"]
    mixed = "check\nlabel@a\nlabel@b\nmeter@c\nlabel@c\n"  # what c's labels need is made before them, not beside them
    assert groups("FLOWS", mixed) == ["check", "label@a", "label@b", "meter@c label@c"]
    assert groups("FLOWS", mixed.removeprefix("check\n")) == ["label@a", "label@b", "meter@c label@c"]
    assert groups("FLOWS", "meter@c\nlabel@c\nmeter@d\nlabel@d\n") == [
        "meter@c",
        "label@c",
        "meter@d label@d",
    ]
    assert groups("FLOWS", "check\nsplit\n") == ["check"]
    assert groups("FLOWS", "split\n") == []


def test_models_run_the_long_ones_first_and_alone_then_the_others_in_groups() -> None:
    """What runs last is short, so that no core waits long for another's stage."""
    assert groups("MODELS", STAGES) == [
        "audit",
        "network@a",
        "network@b",
        "baseline@x-random_forest",
        "baseline@1 baseline@2 baseline@3",
        "baseline@4",
    ]
    assert groups("MODELS", "baseline@1\n") == ["baseline@1"]
    assert groups("MODELS", "network@a\n") == ["network@a"]
    assert groups("MODELS", "\n") == []


def test_report_and_detectors_follow_the_scores_side_by_side() -> None:
    """Nothing of these needs another."""
    assert groups("ENDS", STAGES) == ["report", "final@c", "final@d"]
    assert groups("ENDS", "\n") == []
