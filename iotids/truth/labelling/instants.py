"""Times as ISO 8601 text, as microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ZONE = r"\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_ISO = re.compile(
    rf"(\d{{4}}-\d{{2}}-\d{{2}})[ T](\d{{2}}:\d{{2}}:\d{{2}})(?:[.,](\d{{1,9}}))?{_ZONE}",
    re.ASCII | re.IGNORECASE,
)
_BASIC = re.compile(
    rf"(\d{{8}})([T _-]?)(\d{{6}}|\d{{4}})(?:[.,](\d{{1,9}})|(\d{{3}}|\d{{6}}))?{_ZONE}",
    re.ASCII | re.IGNORECASE,
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
    """Read one ISO 8601 time as microseconds since 1970; None for what is none.

    Known are `2017-07-25T14:55:58.5+02:00` and the same without signs, `20170725T145558Z`; without `T` and zone the
    latter needs seconds and a year from 1970 to 2100.
    """
    taken = _extended(word) or _basic(word)
    if not taken:
        return None
    date, clock, fraction, zone = taken
    zone = "+00:00" if zone.upper() in ("", "Z", "UTC", "GMT") else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone}")
    except ValueError:
        return None
    whole_us = (moment - _EPOCH) // timedelta(microseconds=1)
    return whole_us + int(fraction.ljust(6, "0")[:6])


def _extended(word: str) -> tuple[str, str, str, str] | None:
    """Date, clock, fraction and zone of a time with signs between its numbers."""
    found = _ISO.fullmatch(word)
    return (found[1], found[2], found[3] or "", found[4] or "") if found else None


def _basic(word: str) -> tuple[str, str, str, str] | None:
    """Date, clock, fraction and zone of a time without them; None where the digits may mean something else."""
    found = _BASIC.fullmatch(word)
    if not found:
        return None
    date, gap, clock, fraction, zone = (
        found[1],
        found[2],
        found[3],
        found[4] or found[5] or "",
        found[6] or "",
    )
    if len(clock) == 4 and (fraction or not (zone or gap in ("T", "t"))):
        return None
    if not gap and not zone and not "1970" <= date[:4] <= "2100":
        return None
    return date, clock, fraction, zone
