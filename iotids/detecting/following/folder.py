"""Follow a folder in which captures are written: every packet of every file once, whatever the files are
called.

Files are identified by device, inode and first bytes, which hold the time of the first packet: a name may be
used again (`tcpdump -C -W`, `-G`), a file may be moved in, renamed or added to. The newest file is read while
it is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iotids.detecting.following.growing_file import FIRST_BYTES, Known, begins_as_capture
from iotids.detecting.following.piece import LOOK_S, Piece
from iotids.detecting.following.watch import FolderWatch

MOST_KNOWN = 100_000  # files that are remembered; beyond, those that are gone are forgotten
SMALLEST = 24  # bytes of a capture without packets

Key = tuple[int, int]  # device and inode


@dataclass(frozen=True)
class Stamp:
    """What a look at a file gives; `closings` as FolderWatch.closings."""

    path: Path
    key: Key
    size: int
    changed_ns: int
    closings: int


class FollowedFolder:
    """A folder and what was read of its files.

    Parameters
    ----------
    stopped : callable
        Whether to end: what is there then is still read.
    notice, lose : callable
        Hear one sentence for each file that is left out, and for each whose packets are lost.

    Raises
    ------
    NotADirectoryError
        There is no such folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stopped: Callable[[], bool],
        notice: Callable[[str], None],
        lose: Callable[[str], None],
    ) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder}: no such folder to follow")
        self.folder, self.stopped, self._notice, self._lose = folder, stopped, notice, lose
        self._watch = FolderWatch(folder)
        self._known: dict[Key, Known] = {}
        self._ends: dict[
            tuple[Key, str], int
        ] = {}  # closings of a file at the end of what was last read of it
        self._seen: dict[Key, Stamp] = {}  # at the last look
        self._starts: dict[Key, bytes] = {}  # first bytes of files that wait to be read
        self._noticed: set[Key] = set()
        self._waiting: list[Stamp] = []
        self._looked_at = float("-inf")

    def pieces(self, settings: Mapping[str, Any], *, max_bytes: int) -> Iterator[Piece]:
        """What is new, oldest first, until asked to stop and all that is there then is read."""
        while not self.stopped():
            if waiting := self.look():
                yield self._piece(waiting[0], settings, max_bytes)
            else:
                self.wait(LOOK_S)
        for stamp in self.look():
            yield self._piece(stamp, settings, max_bytes)
        self._say_what_is_left()

    def look(self) -> list[Stamp]:
        """Files with bytes that were not read, oldest first."""
        self._watch.hear()
        now = list(self._stamps())
        self._waiting = sorted(
            (stamp for stamp in now if self._has_news(stamp)),
            key=lambda stamp: (stamp.changed_ns, stamp.path.name),
        )
        self._seen = {stamp.key: stamp for stamp in now}
        self._looked_at = time.monotonic()
        self._forget()
        return self._waiting

    def is_closed(self, path: Path) -> bool | None:
        """Whether the last writer has closed a file; None when that is not known."""
        self._watch.hear()
        return self._watch.is_closed(path.name)

    def closings(self, path: Path) -> int:
        """How often writers have closed a file since the folder is followed, as far as that is heard."""
        return self._watch.closings(path.name)

    def others_wait(self, path: Path) -> bool:
        """Whether another file has bytes to read; looked at most five times a second."""
        if time.monotonic() - self._looked_at > LOOK_S:
            self.look()
        return any(stamp.path != path for stamp in self._waiting)

    def wait(self, seconds: float) -> None:
        """Wait so long, or until something happens in the folder."""
        self._watch.wait(seconds)

    def _piece(self, stamp: Stamp, settings: Mapping[str, Any], max_bytes: int) -> Piece:
        """What is new of a file."""
        place = (stamp.key, stamp.path.name)

        def begin() -> None:
            self._ends[place] = stamp.closings + (not self._watch.is_closed(stamp.path.name))

        def done(overwritten: bool) -> None:
            self._starts.pop(stamp.key, None)
            self._seen.pop(stamp.key, None)  # looked at anew
            if overwritten:
                self._known.pop(stamp.key, None)

        known = self._known.setdefault(stamp.key, Known())
        return Piece(stamp.path, known, self, settings, max_bytes=max_bytes, begin=begin, done=done)

    def _stamps(self) -> Iterator[Stamp]:
        """The files of the folder; hidden ones are not finished, by convention."""
        for path in self.folder.iterdir():
            try:
                if path.name.startswith(".") or not path.is_file():
                    continue
                state = path.stat()
            except OSError:
                continue  # gone since
            closings = self._watch.closings(path.name)
            yield Stamp(path, (state.st_dev, state.st_ino), state.st_size, state.st_mtime_ns, closings)

    def _has_news(self, stamp: Stamp) -> bool:
        """Whether a file has bytes of a capture that were not read."""
        last = self._seen.get(stamp.key)
        if last is not None and (last.size, last.changed_ns, last.closings) == (
            stamp.size,
            stamp.changed_ns,
            stamp.closings,
        ):
            return stamp.key in self._starts
        if stamp.size < SMALLEST:
            return False
        try:
            with stamp.path.open("rb") as file:
                start = file.read(FIRST_BYTES)
        except OSError as error:
            return self._leave_out(stamp, f"cannot be read ({error.strerror})")
        known = self._known.get(stamp.key)
        if known is not None and start.startswith(known.first) and stamp.size >= known.size:
            return self._has_grown(stamp, known, start)
        is_capture = begins_as_capture(stamp.path)
        self._say_what_is_lost(stamp, start, is_capture)
        self._known.pop(stamp.key, None)
        if not is_capture:
            return self._leave_out(stamp, "begins as no capture does")
        self._starts[stamp.key] = start
        return True

    def _has_grown(self, stamp: Stamp, known: Known, start: bytes) -> bool:
        """Whether a file that was read has more now."""
        if stamp.size == known.size:
            return False
        if known.dead:
            if stamp.key not in self._noticed:
                self._noticed.add(stamp.key)
                self._lose(
                    f"{stamp.path}: has grown after it was read, and what was added cannot be read alone"
                )
            return False
        self._starts[stamp.key] = start
        return True

    def _say_what_is_lost(self, stamp: Stamp, start: bytes, is_capture: bool) -> None:
        """Say what was overwritten before it was read, as far as it was seen or heard."""
        before, place = self._starts.pop(stamp.key, None), (stamp.key, stamp.path.name)
        closed_now = bool(self._watch.is_closed(stamp.path.name))
        more = stamp.closings - self._ends.get(place, 0) - closed_now
        if before is not None and not start.startswith(before):
            size = self._seen[stamp.key].size
            self._lose(f"{stamp.path}: {size:,} bytes were overwritten before they could be read")
        elif more > 0 and is_capture:
            self._notice(
                f"{stamp.path}: written {more} more times than it could be read; packets may be unseen"
            )
        self._ends[place] = stamp.closings - closed_now

    def _leave_out(self, stamp: Stamp, why: str) -> bool:
        """Say once that a file is not judged."""
        if stamp.key not in self._noticed:
            self._noticed.add(stamp.key)
            self._notice(f"{stamp.path}: {why}; it is left out")
        return False

    def _say_what_is_left(self) -> None:
        """Name hidden captures, and files that never became one, when the run ends."""
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith(".") and path.is_file() and begins_as_capture(path):
                self._notice(f"{path}: hidden, so taken for unfinished; it is left out")
        for stamp in self._stamps():
            if 0 < stamp.size < SMALLEST:
                self._leave_out(stamp, f"has {stamp.size} bytes, fewer than a capture's header")

    def _forget(self) -> None:
        """Keep memory bounded: drop what is known of files that are gone, once these are many."""
        self._watch.forget({stamp.path.name for stamp in self._seen.values()})
        if len(self._known) > MOST_KNOWN:
            self._known = {key: known for key, known in self._known.items() if key in self._seen}
            self._ends = {place: n for place, n in self._ends.items() if place[0] in self._seen}
            self._starts = {key: start for key, start in self._starts.items() if key in self._seen}
            self._noticed &= set(self._seen)
