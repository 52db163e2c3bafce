"""Meter packets as they arrive, from standard input or from a file that grows.

The flow meter reads whole megabytes, hands rows out in large batches and looks for silent flows every 65,536
packets: right for files, minutes too late on a quiet network. Here a block is what one read gives, and flows
go out with the block in which they ended, or, while more packets wait to be read, ten times a second: a judge takes some
milliseconds for a batch, however few its flows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.pipeline.sweeping import Certain
from iotids.flowmeter.reading import Block, Capture, CaptureFault
from iotids.flowmeter.reading.standard_input import Arriving

if TYPE_CHECKING:
    import pyarrow as pa

HELD_S = 0.1  # how long flows that are over may wait for others, while packets come faster than they are read


class Arrival(Protocol):
    """Bytes as they arrive; nothing at the end, or once it is asked to stop."""

    def read(self, size: int, /) -> bytes: ...

    def readinto(self, target: memoryview, /) -> int: ...

    def has_more(self) -> bool:
        """Whether a read would give something at once."""
        ...


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
    in_order : bool
        Hold flows back until none can come that ended before, so that their context is that of a finished capture.
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
        in_order: bool = False,
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
        self.in_order = in_order
        self.capture.arrival = Arriving(stopped) if arrival is None else arrival
        self._handed_out_at = time.monotonic()

    def _is_due(self) -> bool:
        """Whether no packet waits to be read, or flows have waited long enough for others."""
        now = time.monotonic()
        if now - self._handed_out_at < HELD_S and self.capture.arrival.has_more():
            return False
        self._handed_out_at = now
        return True

    def _with_context(self, batches: Iterable[pa.RecordBatch | Certain]) -> Iterator[pa.RecordBatch]:
        """Add the context of each flow as far as it is known when the flow goes out, unless all is to be in order.

        A flow that ended by silence goes out later than others that ended after it; it counts as ending with the
        latest of them. In a finished capture it would count in its place (`add_context`).
        """
        if "context" not in self.columns or self.in_order:
            yield from super()._with_context(map(_of_its_own, batches) if self.in_order else batches)
            return
        from iotids.flowmeter.context.of_capture import with_columns
        from iotids.flowmeter.context.stream import ContextStream

        stream = ContextStream()
        for batch in batches:
            if not isinstance(batch, Certain):
                yield with_columns(batch, stream.update(batch))


def _of_its_own(batch: pa.RecordBatch | Certain) -> pa.RecordBatch | Certain:
    """A copy of a batch: a small one that waits would keep the memory of a full one."""
    return batch if isinstance(batch, Certain) else batch.take(np.arange(batch.num_rows))
