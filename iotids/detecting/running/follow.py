"""Wait for rotating captures in a folder and give each as soon as it is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_S = 0.5
SETTLED_S = 5.0  # unchanged for so long, or followed by a newer capture: nobody writes to it any more


def finished_captures(
    folder: Path,
    *,
    is_capture: Callable[[str], bool],
    stopped: Callable[[], bool],
    settled_s: float = SETTLED_S,
) -> Iterator[Path]:
    """Yield captures below the folder, oldest first, each once, until told to stop.

    A capture is finished when it has not changed for `settled_s`, or when it did not change between two looks
    and a newer one has begun, as `tcpdump -G` or `-C` leaves it. Finished ones that are there when it stops
    are still given.

    Raises
    ------
    NotADirectoryError
        There is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: no such folder to follow")
    done: set[Path] = set()
    seen: dict[Path, tuple[int, int]] = {}
    last_look = False
    while True:
        now = {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(folder.iterdir())
            if path.is_file() and is_capture(path.name)
        }
        newest = max((stamp[0] for stamp in now.values()), default=0)
        for path, stamp in sorted(now.items(), key=lambda item: item[1]):
            unchanged = seen.get(path) == stamp and stamp[0] < newest
            settled = time.time() - stamp[0] / 1e9 > settled_s
            if path not in done and (unchanged or settled):
                done.add(path)
                yield path
        seen = now
        if last_look:
            return
        last_look = stopped()
        if not last_look:
            time.sleep(POLL_S)


def is_growing(path: Path, size_before: int, *, now_s: float, fresh_s: float = 2.0) -> bool:
    """Whether a capture grew while it was read, or was written to in the last seconds."""
    state = path.stat()
    return state.st_size != size_before or now_s - state.st_mtime < fresh_s
