"""Context of a whole capture, row by row as the flow meter writes them.

Flows are written in CICFlowMeter's order and end in another. So a capture's rows wait until all are there, first in
memory, then in a temporary file; meanwhile little more than the end of each flow stays in memory, 24 bytes.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.context import CONTEXT, context_schema
from iotids.flowmeter.context.memory import RING_FLOWS
from iotids.flowmeter.context.stream import NARROW, PADDING, SLICE_ROWS, ContextStream, columns_in, entering

MEMORY_BYTES = 256 << 20  # of waiting rows, and of context; what is more lies in temporary files
ENTRY = np.dtype([("hosts", np.int64, (4,)), ("service", np.int64), ("bytes", np.int64), ("facts", np.int32)])


def add_context(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Add the context columns to the batches of one capture, after the last of them; the same values as
    `with_context` gives.
    """
    waiting, context = WaitingRows(), CaptureContext()
    for batch in batches:
        context.add(batch)
        waiting.add(batch)
    context.finish()
    first = 0
    for batch in waiting.batches():
        columns = context.columns(first, batch.num_rows)
        yield with_columns(batch, pa.RecordBatch.from_arrays(columns, schema=context_schema()))
        first += batch.num_rows


def with_columns(batch: pa.RecordBatch, context: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with their context beside them."""
    schema = pa.schema([*batch.schema, *context.schema], metadata=batch.schema.metadata)
    return pa.RecordBatch.from_arrays([*batch.columns, *context.columns], schema=schema)


class WaitingRows:
    """Batches of rows until they are wanted: the first ones in memory, the others in a temporary file."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch; all have the same columns."""
        self._bytes += batch.nbytes
        if self._bytes <= MEMORY_BYTES:
            self._batches.append(batch)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the rows
            self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), batch.schema)
        self._writer.write_batch(batch)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches in their order; each is given once."""
        while self._batches:
            yield self._batches.pop(0)
        if self._file is not None:
            self._writer.close()
            self._file.seek(0)
            yield from pa.ipc.open_stream(pa.PythonFile(self._file, mode="r"))
            self._file.close()


class CaptureContext:
    """Context of the flows of one capture, which come in any order."""

    def __init__(self, ring_flows: int = RING_FLOWS) -> None:
        self._most_flows = ring_flows
        self._ends: list[np.ndarray] = []
        self._numbers: list[np.ndarray] = []
        self._entries: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the capture

    def add(self, batch: pa.RecordBatch) -> None:
        """Note what the context needs to know of some flows."""
        ends, hosts, services, facts, n_bytes = entering(pa.Table.from_batches([batch]))
        entries = np.empty(len(ends), ENTRY)
        entries["hosts"], entries["service"], entries["facts"], entries["bytes"] = (
            hosts,
            services,
            facts,
            n_bytes,
        )
        self._entries.write(entries.view(np.uint8).data)
        self._ends.append(ends)
        self._numbers.append(batch.column("flow_number").to_numpy().copy())

    def finish(self) -> None:
        """Let all flows enter, in the order of their ends; of those of one microsecond, in that of their numbers."""
        ends = np.concatenate([np.empty(0, np.int64), *self._ends])
        order = np.lexsort((np.concatenate([np.empty(0, np.int64), *self._numbers]), ends))
        self._ends, self._numbers = [], []
        self._narrow = room_for(NARROW, len(ends) + PADDING, np.int32)
        self._wide = room_for(len(CONTEXT) - NARROW, len(ends) + PADDING, np.int64)
        # a small capture takes no memory for a ring that it cannot fill
        stream = ContextStream(min(self._most_flows, 1 << len(ends).bit_length()))
        self._entries.flush()
        entries = np.memmap(self._entries, ENTRY, "r") if len(ends) else np.empty(0, ENTRY)
        for first in range(0, len(ends), SLICE_ROWS):
            rows = order[first : first + SLICE_ROWS]
            some = entries[rows]
            hosts, services, facts, n_bytes = (
                np.ascontiguousarray(some[name]) for name in ("hosts", "service", "facts", "bytes")
            )
            stream.follow((ends[rows], hosts, services, facts, n_bytes), rows, self._narrow, self._wide)
        self._entries.close()

    def columns(self, first: int, n: int) -> list[pa.Array]:
        """The context columns of n rows, in the order in which they came."""
        return columns_in(self._narrow, self._wide, slice(first, first + n))


def room_for(columns: int, rows: int, kind: Any) -> np.ndarray:
    """Memory for columns, (columns, rows); in a temporary file where it is large."""
    size = columns * rows * np.dtype(kind).itemsize
    if size <= MEMORY_BYTES:
        return np.empty((columns, rows), kind)
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), kind).reshape(columns, rows)
