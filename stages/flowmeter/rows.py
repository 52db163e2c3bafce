"""Flows that are over, as Arrow record batches; the kernel writes the columns, Arrow only wraps them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stages.flowmeter import kernels
from stages.flowmeter.profiles import Profile
from stages.flowmeter.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, Column, arrow_schema

ARROW_TYPES = {"i2": pa.int16(), "i4": pa.int32(), "i8": pa.int64(), "u4": pa.uint32(), "u8": pa.uint64(), "f8": pa.float64()}
PADDING = 8  # one cache line: columns a power of two apart would all fall into the same cache set


def columns_of(profile: Profile) -> tuple[Column, ...]:
    """The columns that a profile writes."""
    return IDENTITY + FEATURES + (CORRECTED_EXTRAS if profile.has_extras else ())


def schema_of(profile: Profile) -> pa.Schema:
    """Arrow schema of a profile's flow table."""
    return arrow_schema(columns_of(profile))


def rows_of(keys: np.ndarray, flows: np.ndarray, capture: str, profile: Profile) -> pa.RecordBatch:
    """Columns of some flows.

    Parameters
    ----------
    keys, flows : (n,) KEY, (n,) FLOW
    capture : str
        Value of the column of that name.
    profile : Profile
    """
    n = len(flows)
    cells = np.empty((kernels.N_FEATURES, n + PADDING), np.int64)
    numbers = np.empty((kernels.N_NUMBERS, n), np.int64)
    texts = np.empty((5, n * kernels.TEXT_PER_ROW), np.uint8)
    offsets = np.empty((5, n + 1), np.int32)
    kernels.fill_rows(keys, flows, n, profile.logic, cells, cells.view(np.float64), numbers, texts, offsets)
    flow_id, src_ip, dst_ip, src_mac, dst_mac = (_strings(texts[i], offsets[i]) for i in range(5))
    src_port, dst_port, protocol = (wrapped(numbers[i].astype(np.int32)) for i in range(3))
    start, number, first, last = (wrapped(numbers[i]) for i in range(3, 7))
    identity = [flow_id, src_ip, src_port, dst_ip, dst_port, protocol, start, _repeated(capture, n), number, first, last, src_mac, dst_mac]
    columns = columns_of(profile)[len(IDENTITY) :]
    floats = cells.view(np.float64)
    features = [wrapped((floats if column.dtype == "float64" else cells)[i, :n]) for i, column in enumerate(columns)]
    return pa.RecordBatch.from_arrays(identity + features, schema=schema_of(profile))


def wrapped(values: np.ndarray) -> pa.Array:
    """Arrow array over NumPy's memory; `pa.array` would import pandas, most of a second."""
    return pa.Array.from_buffers(ARROW_TYPES[values.dtype.str[1:]], len(values), [None, pa.py_buffer(values)])


def _strings(text: np.ndarray, offsets: np.ndarray) -> pa.StringArray:
    """Strings of which the kernel wrote the bytes."""
    size = int(offsets[-1])
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text[:size].copy()))


def _repeated(text: str, n: int) -> pa.StringArray:
    """The same string n times."""
    data = text.encode()
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(len(data))
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data * n))
