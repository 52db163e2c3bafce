"""Turn the text of other people's flow tables into numbers in our units, row by row accounted for."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_A_NUMBER = {
    "",
    "#n/a",
    "#div/0!",
    "#num!",
    "1.#ind",
    "1.#qnan",
    "1.#snan",
    "<na>",
    "n/a",
    "na",
    "nan",
    "nan(ind)",
    "nan(snan)",
    "none",
    "null",
}
_INFINITE = {"infinity", "inf", "1.#inf", "∞"}
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([,.' \u00a0\u202f])[0-9]{3}(\1[0-9]{3})*([.,][0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_UNITS_US = {"s": 1e6, "ms": 1e3, "µs": 1.0}


def decimal_sign(columns: Iterable[tuple[pa.ChunkedArray, bool]], where: str) -> str:
    """Find out whether a table writes 1.5 or 1,5; `1,234,567` and `1,234.5` are groups of thousands.

    Parameters
    ----------
    columns : iterable of (texts, bool)
        The second says that the numbers are whole: 1,234 is a thousand and more there.

    Returns
    -------
    '.' or ','

    Raises
    ------
    ValueError
        The table has both, or only numbers such as 1,234 that may be either.
    """
    points = commas = doubtful = ""
    for column, is_whole in columns:
        odd = column.filter(pc.match_substring(column, ","))
        for word in pc.unique(pc.utf8_trim_whitespace(odd)).to_pylist():
            if re.fullmatch(r"[+-]?[0-9]{1,3},[0-9]{3}", word):
                points, doubtful = (points or word, doubtful) if is_whole else (points, doubtful or word)
            elif grouped := _GROUPED.fullmatch(word):
                # "1,234.5" and "1,234,567" have commas for thousands, "1.234,5" for decimals
                points, commas = (points or word, commas) if grouped[1] == "," else (points, commas or word)
            elif _DECIMAL_COMMA.fullmatch(word):
                commas = commas or word
    if points and commas:
        raise ValueError(
            f"{where}: commas are both decimal ({commas[:40]!r}) and for thousands ({points[:40]!r}); write them alike"
        )
    if doubtful and not points and not commas:
        raise ValueError(
            f"{where}: {doubtful!r} may be a thousand and more or a number with decimals; say which with --decimal . or --decimal ,"
        )
    return "," if commas else "."


def read_numbers(texts: pa.ChunkedArray, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Read numbers; NaN and Infinity are numbers here, the dataset's cleaning decides about them.

    Parameters
    ----------
    decimal : {'.', ','}
        What stands before decimals; the other one, spaces and apostrophes may stand between thousands.

    Returns
    -------
    values : (n,) float64
    broken : (n,) bool
        The text is no number; the value is NaN.
    """
    texts = pc.utf8_trim_whitespace(texts)
    plain = pc.match_substring_regex(texts, _NUMBER)
    if decimal == ",":  # a point is between thousands then, or a mistake
        plain = pc.and_(plain, pc.invert(pc.match_substring(texts, ".")))
    values = pc.if_else(plain, texts, "nan").cast(pa.float64()).to_numpy().copy()
    odd = np.flatnonzero(~plain.to_numpy())
    broken = np.zeros(len(values), dtype=bool)
    if len(odd):
        words = texts.take(pa.array(odd)).combine_chunks().dictionary_encode()
        read = [_odd_number(word, decimal) for word in words.dictionary.to_pylist()]
        codes = words.indices.to_numpy(zero_copy_only=False)
        values[odd] = np.array([np.nan if number is None else number for number in read])[codes]
        broken[odd] = np.array([number is None for number in read])[codes]
    return values, broken


def _odd_number(word: str, decimal: str) -> float | None:
    """Read a number that is not written plainly; None for what is none."""
    sign = -1.0 if word.startswith("-") else 1.0
    bare = word[1:] if word[:1] in ("+", "-") else word
    if bare.lower() in _NOT_A_NUMBER:
        return np.nan
    if bare.lower() in _INFINITE:
        return sign * np.inf
    grouped = _GROUPED.fullmatch(bare)
    if grouped and grouped[1] != decimal and (grouped[3] or decimal)[0] == decimal:
        bare = bare.replace(grouped[1], "")
    if decimal == ",":
        bare = bare.replace(",", ".", 1) if "." not in bare else ""
    return sign * float(bare) if re.fullmatch(_NUMBER, bare, re.ASCII) and bare[0] not in "+-" else None


def infer_time_unit(durations: np.ndarray, packets_per_s: np.ndarray, packets: np.ndarray) -> dict[str, int]:
    """Find the unit of the durations from the rates: packets over duration is packets per second in one unit
    only.

    Returns
    -------
    dict
        Rows that speak for `s`, `ms`, `µs`; rows of one packet, of duration 0 or with rounded rates speak for
        none.
    """
    with np.errstate(all="ignore"):
        microseconds = packets / packets_per_s * 1e6 / durations
        votes = {
            unit: int((np.abs(microseconds / factor - 1) < 0.2).sum()) for unit, factor in _UNITS_US.items()
        }
    return {unit: n_rows for unit, n_rows in votes.items() if n_rows}


def to_us(unit: str) -> float:
    """Give the microseconds in a unit."""
    return _UNITS_US[unit]
