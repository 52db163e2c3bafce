"""Read the start times of other people's flow tables; the order of day and month is decided for a whole file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.truth.imports.time_spellings import Count, Written, read_count, take_apart
from iotids.truth.labelling.instants import read_instant
from iotids.truth.labelling.notices import Notice

_ZONED = re.compile(r".*\d\s*(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)", re.ASCII | re.IGNORECASE)
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """How a table writes times: minutes and seconds behind UTC, the order of day and month (`dmy`, `mdy`, or empty
    to find out), and the hour below which a 12-hour clock without AM and PM means the afternoon (0: a 24-hour clock).
    """

    utc_offset_h: float = 0.0
    dates: str = ""
    pm_below: int = 0


def read_times(
    texts: pa.ChunkedArray, clock: Clock, where: str
) -> tuple[np.ndarray, np.ndarray, list[Notice]]:
    """Read times as microseconds since 1970.

    Known are `dd/MM/yyyy hh:mm:ss AM` and `MM/dd/yyyy …`, the same without AM and PM, without seconds or with
    fractions, `yyyy-MM-dd HH:mm:ss[.ffffff]`, dates with the month's English name in any order, such as `25/Jul/2017:14:55:58`
    and `Jul 25, 2017 14:55:58`, ISO 8601 without signs (`20170725T145558`), all with or without a zone, and seconds,
    milliseconds, microseconds or nanoseconds since 1970, also with exponents and groups of thousands. The tools write
    local time; `clock` says which. Times with a zone and counts since 1970 are UTC by themselves.

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
    read = [take_apart(word) or read_count(word) for word in distinct]
    dated = [one for one in read if isinstance(one, Written)]
    month_first, notices = _order(dated, clock, where)
    notices += _half_days(dated, clock, where)
    notices += _rounded(distinct, read, where)
    offset_us = round(clock.utc_offset_h * 3.6e9)
    times = [
        _dated_us(one, month_first, clock.pm_below, offset_us)
        if isinstance(one, Written)
        else one.time_us
        if one
        else _basic_us(word, offset_us)
        for word, one in zip(distinct, read, strict=True)
    ]
    codes = words.indices.to_numpy(zero_copy_only=False)
    broken = np.array([time is None for time in times], dtype=bool)
    values = np.array([0 if time is None else time for time in times], dtype=np.int64)
    notices += _unread(distinct, broken, codes, where)
    return values[codes], broken[codes], notices


def _order(some: list[Written], clock: Clock, where: str) -> tuple[bool, list[Notice]]:
    """Decide whether the month comes first, from days above 12; assume that it does not, and say so."""
    dates = [one.numbers for one in some if not one.is_ordered]
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


def _half_days(some: list[Written], clock: Clock, where: str) -> list[Notice]:
    """Warn of a clock that may have twelve hours and lack AM and PM, unless the user says what it is."""
    hours = {one.hour for one in some if one.may_be_12h}
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


def _rounded(distinct: list[str], read: list[Written | Count | None], where: str) -> list[Notice]:
    """Warn of counts that were rounded to more than a second, as spreadsheets do: 1.50002E+09."""
    exact = [(one.digit_us, word) for one, word in zip(read, distinct, strict=True) if isinstance(one, Count)]
    if not exact or min(exact)[0] <= 1e6:
        return []
    finest_us, word = min(exact)
    message = (
        f"{where}: times are rounded to {finest_us / 1e6:,.0f} s, such as {word!r}; "
        "they do not say which flow came first: write the column with all its digits"
    )
    return [Notice("times_rounded", "warning", len(exact), message)]


def _unread(distinct: list[str], broken: np.ndarray, codes: np.ndarray, where: str) -> list[Notice]:
    """Say what came where no time can be read."""
    if not broken.any():
        return []
    first = distinct[int(np.argmax(broken))]
    message = f"{where}: {first[:60]!r} is no time that can be read with certainty; write ISO 8601 (2017-07-25T14:55:58Z) or seconds since 1970"
    return [Notice("times_unread", "warning", int(broken[codes].sum()), message)]


def _dated_us(one: Written, month_first: bool, pm_below: int, offset_us: int) -> int | None:
    """Give a time with a date in µs; None for an impossible one."""
    first, second, third = one.numbers
    if one.is_ordered:
        year, month, day = first, second, third
    else:
        month, day = (first, second) if month_first else (second, first)
        year = third if third >= 100 else 2000 + third
    hour = one.hour
    if one.half and not 1 <= hour <= 12:
        return None
    if one.half:
        hour = hour % 12 + 12 * (one.half == "P")
    elif one.zone_us is None and hour < pm_below:
        hour += 12
    try:
        full_hour = datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
    ahead_us = offset_us if one.zone_us is None else one.zone_us
    return (full_hour - _START) // timedelta(microseconds=1) + one.rest_us - ahead_us


def _basic_us(word: str, offset_us: int) -> int | None:
    """Give an ISO 8601 time without signs in µs; None for anything else."""
    time_us = read_instant(word)
    return time_us if time_us is None or _ZONED.fullmatch(word) else time_us - offset_us
