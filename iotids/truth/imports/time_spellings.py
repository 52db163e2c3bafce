"""Take one written time apart: dates of numbers or with the month's name, and counts since 1970; None where the meaning is not certain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from iotids.truth.labelling.instants import read_instant

LONGEST = 80  # characters of a time that is looked at
_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    rf"\s*(?:(?P<half>[AP])\.?(?:M\.?)?)?\s*{_ZONE}?"
)
_GAP = r"(?:[\sT,:]+|,?\s+at\s+)"
_WEEKDAY = r"(?:(?P<weekday>[A-Z]{3,9})\.?,?\s+)?"
_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<month>[A-Z]{3,9})\.?", r"(?P<year>\d{4})"
_NUMBERS = r"(?P<first>\d{1,4})[/.-](?P<middle>\d{1,2})[/.-](?P<last>\d{1,4})"
_FORMS = [
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_NUMBERS}[\sT,]+{_CLOCK}",
        rf"{_WEEKDAY}{_DAY}[\s/.-]*{_MONTH}[\s/.,-]*{_YEAR}{_GAP}{_CLOCK}",
        rf"{_WEEKDAY}{_MONTH}[\s/.-]*{_DAY}[\s/.,-]+{_YEAR}{_GAP}{_CLOCK}",
        rf"{_YEAR}[\s/.-]*{_MONTH}[\s/.-]*{_DAY}{_GAP}{_CLOCK}",
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_CLOCK}\s+{_YEAR}",  # ctime, date
    )
]
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_GROUPED = re.compile(
    r"\d{1,3}(?P<gap>[,.' \u00a0\u202f])\d{3}(?:(?P=gap)\d{3})+(?:(?!(?P=gap))[.,]\d+)?", re.ASCII
)
_COUNT = re.compile(r"(?P<digits>\d+(?:[.,]\d*)?)(?P<power>e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
# digits before the point: power of ten of the unit in µs; seconds, milliseconds, microseconds, nanoseconds
_SCALE_US = {9: 6, 10: 6, 12: 3, 13: 3, 15: 0, 16: 0, 18: -3, 19: -3}


@dataclass(frozen=True)
class Written:
    """A time with a date, taken apart.

    Attributes
    ----------
    numbers
        The date's numbers as written; year, month, day where `is_ordered`.
    hour, rest_us, half
        Time of day: the hour as written, what follows it in µs, and `A`, `P` or nothing.
    zone_us
        What the written zone is ahead of UTC; None where none is written.
    may_be_12h
        Neither AM nor PM, no zone, and not the order of ISO 8601: the clock may have twelve hours.
    """

    numbers: tuple[int, int, int]
    is_ordered: bool
    hour: int
    rest_us: int
    half: str
    zone_us: int | None
    may_be_12h: bool


@dataclass(frozen=True)
class Count:
    """A count since 1970: in µs, and what its last written digit is worth in µs."""

    time_us: int
    digit_us: float


def take_apart(word: str) -> Written | None:
    """Take a time with a date and a clock apart; None for other forms and for what contradicts itself."""
    if len(word) > LONGEST:
        return None
    bare = word[1:-1].strip() if word[:1] == "[" and word[-1:] == "]" else word  # common log format
    for form in _FORMS:
        if found := form.fullmatch(bare):
            return _written(found)
    return None


def _written(found: re.Match[str]) -> Written | None:
    """Numbers of a match; None where a name is no month or weekday, or the clock impossible."""
    parts = {name: text or "" for name, text in found.groupdict().items()}
    if "month" in parts:
        month = _place(parts["month"], _MONTHS)
        numbers = (int(parts["year"]), month, int(parts["day"]))
        if not month or not _is_weekday(parts.get("weekday", ""), numbers):
            return None
    else:
        numbers = (int(parts["first"]), int(parts["middle"]), int(parts["last"]))
    minute, second = int(parts["minute"]), int(parts["second"] or 0)
    zone_us = _zone_us(parts["zone"])
    if minute > 59 or second > 59 or (parts["zone"] and zone_us is None):
        return None
    rest_us = (minute * 60 + second) * 1_000_000 + int(parts["fraction"].ljust(6, "0")[:6])
    half, is_iso = parts["half"].upper(), "month" not in parts and numbers[0] >= 1000
    may_be_12h = not half and zone_us is None and not is_iso
    return Written(
        numbers, "month" in parts or is_iso, int(parts["hour"]), rest_us, half, zone_us, may_be_12h
    )


def _place(name: str, names: list[str]) -> int:
    """Place of a name or its beginning among names, from 1; 0 where it is none of them."""
    low = "sep" if name.lower() == "sept" else name.lower()
    return next((place for place, full in enumerate(names, 1) if low in (full, full[:3])), 0)


def _is_weekday(name: str, numbers: tuple[int, int, int]) -> bool:
    """Whether a weekday, where one is written, is that of the date."""
    if not name:
        return True
    try:
        return date(*numbers).isoweekday() == _place(name, _WEEKDAYS)
    except ValueError:
        return False


def _zone_us(zone: str) -> int | None:
    """What a zone is ahead of UTC; None where none is written or it is impossible."""
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    if not zone:
        return None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 15 or minutes > 59:
        return None
    return (1 if zone[0] == "+" else -1) * (hours * 60 + minutes) * 60_000_000


def read_count(word: str) -> Count | None:
    """Read seconds, milliseconds, microseconds or nanoseconds since 1970; the number of digits says which.

    Known are decimals, groups of thousands (`1,500,022,501`) and exponents (`1.500022501e9`). Numbers whose size fits
    no unit between 1973 and 2286 are None, as is one of 12 digits that is a date (`201707251455`).
    """
    if len(word) > LONGEST:
        return None
    if len(word) == 12 and "1970" <= word[:4] <= "2100" and read_instant(word + "Z") is not None:
        return None
    if grouped := _GROUPED.fullmatch(word):
        word = word.replace(grouped["gap"], "")
    found = _COUNT.fullmatch(word)
    if not found:
        return None
    number = Decimal(found["digits"].replace(",", ".") + (found["power"] or ""))
    power = _SCALE_US.get(number.adjusted() + 1)
    if power is None:
        return None
    exponent = int(number.as_tuple().exponent)
    return Count(int(number.scaleb(power)), 10.0 ** (exponent + power))
