"""Break things: kill commands at random moments, fill their disk, lock their store, take their memory; and see that nothing is lost.

python -m tests.chaos                    100 moments of every command and of the smoke DAG (about an hour)
python -m tests.chaos --short            a few of each, for CI (about three minutes)
python -m tests.chaos --only meter       one part: meter, label, detect, calibrate, publish, pipeline
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import pipeline, publishing, scarcity, world
from tests.chaos.moments import kill_at_moments, undisturbed

PARTS = (*(command.name for command in world.COMMANDS), "publish", "pipeline")


def faults_of(part: str, folder: Path, *, moments: int, seed: int, lock_s: float) -> Iterator[str]:
    """Every fault of one part."""
    if part == "publish":
        yield from scarcity.lock_store(folder / "publish", seconds=lock_s)
        yield from publishing.kill_publish(folder / "publish-moments", moments=moments, seed=seed)
        return
    if part == "pipeline":
        yield from pipeline.storm(folder / "pipeline", moments=moments, seed=seed)
        return
    command = next(command for command in world.COMMANDS if command.name == part)
    home = prepared(folder, command)
    calm = undisturbed(home, command)
    yield from kill_at_moments(home, command, calm, moments=moments, seed=seed)
    yield from scarcity.starve(home, command, calm)
    yield from scarcity.same_everywhere(home, command, calm)
    if scarcity.may_mount():
        yield from scarcity.fill_disk(home, command, calm, moments=max(moments // 3, 1), seed=seed)
    else:
        print(f"{part}: no small disk here (`unshare -rm` is not allowed); that part is left out", flush=True)


def prepared(folder: Path, command: world.Command) -> Path:
    """A world in which the command has what it needs."""
    home = world.build(folder / command.name / "world")
    (home / "tmp").mkdir()
    if command.needs:
        if world.start(home, world.METER).wait():
            raise RuntimeError(f"meter fails undisturbed: {world.said(home)[-2000:]}")
        for name in world.files(home / "out") - {
            str(Path(name).relative_to("out")) for name in command.needs
        }:
            (home / "out" / name).unlink()
    return home


def main() -> int:
    """Run the parts; 1 when a fault was found, each on a line of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--short", action="store_true")
    arguments = parser.parse_args()
    moments, lock_s = (6, 5.0) if arguments.short else (arguments.moments, 60.0)
    parts = (arguments.only,) if arguments.only else PARTS[:-1] if arguments.short else PARTS
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job passes on that it is ignored
    n_faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            mine = 0
            for fault in faults_of(part, Path(folder), moments=moments, seed=arguments.seed, lock_s=lock_s):
                print(f"FAULT {fault}", flush=True)
                mine += 1
            print(f"{part}: {moments} moments, {mine} faults", flush=True)
            n_faults += mine
    return min(n_faults, 1)


if __name__ == "__main__":
    sys.exit(main())
