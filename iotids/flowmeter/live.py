"""Meter standard input as it arrives.

The flow meter reads whole megabytes, hands rows out in large batches and looks for silent flows every 65,536
packets: right for files, minutes too late on a quiet network. Here a block is what one read gives, and flows
go out with the block in which they ended.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import Any

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.reading.capture import Block, Capture, _Counted, _new_inflater, _Unpacked, _Walk

LOOK_S = 0.2  # how often a reader that waits for packets looks whether it shall stop


class _PromptWalk(_Walk):
    """Walks over what is there; reads more only when no whole record is left."""

    def read_ahead(self) -> None:
        """Not here: it would wait for as much as it asks for."""


class Arriving:
    """Standard input as a file that gives what has arrived, and that ends when asked to stop and nothing is
    left to read.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._number, self._stopped = sys.stdin.fileno(), stopped

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        return os.read(self._number, size) if self._wait() else b""

    def readinto(self, target: memoryview) -> int:
        """Fill the target with what is there; 0 at the end."""
        return os.readv(self._number, [target]) if self._wait() else 0

    def _wait(self) -> bool:
        """Wait for bytes or the end of input; False when asked to stop before."""
        while not select.select([self._number], [], [], LOOK_S)[0]:
            if self._stopped():
                return False
        return True


class PromptCapture(Capture):
    """Standard input, read as it arrives."""

    stopped: Callable[[], bool] = staticmethod(lambda: False)

    def blocks(self) -> Iterator[Block]:
        """Frames in order; see Capture.blocks."""
        counted = _Counted(Arriving(self.stopped), with_digest=False)  # type: ignore[arg-type]
        magic = counted.peek(6)
        source = _Unpacked(counted, counted.read(6)) if _new_inflater(magic) else counted
        yield from _PromptWalk(self, source).blocks()
        self.size = counted.size


class LiveMeter(Meter):
    """Meters standard input until it ends or `stopped` says so; other arguments as for Meter."""

    def __init__(self, profile: str, *, stopped: Callable[[], bool], **options: Any) -> None:
        super().__init__("-", profile, threads=1, prompt=True, with_digest=False, keep_going=True, **options)
        self.capture = PromptCapture(
            "-", name="-", keep_going=True, check_times=self.capture.check_times, with_digest=False
        )
        self.capture.stopped = stopped  # type: ignore[attr-defined]
