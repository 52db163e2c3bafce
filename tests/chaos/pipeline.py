"""Kill `dvc repro` of a small project at random moments, again and again, until it has had enough; then let it finish."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.moments import SIGNALS, hit
from tests.project_copy import copy_project, environment, run

DETERMINISTIC = ("flows", "labelled", "dataset", "splits", "audit")
STAGE_S = 25.0  # the longest stage needs less, so that every second start gets something done
AGAIN = ("bash", "-c", "python -m iotids.plumbing.torn_lock && exec dvc repro")  # as `make stages` does


SMALL = ("preset=smoke", "network.models=[dl_sensible, dl4]", "network.epochs=40", "baseline.models=[majority]",
         "final.false_alarm_share=0.05", "~data.sources.D2", "~data.sources.D3", "~data.sources.D4")  # fmt: skip


def prepare(folder: Path) -> Path:
    """A fresh copy of the project with the real DAG, one small source, and a cache of its own."""
    folder.mkdir(parents=True)
    copy_project(folder)
    run(folder, "dvc", "pull", "--quiet", "data.dvc")
    run(folder, sys.executable, "-m", "iotids.plumbing.params", *SMALL)
    return folder


def storm(folder: Path, *, moments: int, seed: int) -> Iterator[str]:
    """Yield faults: a copy that was never disturbed and one that was killed `moments` times end with the same files."""
    calm, struck = prepare(folder / "calm"), prepare(folder / "struck")
    run(calm, "dvc", "repro", "--quiet", timeout_s=3600)
    chance = random.Random(seed)
    for number in range(moments):
        sign, delay_s = SIGNALS[number % 3], chance.expovariate(1 / STAGE_S)
        if not hit(_repro(struck), sign, delay_s):
            yield f"dvc repro, {sign.name} after {delay_s:.1f} s: does not end"
        _end_group_members(struck)
    done = run(struck, *AGAIN, timeout_s=3600, check=False)
    if done.returncode:
        yield f"dvc repro after {moments} kills ends with {done.returncode}: {done.stdout[-1500:]}"
    yield from _differences(calm, struck)


def _repro(folder: Path) -> subprocess.Popen[str]:
    """Start DVC in a group of its own."""
    log = (folder.parent / "struck.said").open("a", encoding="utf-8")
    return subprocess.Popen(
        AGAIN,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )


def _end_group_members(folder: Path) -> None:
    """End workers of this copy that left the group they were started in."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if entry.joinpath("cwd").readlink() == folder:
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
    time.sleep(0.2)


def _differences(calm: Path, struck: Path) -> Iterator[str]:
    """Files that the two copies do not share, temporary files, and other bytes in what holds no measured times."""
    here, there = _listing(calm), _listing(struck)
    yield from (f"only in the copy that was killed: {name}" for name in sorted(set(there) - set(here)))
    yield from (f"missing in the copy that was killed: {name}" for name in sorted(set(here) - set(there)))
    for name in sorted(set(here) & set(there)):
        timeless = name.split("/")[1] in DETERMINISTIC or name.endswith("predictions.parquet")
        if timeless and (calm / name).read_bytes() != (struck / name).read_bytes():
            yield f"other bytes after kills: {name}"


def _listing(folder: Path) -> dict[str, int]:
    """Files below out/ with their sizes."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in (folder / "out").rglob("*")
        if path.is_file()
    }
