"""Remove DVC's file of locks where a kill left half of it: python -m iotids.plumbing.torn_lock

DVC (3.67) writes .dvc/tmp/rwlock in place; killed just then, it leaves a file that every later `dvc repro` refuses.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

FOLDER = Path(".dvc/tmp")


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


if __name__ == "__main__":
    if remove_torn_lock(FOLDER):
        print(f"removed {FOLDER / 'rwlock'}: a DVC that was killed had written half of it")
