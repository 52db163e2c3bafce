"""Kill `publish` at random moments: the next run completes the store, and every run is in it once."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import world as worlds
from tests.chaos.moments import PATIENCE_S, SIGNALS, has_traceback, hit
from tests.chaos.world import Command

PUBLISH = Command("publish", ("-m", "iotids", "publish", "out"), ())
Runs = list[tuple[str, str, str]]


def kill_publish(folder: Path, *, moments: int, seed: int) -> Iterator[str]:
    """Yield one line per fault found; each moment begins with an empty store."""
    from tests.plumbing.run_folders import write_run_folder

    calm = folder / "calm"
    calm.mkdir(parents=True)
    write_run_folder(calm)
    (calm / "tmp").mkdir()
    home = shutil.copytree(calm, folder / "home")
    begin = time.monotonic()
    if worlds.start(calm, PUBLISH).wait():
        raise RuntimeError(f"publish fails undisturbed: {worlds.said(calm)[-2000:]}")
    seconds, wanted = time.monotonic() - begin, runs_in_store(calm)
    chance = random.Random(f"publish {seed}")
    for number in range(moments):
        struck = shutil.copytree(home, folder / f"publish-{number}")
        sign, delay_s = SIGNALS[number % 3], chance.uniform(0.0, 1.05 * seconds)
        where = f"publish, {sign.name} after {delay_s:.3f} of {seconds:.1f} s"
        if not hit(worlds.start(struck, PUBLISH), sign, delay_s):
            yield f"{where}: does not end within {PATIENCE_S:.0f} s"
        if has_traceback(worlds.said(struck)):
            yield f"{where}: traceback: {worlds.said(struck).strip().splitlines()[-1]}"
        code = worlds.start(struck, PUBLISH).wait()
        if code or runs_in_store(struck) != wanted:
            yield f"{where}: the next run ends with {code} and other runs: {worlds.said(struck)[-500:]}"
        yield from (f"{where}: leaves {name}" for name in worlds.files(struck) if name.endswith(".part"))
        shutil.rmtree(struck)


def runs_in_store(folder: Path) -> Runs:
    """Experiment, name and status of every run that is not deleted, sorted."""
    question = (
        "SELECT e.name, r.name, r.status FROM runs r JOIN experiments e USING (experiment_id) "
        "WHERE r.lifecycle_stage = 'active'"
    )
    with sqlite3.connect(folder / "mlflow.db") as store:
        return sorted(store.execute(question).fetchall())
