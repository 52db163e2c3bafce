"""The context of flows that arrive batch by batch: the same values however they are cut into batches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.context import CONTEXT, LAST_FLOWS, SHORT_PACKETS, WINDOWS_S, context_schema
from iotids.flowmeter.context.layout import BLOCK, N_KINDS, N_LISTS, N_WINDOWS, WINDOW_WORDS
from iotids.flowmeter.context.memory import RING_FLOWS, Memory
from iotids.flowmeter.kernels.entries import fill_words, follow_flows

LATE_S = 600  # flow timeout and idle timeout together are 240 s: what is later than this is a clock set back
SLICE_ROWS = 16_384
NARROW = sum(column.dtype != "int64" for column in CONTEXT)  # columns of 32 bits
PADDING = 16  # one cache line: columns a power of two apart would all fall into the same cache set

# fmt: off
WANTED = (
    "src_ip", "dst_ip", "dst_port", "protocol", "start_us", "flow_duration_us",
    "fwd_packets", "bwd_packets", "rst_flags", "fwd_bytes", "bwd_bytes",
)
# fmt: on


class ContextStream:
    """Context of one network's flows, in the order in which they end.

    Parameters
    ----------
    ring_flows : int
        A power of two: windows look back over at most so many flows of the whole network. A flood that ends
        more of them in 60 s shortens the windows, and memory stays as it is.
    """

    def __init__(self, ring_flows: int = RING_FLOWS) -> None:
        self._memory = Memory(ring_flows)
        self._windows_us = np.array(WINDOWS_S, np.int64) * 1_000_000

    def update(self, flows: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
        """Let flows enter; returns their context, one row each, in their order.

        Parameters
        ----------
        flows : with the columns `WANTED` of a flow table, in order of their end
            One that ends before the latest so far counts as ending with it; more than `LATE_S` earlier, the
            clock was set back, and the windows begin empty.

        Raises
        ------
        ValueError
            A column is missing; the message names it.
        """
        if missing := [name for name in WANTED if name not in flows.schema.names]:
            raise ValueError(
                f"the flows have no column {', '.join(missing)}; context needs {', '.join(WANTED)}"
            )
        table = flows if isinstance(flows, pa.Table) else pa.Table.from_batches([flows])
        parts = [
            self._slice(table.slice(first, SLICE_ROWS)) for first in range(0, table.num_rows, SLICE_ROWS)
        ]
        whole = pa.Table.from_batches(parts, context_schema()).combine_chunks()
        return whole.to_batches()[0] if parts else pa.RecordBatch.from_pylist([], context_schema())

    def _slice(self, table: pa.Table) -> pa.RecordBatch:
        """Context of some flows."""
        n = table.num_rows
        numbers = np.empty((NARROW, n + PADDING), np.int32)
        n_bytes = np.empty((len(CONTEXT) - NARROW, n + PADDING), np.int64)
        self.follow(entering(table), np.arange(n), numbers, n_bytes)
        return pa.RecordBatch.from_arrays(columns_in(numbers, n_bytes, slice(n)), schema=context_schema())

    def follow(
        self, flows: tuple[np.ndarray, ...], rows: np.ndarray, numbers: np.ndarray, n_bytes: np.ndarray
    ) -> None:
        """Let flows enter, as `entering` gives them, and write the context of each to its row.

        rows : (n,) int64; numbers : (NARROW, room) int32, n_bytes : (as many as are 64 bits wide, room) int64 —
        written.
        """
        follow_flows(
            *flows,
            self._windows_us,
            LAST_FLOWS,
            LATE_S * 1_000_000,
            *self._memory.arguments(),
            np.empty((len(rows), N_KINDS), np.int32),
            np.empty((N_LISTS * N_WINDOWS, BLOCK, WINDOW_WORDS), np.int64),
            rows,
            numbers,
            numbers.view(np.float32),
            n_bytes,
        )


def entering(table: pa.Table) -> tuple[np.ndarray, ...]:
    """What the kernel wants to know of flows: end, hosts, service, facts, bytes.

    Raises
    ------
    ValueError
        A cell has no value; the message names its column.
    """

    def integers(name: str) -> np.ndarray:
        return numbers_in(table, name).astype(np.int64, copy=False)

    answered, packets = integers("bwd_packets"), integers("fwd_packets") + integers("bwd_packets")
    facts = (answered == 0) | (integers("rst_flags") > 0).astype(np.int64) << 1
    facts |= (packets <= SHORT_PACKETS).astype(np.int64) << 2
    hosts = host_words(*(_one_array(table.column(name)) for name in ("src_ip", "dst_ip")))
    return (
        integers("start_us") + integers("flow_duration_us"),
        hosts,
        integers("dst_port") << 8 | integers("protocol"),
        facts.astype(np.int32),
        integers("fwd_bytes") + integers("bwd_bytes"),
    )


def numbers_in(table: pa.Table | pa.RecordBatch, name: str) -> np.ndarray:
    """A column of numbers, without nulls: (n,). Arrow's own way to NumPy imports pandas, a fifth of a second."""
    column = table.column(name)
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if column.null_count:
        raise ValueError(f"column {name} of the flows has {column.null_count} cells without a value")
    return np.from_dlpack(column)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    """A string column in one piece, without dictionary."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


def columns_in(numbers: np.ndarray, n_bytes: np.ndarray, rows: slice) -> list[pa.Array]:
    """The context columns of some rows of the kernel's cells."""
    narrow, wide = iter(numbers), iter(n_bytes)
    cells = {
        "int32": lambda: next(narrow)[rows],
        "float32": lambda: next(narrow).view(np.float32)[rows],
        "int64": lambda: next(wide)[rows],
    }
    chosen = [cells[column.dtype]() for column in CONTEXT]
    return [
        pa.Array.from_buffers(field.type, len(values), [None, pa.py_buffer(values)])
        for field, values in zip(context_schema(), chosen, strict=True)
    ]


def host_words(sources: pa.Array, targets: pa.Array) -> np.ndarray:
    """Two words for each address of two string columns without nulls: (n, 4) int64. Exact up to 16 characters, which
    holds every IPv4 address; a 128-bit hash of longer ones.
    """
    words = np.empty((len(sources), 4), np.int64)
    for column, addresses in ((0, sources), (2, targets)):
        array = pa.concat_arrays([addresses]) if addresses.offset else addresses
        _, offsets, text = array.buffers()
        begins = np.frombuffer(offsets, np.int32, len(array) + 1) if len(array) else np.zeros(1, np.int32)
        letters = np.frombuffer(text, np.uint8) if text is not None and text.size else np.zeros(1, np.uint8)
        fill_words(begins, letters, words, column)
    return words
