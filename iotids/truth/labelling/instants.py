"""Times as ISO 8601 text, as microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_instants(texts: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Read ISO 8601 times; without a zone they are UTC.

    Returns
    -------
    times_us : (n,) int64
        Microseconds since 1970, 0 where broken.
    broken : (n,) bool
    """
    words = pc.utf8_trim_whitespace(texts).combine_chunks().dictionary_encode()
    distinct = [read_instant(word) for word in words.dictionary.to_pylist()]
    times = np.array([0 if time is None else time for time in distinct], dtype=np.int64)
    broken = np.array([time is None for time in distinct], dtype=bool)
    codes = words.indices.to_numpy(zero_copy_only=False)
    return times[codes], broken[codes]


def read_instant(word: str) -> int | None:
    """Read one ISO 8601 time as microseconds since 1970; None for what is none."""
    found = _ISO.fullmatch(word)
    if not found:
        return None
    date, clock, fraction, zone = found.groups()
    zone = {"Z": "+00:00", "UTC": "+00:00", None: "+00:00"}.get(zone, zone)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone}")
    except ValueError:
        return None
    whole_us = (moment - _EPOCH) // timedelta(microseconds=1)
    return whole_us + int((fraction or "0").ljust(6, "0")[:6])
