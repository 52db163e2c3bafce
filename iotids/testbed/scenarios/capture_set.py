"""What every scenario returns: named captures, each with its packets in time order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from iotids.testbed.tape import Packet

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 86_400 * SECOND_US


class Capture(NamedTuple):
    """One capture file: where it goes below the scenario's folder (without .zst), and its packets."""

    name: str
    packets: list[Packet]


def at(text: str) -> int:
    """Return an ISO date and time (UTC) as microseconds of the Unix epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


def scaled(count: int, scale: float) -> int:
    """Return a number of things for a sample of another size; at least one."""
    return max(1, round(count * scale))
