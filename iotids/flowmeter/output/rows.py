"""Flows that are over, as Arrow record batches; the kernel writes the columns, Arrow only wraps them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.groups import OPTIONAL
from iotids.flowmeter.columns.schema import (
    CORRECTED_EXTRAS,
    FEATURES,
    IDENTITY,
    SEQUENCE,
    Column,
    arrow_schema,
)
from iotids.flowmeter.kernels.bundles import Columns
from iotids.flowmeter.kernels.entries import fill_rows, fill_sequences
from iotids.flowmeter.kernels.layout import SEQUENCE_PACKETS, TEXT_PER_ROW
from iotids.flowmeter.kernels.positions import (
    FEATURE,
    N_FEATURES,
    N_NUMBERS,
    N_PORTS,
    N_TEXTS,
    NUMBER,
    PORT,
    TEXT,
)
from iotids.flowmeter.pipeline.memory import Reused
from iotids.flowmeter.profiles import Profile

ARROW_TYPES = {
    "i2": pa.int16(),
    "i4": pa.int32(),
    "i8": pa.int64(),
    "u4": pa.uint32(),
    "u8": pa.uint64(),
    "f8": pa.float64(),
}
FIRST_ROWS, GROWTH = 256, 4
PADDING = 8  # one cache line: columns a power of two apart would all fall into the same cache set


def check_columns(groups: Iterable[str]) -> tuple[str, ...]:
    """Optional groups of columns, in the order in which they are written.

    Raises
    ------
    ValueError
        There is no such group.
    """
    wanted = set(groups)
    if unknown := wanted - set(OPTIONAL):
        raise ValueError(f"columns {', '.join(sorted(unknown))}: unknown; there are {', '.join(OPTIONAL)}")
    return tuple(name for name in OPTIONAL if name in wanted)


def columns_of(profile: Profile, optional: Iterable[str] = ()) -> tuple[Column, ...]:
    """The columns that a profile writes, and those of some optional groups."""
    columns = IDENTITY + FEATURES + (CORRECTED_EXTRAS if profile.has_extras else ())
    return sum((OPTIONAL[name] for name in check_columns(optional)), columns)


def schema_of(profile: Profile, optional: Iterable[str] = ()) -> pa.Schema:
    """Arrow schema of a profile's flow table."""
    return arrow_schema(columns_of(profile, optional))


class RowBuilder:
    """Collects rows column by column; hands out a record batch when `rows` are together or when asked.

    Parameters
    ----------
    capture : str
        Value of the column of that name.
    profile : Profile
    rows : int
        Rows of a batch; the first ones are smaller, because most captures have few flows.
    sequences : bool
        Whether rows have the first packets of their flows.
    """

    def __init__(self, capture: str, profile: Profile, *, rows: int, sequences: bool = False) -> None:
        self.with_sequences = sequences
        optional = ("sequence",) if sequences else ()
        self.columns, self.schema = columns_of(profile, optional), schema_of(profile, optional)
        self.capture = capture
        self.profile = profile
        self.most_rows = rows
        self.rows = min(rows, FIRST_ROWS) // GROWTH
        self.total = 0
        self.room = 0
        self.used = 0
        self.memory = Reused()

    def _allocate(self) -> None:
        """New memory: that of the last batch belongs to whoever received it."""
        self.rows = min(
            self.rows * GROWTH, self.most_rows - self.total % self.most_rows
        )  # later batches end where row groups do
        self.total += self.rows
        self.room = self.rows
        self.used = 0
        listed = (self.rows if self.with_sequences else 0, SEQUENCE_PACKETS)
        cells, numbers, ports, texts, offsets, *self.lists = self.memory.arrays(
            ((N_FEATURES, self.rows + PADDING), np.int64),
            ((N_NUMBERS, self.rows + PADDING), np.int64),
            ((N_PORTS, self.rows + 2 * PADDING), np.int32),
            ((N_TEXTS, self.rows * TEXT_PER_ROW), np.uint8),
            ((N_TEXTS, self.rows + 2 * PADDING), np.int32),
            (listed, np.int32),
            (listed, np.int32),
            (listed, np.int16),
        )
        offsets[:, 0] = 0
        self.written = Columns(cells, cells.view(np.float64), numbers, ports, texts, offsets)

    def add(self, keys: np.ndarray, flows: np.ndarray, sequences: np.ndarray) -> list[pa.RecordBatch]:
        """Add the rows of some flows; returns the batches that became full."""
        full = []
        done = 0
        while done < len(flows):
            if self.room == 0:
                self._allocate()
            n = min(self.room, len(flows) - done)
            fill_rows(
                keys[done : done + n],
                flows[done : done + n],
                n,
                self.profile.logic,
                self.used,
                self.written,
            )
            if self.with_sequences:
                fill_sequences(sequences[done : done + n], n, self.used, *self.lists)
            done += n
            self.used += n
            self.room -= n
            if self.room == 0:
                full.append(self._batch())
        return full

    def rest(self) -> list[pa.RecordBatch]:
        """The rows not yet handed out, as a batch; none gives no batch."""
        return [self._batch()] if self.used else []

    def _batch(self) -> pa.RecordBatch:
        """Wrap the columns."""
        columns = [self._column(column, self.used) for column in self.columns]
        self.room = self.used = 0
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _column(self, column: Column, n: int) -> pa.Array:
        """The first n values of a column."""
        name, written = column.name, self.written
        if name == "capture":
            return _repeated(self.capture, n)
        if hasattr(TEXT, name):
            at = getattr(TEXT, name)
            return _strings(written.texts[at], written.offsets[at, : n + 1])
        if hasattr(PORT, name):
            return wrapped(written.ports[getattr(PORT, name), :n])
        if hasattr(NUMBER, name):
            return wrapped(written.numbers[getattr(NUMBER, name), :n])
        if column in SEQUENCE:
            return _listed(self.lists[SEQUENCE.index(column)][:n], self.schema.field(name).type)
        cells = written.floats if column.dtype == "float64" else written.cells
        return wrapped(cells[getattr(FEATURE, name), :n])


def wrapped(values: np.ndarray) -> pa.Array:
    """Arrow array over NumPy's memory; `pa.array` would import pandas, most of a second."""
    return pa.Array.from_buffers(ARROW_TYPES[values.dtype.str[1:]], len(values), [None, pa.py_buffer(values)])


def _listed(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Arrow array of lists of one length over NumPy's memory. values : (n, length)."""
    return pa.Array.from_buffers(kind, len(values), [None], children=[wrapped(values.reshape(-1))])


def _strings(text: np.ndarray, offsets: np.ndarray) -> pa.StringArray:
    """Strings of which the kernel wrote the bytes."""
    size = int(offsets[-1])
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text[:size]))


def _repeated(text: str, n: int) -> pa.StringArray:
    """The same string n times."""
    data = text.encode()
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(len(data))
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data * n))
