"""Remove what a killed DVC left half written, its file of locks and dvc.lock: python -m iotids.plumbing.torn_lock

DVC (3.67) writes both in place; killed just then, it leaves a file that every later `dvc repro` refuses. What a torn
dvc.lock said of finished stages is found again in the run cache.
"""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path

import yaml

FOLDER, LOCK = Path(".dvc/tmp"), Path("dvc.lock")
STEADY_S = 3.0  # a dvc.lock that is being written changes within this time


def remove_torn_lock(folder: Path) -> bool:
    """Remove `folder`/rwlock if it holds no JSON, and say whether it did; a living DVC that writes it is waited for."""
    path = folder / "rwlock"
    if not path.exists():
        return False
    with (folder / "rwlock.lock").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        try:
            json.loads(path.read_bytes())
        except ValueError:
            path.unlink()
            return True
    return False


def remove_torn_stages(path: Path, *, steady_s: float = STEADY_S) -> bool:
    """Remove dvc.lock if DVC cannot read it and nobody is writing it, and say whether it did."""
    while not is_whole(path):
        before = path.stat()
        time.sleep(steady_s)
        if path.exists() and path.stat().st_mtime_ns == before.st_mtime_ns:
            path.unlink()
            return True
    return False


def is_whole(path: Path) -> bool:
    """Whether DVC can read this dvc.lock; one that is not there counts as whole."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    except FileNotFoundError:
        return True
    except (yaml.YAMLError, Invalid, UnicodeDecodeError):
        return False
    return True


def main() -> None:
    """Look at both files of this folder, and say what was removed."""
    for path, removed in (
        (FOLDER / "rwlock", remove_torn_lock(FOLDER)),
        (LOCK, remove_torn_stages(LOCK)),
    ):
        if removed:
            print(f"removed {path}: a DVC that was killed had written half of it")


if __name__ == "__main__":
    main()
