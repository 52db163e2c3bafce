"""Context of a whole capture, row by row as the flow meter writes them.

Flows are written in CICFlowMeter's order and end in another. So rows wait until no flow can come that ended before them:
an idle timeout, where the profile has one, else the whole capture. They wait first in memory, then in a temporary
file; meanwhile little more than the end of each flow stays in memory, 24 bytes.
"""

from __future__ import annotations

import mmap
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import IO, Any

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.context import CONTEXT, context_schema
from iotids.flowmeter.context.memory import RING_FLOWS
from iotids.flowmeter.context.stream import (
    NARROW,
    PADDING,
    SLICE_ROWS,
    ContextStream,
    columns_in,
    entering,
    numbers_in,
)
from iotids.flowmeter.pipeline.sweeping import Certain

MEMORY_BYTES = 256 << 20  # of waiting rows, and of context; what is more lies in temporary files
ENTRY = np.dtype([("hosts", np.int64, (4,)), ("service", np.int64), ("bytes", np.int64), ("facts", np.int32)])


def add_context(batches: Iterable[pa.RecordBatch | Certain]) -> Iterator[pa.RecordBatch]:
    """Add the context columns to the batches of one capture, in their order: each as soon as no flow can come that ended
    before one of its own, the rest after the last; the same values as `with_context` gives.

    A flow that comes after all and ended before counts as ending with the latest one (`Certain` says when that is).
    """
    waiting, context = WaitingRows(), CaptureContext()
    for batch in batches:
        if isinstance(batch, Certain):
            yield from _known(waiting, context, batch.until_us)
        else:
            context.add(batch)
            waiting.add(batch)
    yield from _known(waiting, context, None)
    context.close()


def _known(waiting: WaitingRows, context: CaptureContext, until_us: int | None) -> Iterator[pa.RecordBatch]:
    """The batches that wait and have nothing but flows that ended until a time (None: all), with their context."""
    n = context.whole_batches(until_us)
    if n:
        context.advance(until_us)
    for _ in range(n):
        batch = waiting.take()
        columns = context.take(batch.num_rows)
        yield with_columns(batch, pa.RecordBatch.from_arrays(columns, schema=context_schema()))


def with_columns(batch: pa.RecordBatch, context: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with their context beside them."""
    schema = pa.schema([*batch.schema, *context.schema], metadata=batch.schema.metadata)
    return pa.RecordBatch.from_arrays([*batch.columns, *context.columns], schema=schema)


class WaitingRows:
    """Batches of rows, first in, first out: those that take too much memory wait in a temporary file."""

    def __init__(self) -> None:
        # batches in memory, or their place and size in the file
        self._waiting: deque[pa.RecordBatch | tuple[int, int]] = deque()
        self._bytes = self._on_disk = 0
        self._file: IO[bytes] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch; all have the same columns."""
        self.schema = batch.schema
        if self._bytes + batch.nbytes <= MEMORY_BYTES:
            self._bytes += batch.nbytes
            self._waiting.append(batch)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the rows
        place = self._file.seek(0, 2) if self._on_disk else self._file.truncate(self._file.seek(0))
        self._waiting.append((place, self._file.write(batch.serialize())))
        self._on_disk += 1

    def take(self) -> pa.RecordBatch:
        """The batch that waits longest."""
        first = self._waiting.popleft()
        if not isinstance(first, tuple):
            self._bytes -= first.nbytes
            return first
        assert self._file is not None
        self._on_disk -= 1
        self._file.seek(first[0])
        return pa.ipc.read_record_batch(self._file.read(first[1]), self.schema)


class CaptureContext:
    """Context of the flows of one capture, which come in any order: of a window of rows from the oldest not taken."""

    def __init__(self, ring_flows: int = RING_FLOWS) -> None:
        self._most_flows = ring_flows
        self._stream: ContextStream | None = None
        self._batches: deque[tuple[int, int]] = deque()  # latest end and rows of each batch in the window
        self._first = self._rows = 0  # number of the window's first row, and of rows so far
        self._new: list[tuple[np.ndarray, np.ndarray]] = []
        self._ends, self._numbers, self._places = (np.empty(0, np.int64) for _ in range(3))  # not yet entered
        self._entries: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the capture
        self._origin = self._room = 0  # the row that the cells begin with, and for how many there is room
        self._narrow, self._wide = _cells(0)

    def add(self, batch: pa.RecordBatch) -> None:
        """Note what the context needs to know of some flows, one or more."""
        ends, hosts, services, facts, n_bytes = entering(pa.Table.from_batches([batch]))
        entries = np.empty(len(ends), ENTRY)
        entries["hosts"], entries["service"], entries["facts"], entries["bytes"] = (
            hosts,
            services,
            facts,
            n_bytes,
        )
        self._entries.write(entries.view(np.uint8).data)
        self._new.append((ends, numbers_in(batch, "flow_number").copy()))
        self._batches.append((int(ends.max()), len(ends)))
        self._rows += len(ends)

    def whole_batches(self, until_us: int | None) -> int:
        """How many batches, from the oldest, have nothing but flows that ended until a time (None: all)."""
        return sum(1 for _ in takewhile(lambda b: until_us is None or b[0] <= until_us, self._batches))

    def advance(self, until_us: int | None) -> None:
        """Let the flows enter that ended until a time (None: all), in the order of their ends; of those of one
        microsecond, in that of their numbers.
        """
        ends, numbers = zip(*self._new, strict=True) if self._new else ((), ())
        n_before = self._rows - sum(map(len, ends))
        self._ends, self._numbers = (
            np.concatenate([self._ends, *ends]),
            np.concatenate([self._numbers, *numbers]),
        )
        self._places = np.concatenate([self._places, np.arange(n_before, self._rows)])
        self._new = []
        self._make_room(self._rows - self._first, is_last=until_us is None)
        enter = self._ends <= until_us if until_us is not None else np.ones(len(self._ends), bool)
        order = np.flatnonzero(enter)
        order = order[np.lexsort((self._numbers[order], self._ends[order]))]
        self._follow(self._ends[order], self._places[order], is_last=until_us is None)
        self._ends, self._numbers, self._places = (
            part[~enter] for part in (self._ends, self._numbers, self._places)
        )

    def take(self, n: int) -> list[pa.Array]:
        """The context columns of the oldest batch, of n rows."""
        self._batches.popleft()
        first = self._first - self._origin
        self._first += n
        return columns_in(self._narrow, self._wide, slice(first, first + n))

    def close(self) -> None:
        """Give the file back."""
        self._entries.close()

    def _make_room(self, n: int, *, is_last: bool) -> None:
        """A window of at least n rows, beginning with the oldest that is not taken; it moves when it is full, and what is
        known of its rows goes along.
        """
        if self._first + n <= self._origin + self._room:
            return
        kept = min(self._first - self._origin, self._room)
        self._room = n if is_last else 2 * n
        cells = _cells(self._room)
        for new, old in zip(cells, (self._narrow, self._wide), strict=True):
            known = old[:, kept : old.shape[1] - PADDING]
            new[:, : known.shape[1]] = known
        (self._narrow, self._wide), self._origin = cells, self._first

    def _follow(self, ends: np.ndarray, places: np.ndarray, *, is_last: bool) -> None:
        """Let flows enter in the order in which they stand, each to its place."""
        if self._stream is None:
            # a small capture takes no memory for a ring that it cannot fill
            enough = 1 << len(ends).bit_length() if is_last else self._most_flows
            self._stream = ContextStream(min(self._most_flows, enough))
        self._entries.flush()
        entries = np.memmap(self._entries, ENTRY, "r") if self._rows else np.empty(0, ENTRY)
        for first in range(0, len(ends), SLICE_ROWS):
            rows = places[first : first + SLICE_ROWS]
            some = entries[rows]
            hosts, services, facts, n_bytes = (
                np.ascontiguousarray(some[name]) for name in ("hosts", "service", "facts", "bytes")
            )
            flows = (ends[first : first + SLICE_ROWS], hosts, services, facts, n_bytes)
            self._stream.follow(flows, rows - self._origin, self._narrow, self._wide)


def _cells(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for the context of some rows: columns of 32 bits, and of 64."""
    return (
        room_for(NARROW, rows + PADDING, np.int32),
        room_for(len(CONTEXT) - NARROW, rows + PADDING, np.int64),
    )


def room_for(columns: int, rows: int, kind: Any) -> np.ndarray:
    """Memory for columns, (columns, rows); in a temporary file where it is large."""
    size = columns * rows * np.dtype(kind).itemsize
    if size <= MEMORY_BYTES:
        return np.empty((columns, rows), kind)
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), kind).reshape(columns, rows)
