"""Take things away: a disk that fills at a random byte, 500 MB of memory, a results store that is locked."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import world as worlds
from tests.chaos.moments import Calm, changed_outputs, has_traceback, left_over
from tests.chaos.world import Command

MEMORY_BYTES = 500_000_000
PAGE_BYTES = 4096
SMALLEST_DISK = 4096


def may_mount() -> bool:
    """Whether a small disk can be made here."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0


def fill_disk(world: Path, command: Command, calm: Calm, *, moments: int, seed: int) -> Iterator[str]:
    """Run the command with `out/` on disks of random size, all smaller than its results; then with room again."""
    wanted = calm.digests
    reference = calm.folder / "out"
    total = sum(path.stat().st_size for path in reference.rglob("*") if path.is_file())
    chance = random.Random(f"{command.name} disk {seed}")
    for number in range(moments):
        folder = worlds.copy(world, world.parent / f"{command.name}-disk-{number}")
        (folder / "out").mkdir(exist_ok=True)
        before, size = worlds.files(folder), chance.randrange(SMALLEST_DISK, max(total, 2 * SMALLEST_DISK))
        prefix = _small_disk(_bytes_on_disk(folder / "out") + size)
        code = worlds.start(folder, command, prefix=prefix).wait()
        words = worlds.said(folder)
        where = f"{command.name} on a disk with {size} bytes free"
        shutil.rmtree(folder / "out")
        (folder / "kept").rename(folder / "out")
        if code == 0 and worlds.digests(folder, command.outputs) != wanted:
            yield f"{where}: exit 0 without its results"
        if has_traceback(words):
            yield f"{where}: traceback: {words.strip().splitlines()[-1]}"
        if not command.stops_cleanly:
            yield from (f"{where}: {fault}" for fault in changed_outputs(folder, wanted))
        yield from (f"{where}: leaves {name}" for name in left_over(folder, command, before, unfinished=True))
        code = worlds.start(folder, command).wait()
        if code or worlds.digests(folder, command.outputs) != wanted:
            yield f"{where}: with room again it ends with {code} and other bytes"
        shutil.rmtree(folder)


def _bytes_on_disk(folder: Path) -> int:
    """What the files and folders of a folder take of a disk, in whole pages."""
    sizes = [path.stat().st_size if path.is_file() else PAGE_BYTES for path in folder.rglob("*")]
    return sum(-(-size // PAGE_BYTES) * PAGE_BYTES for size in sizes)


def _small_disk(size: int) -> tuple[str, ...]:
    """Words that run what follows with `out/` on a disk of so many bytes, and keep what lies on it in `kept/`."""
    script = (
        f"cp -a out kept && mount -t tmpfs -o size={size} tmpfs out && cp -a kept/. out/ && rm -rf kept; "
        '"$@"; code=$?; cp -a out kept; exit $code'
    )
    return ("unshare", "-rm", "bash", "-c", script, "bash")


def starve(world: Path, command: Command, calm: Calm) -> Iterator[str]:
    """Run the command with 500 MB of memory: it works, or says that memory is short and leaves nothing half done."""
    wanted = calm.digests
    folder = worlds.copy(world, world.parent / f"{command.name}-starved")
    before = worlds.files(folder)
    prefix = ("prlimit", f"--data={MEMORY_BYTES}")
    process = worlds.start(folder, command, prefix=prefix)
    code, words = process.wait(), worlds.said(folder)
    where = f"{command.name} with {MEMORY_BYTES // 10**6} MB"
    if code == 0 and worlds.digests(folder, command.outputs) != wanted:
        yield f"{where}: exit 0 with other bytes"
    if code and "memory" not in words.lower():
        yield f"{where}: exit {code} without the word memory: {words[-300:]}"
    yield from (f"{where}: {fault}" for fault in changed_outputs(folder, wanted))
    yield from (f"{where}: leaves {name}" for name in left_over(folder, command, before, unfinished=True))
    shutil.rmtree(folder)


def lock_store(folder: Path, *, seconds: float) -> Iterator[str]:
    """Publish two run folders while somebody holds the store; nothing is lost, and the next publish completes it."""
    from tests.plumbing.run_folders import write_run_folder

    folder.mkdir()
    write_run_folder(folder)
    command = Command("publish", ("-m", "iotids", "publish", "out"), ())
    (folder / "tmp").mkdir()
    worlds.start(folder, command).wait()
    n_first = _finished_runs(folder)
    write_run_folder(folder, depth=7)
    holder = sqlite3.connect(folder / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    process = worlds.start(folder, command)
    time.sleep(seconds)
    holder.execute("ROLLBACK")
    process.wait()
    if has_traceback(worlds.said(folder)):
        yield "publish to a locked store: traceback"
    if worlds.start(folder, command).wait() or _finished_runs(folder) != 2 * n_first:
        yield f"publish after the lock: {_finished_runs(folder)} finished runs, not {2 * n_first}"


def _finished_runs(folder: Path) -> int:
    """Finished runs in the store."""
    with sqlite3.connect(folder / "mlflow.db") as store:
        return store.execute(
            "SELECT COUNT(*) FROM runs WHERE status='FINISHED' AND lifecycle_stage='active'"
        ).fetchone()[0]


def same_everywhere(world: Path, command: Command, calm: Calm) -> Iterator[str]:
    """Run the command under other time zones, languages, hash seeds, one core, and from a folder of another name."""
    wanted = calm.digests
    surroundings = {
        "TZ=Pacific/Kiritimati": {"TZ": "Pacific/Kiritimati"},
        "LC_ALL=C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"},
        "LC_ALL=tr_TR.UTF-8": {"LC_ALL": "tr_TR.UTF-8"},
        "PYTHONHASHSEED=1": {"PYTHONHASHSEED": "1"},
        "PYTHONHASHSEED=77": {"PYTHONHASHSEED": "77"},
        "one core": {},
    }
    for number, (name, values) in enumerate(surroundings.items()):
        folder = worlds.copy(world, world.parent / f"{command.name} elsewhere #{number}")
        prefix = ("taskset", "-c", "0") if name == "one core" else ()
        there = Command(command.name, command.words, command.outputs, environment=values)
        code = worlds.start(folder, there, prefix=prefix).wait()
        if code or worlds.digests(folder, command.outputs) != wanted:
            yield f"{command.name} under {name}: exit {code}, other bytes: {worlds.said(folder)[-300:]}"
        shutil.rmtree(folder)
