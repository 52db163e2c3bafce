"""Read the start times of other people's flow tables; the order of day and month is decided for a whole file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.truth.labelling.instants import read_instant
from iotids.truth.labelling.notices import Notice

_SLASHED = re.compile(
    r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AP])?\.?(?:M\.?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = re.compile(r"(\d{9,11}|\d{12,14}|\d{15,17}|\d{18,20})(?:\.(\d*))?", re.ASCII)
_ZONED = re.compile(r".*\d(Z|UTC|[+-]\d{2}:?\d{2})", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """How a table writes times: minutes and seconds behind UTC, the order of day and month (`dmy`, `mdy`, or empty
    to find out), and the hour below which a 12-hour clock without AM and PM means the afternoon (0: a 24-hour clock).
    """

    utc_offset_h: float = 0.0
    dates: str = ""
    pm_below: int = 0


@dataclass(frozen=True)
class _Written:
    """A time with slashes, taken apart: the three numbers of the date, the time of day in µs, hour, AM or PM."""

    date: tuple[int, int, int]
    hour: int
    rest_us: int
    half: str


def read_times(
    texts: pa.ChunkedArray, clock: Clock, where: str
) -> tuple[np.ndarray, np.ndarray, list[Notice]]:
    """Read times as microseconds since 1970.

    Known are `dd/MM/yyyy hh:mm:ss AM` and `MM/dd/yyyy …`, the same without AM and PM, without seconds or with
    fractions, `yyyy-MM-dd HH:mm:ss[.ffffff]` with or without a zone, and seconds, milliseconds, microseconds or
    nanoseconds since 1970. The tools write local time; `clock` says which. Times with a zone and counts since 1970
    are UTC by themselves.

    Returns
    -------
    times_us : (n,) int64
    broken : (n,) bool
    notices : list of Notice
        What had to be assumed.

    Raises
    ------
    ValueError
        The file has days above 12 at both places, or contradicts what `clock` says.
    """
    words = pc.utf8_trim_whitespace(texts).combine_chunks().dictionary_encode()
    distinct = words.dictionary.to_pylist()
    written = [_take_apart(word) for word in distinct]
    some = [one for one in written if one]
    month_first, notices = _order(some, clock, where)
    notices += _half_days(some, clock, where)
    offset_us = round(clock.utc_offset_h * 3.6e9)
    times = [
        _slashed_us(one, month_first, clock.pm_below, offset_us) if one else _other_us(word, offset_us)
        for word, one in zip(distinct, written, strict=True)
    ]
    codes = words.indices.to_numpy(zero_copy_only=False)
    broken = np.array([time is None for time in times], dtype=bool)
    values = np.array([0 if time is None else time for time in times], dtype=np.int64)
    return values[codes], broken[codes], notices


def _take_apart(word: str) -> _Written | None:
    """Take a time with a date of three numbers apart; None for other forms."""
    found = _SLASHED.fullmatch(word)
    if not found:
        return None
    first, second, third = (int(found[place]) for place in (1, 2, 3))
    fraction = (found[7] or "0").ljust(6, "0")[:6]
    rest_us = (int(found[5]) * 60 + int(found[6] or 0)) * 1_000_000 + int(fraction)
    return _Written((first, second, third), int(found[4]), rest_us, (found[8] or "").upper())


def _order(some: list[_Written], clock: Clock, where: str) -> tuple[bool, list[Notice]]:
    """Decide whether the month comes first, from days above 12; assume that it does not, and say so."""
    dates = [one.date for one in some if one.date[0] < 1000]
    day_first = next((date for date in dates if date[0] > 12), None)
    month_first = next((date for date in dates if date[1] > 12), None)
    if day_first and month_first:
        raise ValueError(
            f"{where}: dates of both orders: {_date(day_first)} has the day first, {_date(month_first)} the month; cut the file into "
            "one per order"
        )
    contradiction = {"dmy": month_first, "mdy": day_first}.get(clock.dates)
    if contradiction:
        raise ValueError(f"{where}: --dates {clock.dates}, but there is {_date(contradiction)}")
    if clock.dates:
        return clock.dates == "mdy", []
    if day_first or month_first:
        return bool(month_first), []
    doubtful = next((date for date in dates if date[0] != date[1]), None)
    if not doubtful:
        return False, []
    message = (
        f"{where}: {_date(doubtful)} and all others may have the day or the month first; taken as day/month, as CICFlowMeter writes; "
        "say --dates mdy if the month comes first"
    )
    return False, [Notice("dates_assumed", "warning", len(dates), message)]


def _half_days(some: list[_Written], clock: Clock, where: str) -> list[Notice]:
    """Warn of a clock that may have twelve hours and lack AM and PM, unless the user says what it is."""
    hours = {one.hour for one in some if not one.half and one.date[0] < 1000}
    beyond = sorted(hour for hour in hours if hour == 0 or hour > 12)
    if clock.pm_below and beyond:
        raise ValueError(
            f"{where}: --pm-below is for a clock of twelve hours, but there is the hour {beyond[0]}"
        )
    if clock.pm_below or beyond or not any(hour < 8 for hour in hours):
        return []
    message = (
        f"{where}: no hour is 0 or above 12 and none says AM or PM: taken as a 24-hour clock; if it is one of 12 hours, say below which "
        "hour it is afternoon, such as --pm-below 8 (CIC-IDS2017)"
    )
    return [Notice("clock_assumed", "warning", len(some), message)]


def _date(date: tuple[int, int, int]) -> str:
    """Write a date as the file does."""
    return "/".join(map(str, date))


def _slashed_us(one: _Written, month_first: bool, pm_below: int, offset_us: int) -> int | None:
    """Give a time with slashes in µs; None for an impossible one."""
    first, second, third = one.date
    if first >= 1000:
        year, month, day = first, second, third
    else:
        month, day = (first, second) if month_first else (second, first)
        year = third if third >= 100 else 2000 + third
    hour = one.hour
    if one.half and not 1 <= hour <= 12:
        return None
    if one.half:
        hour = hour % 12 + 12 * (one.half == "P")
    elif hour < pm_below:
        hour += 12
    try:
        midnight = datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
    if one.rest_us >= 3_600_000_000:
        return None
    return (midnight - _START) // timedelta(microseconds=1) + one.rest_us - offset_us


def _other_us(word: str, offset_us: int) -> int | None:
    """Give an ISO 8601 time or a count since 1970 in µs; None for anything else."""
    if found := _EPOCH.fullmatch(word):
        digits, fraction = found[1], (found[2] or "").ljust(6, "0")[:6]
        scale = (len(digits) - 9) // 3  # seconds, milliseconds, microseconds, nanoseconds
        if scale == 0:
            return int(digits) * 1_000_000 + int(fraction)
        return int(digits) * 1000 if scale == 1 else int(digits) // 1000 ** (scale - 2)
    time_us = read_instant(word)
    return time_us if time_us is None or _ZONED.fullmatch(word) else time_us - offset_us
