"""Habits of a network's devices from its benign recordings; what was done once only, and looks like an attack, is not
learnt.

An alarm in a benign recording is either a false one or an attack. What tells them apart without labels is whether
it recurs: an episode (alarms of one device without ten minutes of silence) is learnt only as far as the same device
did the same outside of it, in other recordings or at another time of this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from iotids.detecting.incidents.alarms import QUIET_US
from iotids.detecting.ordinary.devices import device_names, shared_hardware
from iotids.detecting.ordinary.habits import MARGIN, MOST_DEVICES, MOST_HABITS, Habits

AFTER_US = 60_000_000  # the longest window of the context: so long an episode is seen in the counts after it


@dataclass(frozen=True)
class Done:
    """What benign flows did, one entry each, aligned with the flows of `BenignFlows`.

    key : (n,) int64 as `habits.numbers`. device : (n,) numbers of `names`; `shared` as in Habits. levels : (n, h) float32. start_us, end_us : (n,).
    recording : (n,). alarm : (n,) bool, called attack by the package.
    """

    names: list[str]
    shared: frozenset[str]
    key: np.ndarray
    device: np.ndarray
    levels: np.ndarray
    start_us: np.ndarray
    end_us: np.ndarray
    recording: np.ndarray
    alarm: np.ndarray

    def part(self, chosen: np.ndarray) -> Done:
        """Some of the flows."""
        arrays = (self.key, self.device, self.levels, self.start_us, self.end_us, self.recording, self.alarm)
        return Done(self.names, self.shared, *(values[chosen] for values in arrays))


class Ends:
    """Numbers for pairs of address and hardware address as they come, and in which recordings they were."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._seen: set[tuple[int, str, str]] = set()

    def number(self, ends: list[tuple[str, str]], recording: int) -> np.ndarray:
        """(n,) int64; beyond 131,071 pairs all further ones share the last number."""
        if len(self._seen) < MOST_DEVICES:
            self._seen.update((recording, *end) for end in ends)
        places = [self._numbers.get(end, -1) for end in ends]
        for i, end in enumerate(ends):
            if places[i] < 0 and len(self._numbers) < MOST_DEVICES:
                places[i] = self._numbers.setdefault(end, len(self._numbers))
        return np.array([place if place >= 0 else MOST_DEVICES - 1 for place in places], np.int64)

    def devices(self) -> tuple[list[str], np.ndarray, frozenset[str]]:
        """Names of devices, (m,) the device of each pair, and the hardware addresses that are no device's."""
        shared = shared_hardware(self._seen)
        places: dict[str, int] = {}
        of = [places.setdefault(name, len(places)) for name in device_names(self._numbers, shared)]
        return list(places), np.array(of, np.int64), shared


def fit_habits(done: Done) -> Habits:
    """The highest levels of every device, peer and service; of very many the most frequent."""
    if not done.key.size:
        return Habits(done.names, done.key, done.levels, done.key, done.shared)
    order = np.argsort(done.key, kind="stable")
    key, first, counts = np.unique(done.key[order], return_index=True, return_counts=True)
    highest = np.maximum.reduceat(done.levels[order], first, axis=0)
    if key.size > MOST_HABITS:
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_HABITS])
        key, highest, counts = key[kept], highest[kept], counts[kept]
    return Habits(done.names, key, highest, counts, done.shared)


def done_once(done: Done) -> np.ndarray:
    """(n,) bool: flows of a device during its alarms that it did not do outside of them; not to be learnt."""
    once = np.zeros(done.key.size, bool)
    by_key = _places(done.key)
    for rows, low_us, high_us in _episodes(done):
        here = done.recording[rows[0]]
        for key in np.unique(done.key[rows]).tolist():
            same = by_key[key]
            inside = (
                (done.recording[same] == here)
                & (done.end_us[same] >= low_us - QUIET_US)
                & (done.start_us[same] <= high_us + QUIET_US)
            )
            mine = rows[done.key[rows] == key]
            others = same[~inside]
            if others.size == 0:
                once[mine] = True
                continue
            above = (done.levels[mine] - done.levels[others].max(axis=0)).max(axis=1, initial=-np.inf)
            once[mine[above > MARGIN]] = True
    return once


def _episodes(done: Done) -> Iterator[tuple[np.ndarray, int, int]]:
    """Of every device in every recording: its flows during alarms and shortly after, first and last time."""
    whose = done.recording * MOST_DEVICES + done.device
    alarming = np.unique(whose[done.alarm])
    rows_of = _places(whose)
    for one in alarming.tolist():
        rows = rows_of[one]
        rows = rows[np.argsort(done.start_us[rows], kind="stable")]
        alarms = rows[done.alarm[rows]]
        reached = np.maximum.accumulate(done.end_us[alarms])
        cut = np.flatnonzero(np.append(True, done.start_us[alarms][1:] - reached[:-1] > QUIET_US))
        for first, last in zip(cut, np.append(cut[1:], alarms.size) - 1, strict=True):
            low, high = int(done.start_us[alarms[first]]), int(reached[last])
            within = (done.end_us[rows] >= low) & (done.start_us[rows] <= high + AFTER_US)
            yield rows[within], low, high


def _places(number: np.ndarray) -> dict[int, np.ndarray]:
    """Rows of each number, ascending."""
    order = np.argsort(number, kind="stable")
    distinct, first = np.unique(number[order], return_index=True)
    return dict(zip(distinct.tolist(), np.split(order, first[1:]), strict=True))


def ordinary_when_left_out(done: Done, once: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(n,) float32: how far each flow is above the habits that the other groups of recordings give."""
    excess = np.full(done.key.size, np.inf, np.float32)
    for g in np.unique(group):
        left = group == g
        habits = fit_habits(done.part(~left & ~once))
        excess[left] = habits.excess_of(done.key[left], done.levels[left])
    return excess
