"""What a calibration keeps of benign recordings: flows for the threshold, acts of devices, and alarms to name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from iotids.detecting.calibrating.benign_flows import BenignFlows
from iotids.detecting.calibrating.calibration import left_out_groups
from iotids.detecting.calibrating.learn_habits import (
    Done,
    Ends,
    done_once,
    fit_habits,
    ordinary_when_left_out,
)
from iotids.detecting.incidents.book import IncidentBook
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.judging.verdict_words import ATTACK
from iotids.detecting.judging.verdicts import Decisions, OperatingPoint
from iotids.detecting.ordinary.habits import MARGIN, UNUSUAL_LOG_ODDS, Habits, acts_of, numbers

MOST_ALARMS = 100_000  # that are kept to be counted as incidents; a recording with more is no benign one


@dataclass(frozen=True)
class Learnt:
    """What the recordings give: habits, (n,) bool which kept flows were excused by the other recordings, and
    incidents.

    before, left_out : incidents a day as the package sees them, and with habits of the other recordings.
    not_learnt : incidents that happened once. new_share : of flows whose habit no other recording has.
    """

    habits: Habits
    excused: np.ndarray
    before: float
    left_out: float
    not_learnt: list[Incident]
    new_share: float


def judging_point(own: OperatingPoint) -> OperatingPoint:
    """The operating point at which every flow alarms that would if it were no habit, and no verdict is withdrawn."""
    return replace(own, log_odds=own.log_odds - UNUSUAL_LOG_ODDS, possible=None)


class BenignTraffic:
    """Listens to a session (`Session.take(aside=traffic.add)`), recording by recording, whose judge also calls an
    attack what is one only if it is no habit (`judging_point`). `threshold` is the package's own.
    """

    def __init__(self, threshold: float) -> None:
        self.flows, self._ends, self._threshold = BenignFlows(), Ends(), threshold
        self._alarms: list[tuple[pa.Table, tuple[np.ndarray, ...]]] = []
        self.alarms_kept = self.alarms_left_out = 0

    def add(self, X: np.ndarray, decisions: Decisions, verdicts: pa.Table, flows: pa.Table) -> None:
        """Take a batch; what cannot be judged does not count."""
        acts, now = acts_of(flows), len(self.flows.days) - 1
        number = self._ends.number(acts.ends, now)
        start_us = flows.column("start_us").to_numpy()
        end_us = start_us + np.maximum(flows.column("flow_duration_us").to_numpy(), 0)
        near = decisions.code == ATTACK
        acted = (
            number[acts.device],
            number[acts.peer],
            acts.service,
            acts.levels,
            start_us,
            end_us,
            near & (decisions.log_odds >= self._threshold),
        )
        self.flows.add(X, decisions.log_odds, *acted)
        rows = np.flatnonzero(near)[: max(0, MOST_ALARMS - self.alarms_kept)]
        self.alarms_kept += rows.size
        self.alarms_left_out += int(near.sum()) - rows.size
        if rows.size:
            recording = np.full(rows.size, now)
            self._alarms.append(
                (verdicts.take(pa.array(rows)), (*(values[rows] for values in acted), recording))
            )

    def learn(self) -> Learnt:
        """Habits, and what they are worth on recordings left out in turn."""
        recording = self.flows.kept()[2]
        done = self._done([*self.flows.kept_more(), recording])
        group = left_out_groups(recording, self.flows.days)[0]
        once = done_once(done)
        habits = fit_habits(done.part(~once))
        excess = ordinary_when_left_out(done, once, group)
        near = self._done(self._near())
        days = max(sum(self.flows.days), 1e-9)
        return Learnt(
            habits,
            excess <= MARGIN,
            len(self._incidents(near.alarm)) / days,
            len(self._incidents(_unusual_when_left_out(near, done, once, group))) / days,
            self._incidents(habits.excess_of(near.key, near.levels) > MARGIN),
            float(np.isinf(excess).mean()),
        )

    def _done(self, arrays: list[np.ndarray]) -> Done:
        """Flows with their devices, which are known once all recordings are."""
        names, of, shared = self._ends.devices()
        end, peer, service, levels, start_us, end_us, alarm, recording = arrays
        device = of[np.minimum(end, of.size - 1)]
        key = numbers(device, of[np.minimum(peer, of.size - 1)], service)
        return Done(names, shared, key, device, levels, start_us, end_us, recording, alarm)

    def _near(self) -> list[np.ndarray]:
        """Acts of the kept alarms, and of flows a little below the threshold."""
        kept = [arrays for _, arrays in self._alarms]
        if not kept:
            return [values[:0] for values in (*self.flows.kept_more(), self.flows.kept()[2])]
        return [np.concatenate(parts) for parts in zip(*kept, strict=True)]

    @cached_property
    def _starts(self) -> list[int]:
        """Where each kept table begins among the kept alarms."""
        return np.cumsum([0, *(table.num_rows for table, _ in self._alarms)]).tolist()

    def _incidents(self, called: np.ndarray) -> list[Incident]:
        """Incidents that stand out when some of the kept alarms are called attacks, the highest first."""
        found: list[Incident] = []
        book, before = IncidentBook(), -1
        for (table, arrays), start in zip(self._alarms, self._starts, strict=False):
            rows = np.flatnonzero(called[start : start + table.num_rows])
            if arrays[-1][0] != before:
                found += [i for i in book.all() if i.is_notable]
                book, before = IncidentBook(), arrays[-1][0]
            book.add(table.take(pa.array(rows)), np.full(rows.size, ATTACK))
        found += [i for i in book.all() if i.is_notable]
        return sorted(found, key=lambda i: (-i.score, -i.flows, i.first_us))


def _unusual_when_left_out(near: Done, done: Done, once: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(m,) bool: flows that are no habit by the groups of recordings that they are not in."""
    unusual, of = np.ones(near.key.size, bool), _groups_of(near, done, group)
    for g in np.unique(of):
        others = fit_habits(done.part((group != g) & ~once))
        unusual[of == g] = others.excess_of(near.key[of == g], near.levels[of == g]) > MARGIN
    return unusual


def _groups_of(near: Done, done: Done, group: np.ndarray) -> np.ndarray:
    """(m,) the group each of some flows is left out with: that of its recording, or of its piece of time."""
    if np.unique(done.recording).size > 1:
        of = dict(zip(done.recording.tolist(), group.tolist(), strict=True))
        return np.array([of.get(one, -1) for one in near.recording.tolist()], np.int64)
    first = np.array([done.end_us[group == g].min() for g in np.unique(group)])
    return np.searchsorted(np.maximum.accumulate(first), near.end_us, side="right") - 1
