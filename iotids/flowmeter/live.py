"""Meter packets as they arrive, from standard input or from a file that grows.

The flow meter reads whole megabytes, hands rows out in large batches and looks for silent flows every 65,536
packets: right for files, minutes too late on a quiet network. Here a block is what one read gives, and flows
go out with the block in which they ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.reading import Block, Capture, CaptureFault
from iotids.flowmeter.reading.standard_input import Arriving


class Arrival(Protocol):
    """Bytes as they arrive; nothing at the end, or once it is asked to stop."""

    def read(self, size: int, /) -> bytes: ...

    def readinto(self, target: memoryview, /) -> int: ...


class LiveCapture(Capture):
    """A capture whose bytes are still arriving.

    Attributes
    ----------
    whole_bytes : int
        Once it has been read: bytes up to the end of its last whole record.
    """

    arrival: Arrival
    whole_bytes: int = 0

    def blocks(self) -> Iterator[Block]:
        """Frames in order; see Capture.blocks."""
        try:
            yield from self._blocks_of(self.arrival)
        except CaptureFault as fault:
            self.whole_bytes = fault.offset
            raise
        self.whole_bytes = self.size


class LiveMeter(Meter):
    """Meters what arrives until it ends; other arguments as for Meter.

    Parameters
    ----------
    stopped : callable
        Whether to end when nothing is left to read.
    arrival : Arrival, optional
        Default: standard input.
    path : str
        How messages call the capture.
    max_bytes : int
        How much compressed input may expand to; 0: any amount.
    """

    capture: LiveCapture

    def __init__(
        self,
        profile: str,
        *,
        stopped: Callable[[], bool],
        arrival: Arrival | None = None,
        path: str = "-",
        max_bytes: int = 0,
        **options: Any,
    ) -> None:
        super().__init__("-", profile, threads=1, prompt=True, with_digest=False, keep_going=True, **options)
        self.capture = LiveCapture(
            "-",
            name=path,
            keep_going=True,
            check_times=self.capture.check_times,
            take_apart=self.capture.take_apart,
            with_digest=False,
            stopped=stopped,
        )
        self.capture.max_bytes = max_bytes
        self.capture.arrival = Arriving(stopped) if arrival is None else arrival
