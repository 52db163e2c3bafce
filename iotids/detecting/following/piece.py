"""A piece of a followed file: its bytes from where it was left to where it ends for now, metered as a capture."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from iotids.detecting.following.growing_file import GrowingFile, Known
from iotids.flowmeter.live import LiveMeter

LOOK_S = 0.2  # how often a file is looked at when nothing is heard of it
SETTLED_S = 5.0  # unchanged for so long: nobody writes to it, as far as one can see


class Surroundings(Protocol):
    """What a piece must know of its folder (FollowedFolder)."""

    def is_closed(self, path: Path) -> bool | None:
        """Whether the last writer has closed a file; None when that is not known."""

    def closings(self, path: Path) -> int:
        """How often writers have closed a file, as far as that is known."""

    def others_wait(self, path: Path) -> bool:
        """Whether another file of the folder has bytes to read."""

    def wait(self, seconds: float) -> None:
        """Wait so long, or until something happens."""

    def stopped(self) -> bool:
        """Whether to end with what is there."""


class Piece:
    """New bytes of one file; a judge's source of flows (running.sources.Source).

    Parameters
    ----------
    known : Known
        What was read of the file before; updated by `close`.
    settings : mapping
        Of the flow meter, as in package.json.
    max_bytes : int
        How much a compressed file may expand to; 0: any amount.
    begin, done : callable
        Are called before the file is opened, and when it is left.
    """

    def __init__(
        self,
        path: Path,
        known: Known,
        folder: Surroundings,
        settings: Mapping[str, Any],
        *,
        max_bytes: int,
        begin: Callable[[], None],
        done: Callable[[bool], None],
    ) -> None:
        self.path, self._file_path, self._known, self._folder = str(path), path, known, folder
        self._settings, self._max_bytes, self._begin, self._done = dict(settings), max_bytes, begin, done
        self.packets_before = known.packets
        self._finished = False
        self._quiet = (-1, 0.0)  # the place at which the file is quiet, and since when

    def open(self) -> LiveMeter:
        """The flow meter of the piece.

        Raises
        ------
        OSError
            The file cannot be opened.
        """
        self._begin()
        self._closings = self._folder.closings(self._file_path)
        self._file = GrowingFile(self._file_path, self._known, self._may_end, self._is_reopened)
        self._meter = LiveMeter(
            **self._settings,
            arrival=self._file,
            stopped=self._folder.stopped,
            path=self.path,
            name=self._file_path.name,
            max_bytes=self._max_bytes,
        )
        return self._meter

    def close(self, ledger: Mapping[str, Any]) -> str:
        """Note how far the file was read; gives what was wrong with it, or nothing.

        Parameters
        ----------
        ledger : mapping
            Of the packets, as Ledger.as_dict gives it.
        """
        file, known = self._file, self._known
        fault = "" if ledger["packets"] == 0 and not self._meter.ledger.fault else ledger["fault"]
        is_cut = bool(fault) and file.ended and not self._finished  # more may come
        read_bytes = known.read_bytes + max(0, self._meter.capture.whole_bytes - len(file.header))
        known.first, known.size = file.first, file.at
        known.read_bytes = file.at if file.is_packed else read_bytes
        known.packets += ledger["packets"]
        known.dead = file.is_packed or bool(fault and not file.ended)
        if file.is_packed and fault and not file.ended:  # given up: what was not read of it is no growth
            known.size = max(known.size, self._file_path.stat().st_size if self._file_path.exists() else 0)
        file.close()
        self._done(file.overwritten)
        if file.overwritten:
            return f"{self.path}: overwritten while it was read; what was written to it last may be unseen"
        return "" if is_cut else fault

    def _may_end(self) -> bool:
        """At the end for now: whether it is the end, or other files wait while this one is quiet; else wait a
        little.
        """
        at, since = self._quiet
        if self._file.at != at:
            self._quiet = self._file.at, time.monotonic()
            since = self._quiet[1]
        if self._is_finished(time.monotonic() - since):
            self._finished = True
            return True
        if self._folder.stopped():
            return True
        if time.monotonic() - since > SETTLED_S and self._folder.others_wait(self._file_path):
            return True
        self._folder.wait(LOOK_S)
        return False

    def _is_reopened(self) -> bool:
        """Whether the file was closed since this piece began, and is written again."""
        closed = self._folder.is_closed(self._file_path)
        return closed is False and self._folder.closings(self._file_path) > self._closings

    def _is_finished(self, quiet_s: float) -> bool:
        """Whether nobody will write to the file; where nobody says so, after some seconds, or after two looks
        when another file waits.
        """
        closed = self._folder.is_closed(self._file_path)
        if closed is not None:
            return closed
        return quiet_s > SETTLED_S or (quiet_s > LOOK_S and self._folder.others_wait(self._file_path))
