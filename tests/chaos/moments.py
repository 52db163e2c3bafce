"""Kill a command at random moments, and look at what it leaves: nothing partial under a final name, no temporary file,
and a next run that needs no hand and ends with the same bytes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import world as worlds
from tests.chaos.world import Command

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE_S = 60.0  # a command that was asked to stop and has not is a fault


@dataclass(frozen=True)
class Calm:
    """An undisturbed run: the folder it happened in, digests of its outputs by name, and the seconds it took."""

    folder: Path
    digests: dict[str, str]
    seconds: float


def undisturbed(world: Path, command: Command) -> Calm:
    """Run the command to its end."""
    folder = worlds.copy(world, world.parent / f"{command.name}-reference")
    worlds.start(folder, command).wait()  # compiles kernels, which is no part of the time
    for name in (*command.outputs, *command.other):
        (folder / name).unlink(missing_ok=True)
    begin = time.monotonic()
    code = worlds.start(folder, command).wait()
    seconds = time.monotonic() - begin
    found = worlds.digests(folder, command.outputs)
    if code or set(found) != set(command.outputs):
        raise RuntimeError(f"{command.name} fails undisturbed, exit {code}: {worlds.said(folder)[-2000:]}")
    return Calm(folder, found, seconds)


def kill_at_moments(world: Path, command: Command, calm: Calm, *, moments: int, seed: int) -> Iterator[str]:
    """Yield one line per fault found; each moment has a signal, and every other one a good result that was there before."""
    chance = random.Random(f"{command.name} {seed}")
    for number in range(moments):
        folder = worlds.copy(world, world.parent / f"{command.name}-{number}")
        with_good_result = number % 2 == 1
        if with_good_result:
            shutil.copytree(
                world.parent / f"{command.name}-reference" / "out", folder / "out", dirs_exist_ok=True
            )
        before = worlds.files(folder)
        sign, delay_s = SIGNALS[number % 3], chance.uniform(0.0, 1.05 * calm.seconds)
        where = f"{command.name}, {sign.name} after {delay_s:.3f} of {calm.seconds:.1f} s"
        yield from (
            f"{where}: {fault}" for fault in _one_moment(folder, command, sign, delay_s, calm.digests, before)
        )
        shutil.rmtree(folder)


def _one_moment(
    folder: Path,
    command: Command,
    sign: signal.Signals,
    delay_s: float,
    wanted: dict[str, str],
    before: set[str],
) -> Iterator[str]:
    """Start, signal, look, run again, look again."""
    process = worlds.start(folder, command)
    if not hit(process, sign, delay_s):
        yield f"does not end within {PATIENCE_S:.0f} s"
    gentle = sign is not signal.SIGKILL
    if not (gentle and command.stops_cleanly):
        yield from changed_outputs(folder, wanted)
    if gentle:
        yield from (f"leaves {name}" for name in left_over(folder, command, before, unfinished=True))
        if has_traceback(worlds.said(folder)):
            yield f"ends with a traceback: {worlds.said(folder).strip().splitlines()[-1]}"
    code = worlds.start(folder, command).wait()
    if code or worlds.digests(folder, command.outputs) != wanted:
        yield f"the next run ends with {code} and other bytes: {worlds.said(folder)[-500:]}"
    yield from (
        f"the next run leaves {name}" for name in left_over(folder, command, before, unfinished=False)
    )


def hit(process: subprocess.Popen[str], sign: signal.Signals, delay_s: float) -> bool:
    """Send the signal to the command's whole process group after the delay; whether it has ended soon after."""
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, sign)
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    return True


def has_traceback(said: str) -> bool:
    """Whether a command ended with a traceback of our code; before any of it runs, Python itself prints one."""
    ours = any(f"{worlds.ROOT / room}/" in said for room in ("iotids", "stages"))
    return ours and "Traceback (most recent call last)" in said


def changed_outputs(folder: Path, wanted: dict[str, str]) -> Iterator[str]:
    """Name every output that is there with other bytes than those of an undisturbed run."""
    for name, digest in worlds.digests(folder, tuple(wanted)).items():
        if digest != wanted[name]:
            yield f"{name} is there with {(folder / name).stat().st_size} bytes that are not the result"


def left_over(folder: Path, command: Command, before: set[str], *, unfinished: bool) -> list[str]:
    """Files that are neither from before nor results. A folder `.x.unfinished` is meant to stay until the next run."""
    allowed = {*before, *command.outputs, *command.other}
    if command.stops_cleanly:
        begun = {str(Path(name).with_suffix(f".incomplete{Path(name).suffix}")) for name in command.outputs}
        allowed |= {*begun, *(f"{name}.summary.json" for name in begun)} if unfinished else set()
    return sorted(name for name in worlds.files(folder) - allowed if ".unfinished/" not in name)
