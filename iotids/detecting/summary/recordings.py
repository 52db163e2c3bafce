"""Captures of about the same time are one recording; those of other days or years get a section of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from iotids.detecting.incidents.plain import utc_text
from iotids.detecting.summary.page_table import SHORTEST_DAYS
from iotids.detecting.summary.timeline import Timeline

APART_US = 86_400_000_000  # captures further apart than a day are of different recordings
MAX_RECORDINGS = 50  # beyond, further ones are counted with the last
NAMES_KEPT = 20
DAY_US = 24 * 3_600e6


class Recording:
    """Flows over time of captures that follow each other, and how long these captures are together."""

    def __init__(self, first_us: int, last_us: int) -> None:
        self.first_us, self.last_us = first_us, last_us
        self.timeline = Timeline()
        self.captures: list[str] = []
        self.flows = self.attacks = self.n_captures = 0
        self._capture: tuple[str, int, int] = ("", 0, 0)  # the current one, its first and its last start
        self._us_before = 0

    def add(self, capture: str, start_us: np.ndarray, verdict: np.ndarray, attacks: int) -> None:
        """Count flows of one capture: (n,) start in µs, (n,) index in VERDICTS."""
        low, high = int(start_us.min()), int(start_us.max())
        self.first_us, self.last_us = min(low, self.first_us), max(high, self.last_us)
        self.flows += start_us.size
        self.attacks += attacks
        self.timeline.add(start_us, verdict)
        name, first, last = self._capture
        if capture == name:
            self._capture = (name, min(low, first), max(high, last))
            return
        self._us_before += last - first
        self._capture = (capture, low, high)
        self.n_captures += 1
        if len(self.captures) < NAMES_KEPT:
            self.captures.append(capture)

    @property
    def span_us(self) -> int:
        """Time between the first and the last flow's start of every capture, added up."""
        return self._us_before + self._capture[2] - self._capture[1]

    def holds(self, low_us: int, high_us: int) -> bool:
        """Whether flows of this time belong to it."""
        return self.first_us - APART_US <= high_us and low_us <= self.last_us + APART_US

    def to_plain(self) -> dict[str, Any]:
        """For JSON; `alarms_per_day` is null for less than an hour of traffic."""
        bars = [{"start": utc_text(us), **counts} for us, counts in self.timeline.bars()]
        days = self.span_us / DAY_US
        return {
            "first": utc_text(self.first_us),
            "last": utc_text(self.last_us),
            "first_us": self.first_us,
            "last_us": self.last_us,
            "captures": self.captures,
            "n_captures": self.n_captures,
            "flows": self.flows,
            "attacks": self.attacks,
            "hours": days * 24,
            "alarms_per_day": self.attacks / days if days >= SHORTEST_DAYS else None,
            "timeline": {"bin_s": self.timeline.bin_us / 1e6, "bars": bars},
        }


class Recordings:
    """All recordings of a run, in the order in which they came."""

    def __init__(self) -> None:
        self.all: list[Recording] = []

    def of(self, low_us: int, high_us: int) -> Recording:
        """The recording to which flows of this time belong; a new one where none does."""
        for recording in reversed(self.all):
            if recording.holds(low_us, high_us):
                return recording
        if len(self.all) < MAX_RECORDINGS:
            self.all.append(Recording(low_us, high_us))
        return self.all[-1]

    @property
    def days(self) -> float:
        """Length of all captures together, in days; not the years between two of them."""
        return sum(recording.span_us for recording in self.all) / DAY_US
