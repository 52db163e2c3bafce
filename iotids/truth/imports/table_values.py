"""Turn the text of other people's flow tables into numbers and times in our units, row by row accounted for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_A_NUMBER = {
    "nan": np.nan,
    "": np.nan,
    "null": np.nan,
    "infinity": np.inf,
    "inf": np.inf,
    "+infinity": np.inf,
    "-infinity": -np.inf,
    "-inf": -np.inf,
}
_UNITS_US = {"s": 1e6, "ms": 1e3, "µs": 1.0}
_TIMES = (
    (r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [AP]M$", "%d/%m/%Y %I:%M:%S %p"),
    (r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2}$", "%d/%m/%Y %H:%M:%S"),
    (r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}$", "%d/%m/%Y %H:%M"),
    (r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,9})?$", ""),
)


def read_numbers(texts: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Read numbers; NaN and Infinity are numbers here, the dataset's cleaning decides about them.

    Returns
    -------
    values : (n,) float64
    broken : (n,) bool
        The text is no number; the value is NaN.
    """
    texts = pc.utf8_trim_whitespace(texts)
    plain = pc.match_substring_regex(texts, _NUMBER)
    values = pc.if_else(plain, texts, "nan").cast(pa.float64()).to_numpy().copy()
    odd = np.flatnonzero(~plain.to_numpy())
    broken = np.zeros(len(values), dtype=bool)
    if len(odd):
        words = [word.lower() for word in texts.take(pa.array(odd)).to_pylist()]
        values[odd] = [_NOT_A_NUMBER.get(word, np.nan) for word in words]
        broken[odd] = [word not in _NOT_A_NUMBER for word in words]
    return values, broken


def read_times(texts: pa.ChunkedArray, utc_offset_h: float) -> tuple[np.ndarray, np.ndarray]:
    """Read the start times of flows as microseconds since 1970.

    Known are `dd/MM/yyyy hh:mm:ss AM`, the same without AM and PM or without seconds, and `yyyy-MM-dd
    HH:mm:ss[.ffffff]`; the tools write local time, `utc_offset_h` says which.

    Returns
    -------
    times_us : (n,) int64
    broken : (n,) bool
    """
    import pandas as pd

    words = pc.utf8_trim_whitespace(texts).combine_chunks().dictionary_encode()
    distinct = words.dictionary.to_pandas()
    times = pd.Series(pd.NaT, index=distinct.index, dtype="datetime64[us]")
    for pattern, layout in _TIMES:
        fits = distinct.str.match(pattern)
        if fits.any():
            parsed = pd.to_datetime(distinct[fits], format=layout or "ISO8601", errors="coerce")
            times[fits] = parsed.astype("datetime64[us]")
    broken = times.isna().to_numpy()
    whole = times.fillna(pd.Timestamp(0)).to_numpy().astype("datetime64[us]").astype(np.int64) - round(
        utc_offset_h * 3.6e9
    )
    codes = words.indices.to_numpy(zero_copy_only=False)
    if not len(codes):
        return np.zeros(0, np.int64), np.zeros(0, bool)
    return np.where(broken, 0, whole)[codes], broken[codes]


def infer_time_unit(durations: np.ndarray, packets_per_s: np.ndarray, packets: np.ndarray) -> dict[str, int]:
    """Find the unit of the durations from the rates: packets over duration is packets per second in one unit
    only.

    Returns
    -------
    dict
        Rows that speak for `s`, `ms`, `µs`; rows of one packet, of duration 0 or with rounded rates speak for
        none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        microseconds = packets / packets_per_s * 1e6 / durations
    votes = {unit: int((np.abs(microseconds / factor - 1) < 0.2).sum()) for unit, factor in _UNITS_US.items()}
    return {unit: n_rows for unit, n_rows in votes.items() if n_rows}


def to_us(unit: str) -> float:
    """Give the microseconds in a unit."""
    return _UNITS_US[unit]
