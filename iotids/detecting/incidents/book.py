"""Open and closed incidents while verdicts stream by, in bounded memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.incidents.alarms import MANY_SOURCES, QUIET_US, alarms_of, grouped
from iotids.detecting.incidents.incident import Incident, Why
from iotids.detecting.incidents.ordinary import Ordinary
from iotids.detecting.summary.table_groups import few_rows

MAX_OPEN = 4_000  # beyond, the half that stands out least is closed
MAX_CLOSED = 2_000  # of the closed ones, those that stand out most are kept
# fmt: off
SHOWN = (
    "src_ip", "dst_ip", "src_port", "dst_port", "protocol", "src_mac", "dst_mac", "attack_probability", "novelty",
    "unknown_because", "capture", "first_packet", "last_packet", "packets", "reasons",
)
# fmt: on

Key = tuple[str, str, str, str]  # verdict, label, actor, victim; one of the last two is empty
Heard = Callable[[Incident], None]
Explain = Callable[[list[int], list[str]], list[Why]]
"""Takes rows of the table that is added and their classes; gives what finds the reasons of each, when asked."""


class IncidentBook:
    """Groups the alarms of verdict tables batch by batch.

    Parameters
    ----------
    began, ended : callable
        Hear of an incident when its score reaches 10, and when it is over.
    keep_members : bool
        Keep the numbers of its flows with every incident, eight bytes a flow, to find its packets again.
    """

    def __init__(
        self, began: Heard = lambda _: None, ended: Heard = lambda _: None, *, keep_members: bool = False
    ) -> None:
        self.ordinary = Ordinary()
        self.open: dict[Key, Incident] = {}
        self.left_out = self.attacks_left_out = 0  # closed incidents that are not kept, and attacks of them
        self._closed: list[tuple[float, int, Incident]] = []
        self._by_actor: dict[str, set[Key]] = {}
        self._on_victim: dict[tuple[str, str, str], set[Key]] = {}
        self._of_pair: dict[tuple[str, str, str], Key] = {}  # the incident of one actor on one victim alone
        self._said: set[int] = set()
        self._over: list[Incident] = []  # closed, and not yet reported
        self._began, self._ended, self._keep_members, self._count = began, ended, keep_members, 0

    def add(self, table: pa.Table, verdict: np.ndarray, explain: Explain | None = None) -> None:
        """Count a verdict table, whose flows are of one capture; `verdict` (n,) are indexes in VERDICTS."""
        if table.num_rows == 0:
            return
        self.ordinary.add(table, verdict)
        ends = table.column("start").cast(pa.int64()).to_numpy() + table.column("duration_us").to_numpy()
        self._close_quiet(int(ends.min()), int(ends.max()))
        self._say_what_ended()
        if not verdict.any():
            return
        alarms = alarms_of(
            table,
            verdict,
            victims_of=self._victims_of,
            is_actor=self._by_actor.__contains__,
            has_many_sources=lambda victim, label: ("attack", label, "", victim) in self.open,
        )
        touched = {
            id(incident): incident
            for incident in map(self._take, grouped(alarms, keep_members=self._keep_members))
        }
        self._fill_examples(table, touched.values(), explain)
        for incident in touched.values():
            self._say(incident)
        self._say_what_ended()
        if len(self.open) > MAX_OPEN:
            ranked = sorted(self.open, key=lambda key: self.open[key].score)
            for key in ranked[: MAX_OPEN // 2]:
                self._close(key)
            self._say_what_ended()

    def end(self) -> None:
        """Close what is open: the traffic is over."""
        for key in list(self.open):
            self._close(key)
        self._say_what_ended()

    def top(self, verdict: str, count: int) -> list[Incident]:
        """Incidents of a verdict, open and closed, the highest score first."""
        mine = [i for i in self.all() if i.verdict == verdict]
        return heapq.nsmallest(count, mine, key=lambda i: (-i.score, -i.flows, i.first_us, i.actor))

    def attacks(self) -> list[Incident]:
        """Every attack that is kept, in no order."""
        return [i for i in self.all() if i.verdict == "attack"]

    def all(self) -> list[Incident]:
        """Every incident that is kept, in no order."""
        return [*self.open.values(), *(incident for _, _, incident in self._closed)]

    def _take(self, part: Incident) -> Incident:
        """Add a group of alarms to the incident that it belongs to; gives that."""
        key = self._key_of(part)
        while (incident := self.open.get(key)) and _is_apart(incident, part.first_us, part.last_us):
            self._close(key)
            key = self._key_of(part)  # perhaps that of another open one
        if incident is None:
            self._count += 1
            incident = self.open[key] = part
            incident.number = self._count
            if part.actor:
                self._by_actor.setdefault(part.actor, set()).add(key)
                if part.victim:
                    self._of_pair[_pair(part)] = key
        else:
            pair = _pair(incident)
            incident.add(part)
            if not incident.victim:
                self._of_pair.pop(pair, None)
        return self._merge_sources(key, incident) if incident.actor and incident.victim else incident

    def _key_of(self, part: Incident) -> Key:
        """Where a group belongs: the actor's incident of its class, else that on the same victim alone, else the largest that
        most flows have given its class; answers without any of these to the actor's largest.
        """
        if not part.actor:
            return part.verdict, part.label, "", part.victim
        own = (part.verdict, part.label, part.actor, "")
        if own in self.open:
            return own
        if part.victim and (of_both := self._of_pair.get(_pair(part))):
            return of_both
        others = self._by_actor.get(part.actor, set())
        named = {key for key in others if key[0] == part.verdict and self.open[key].label == part.label}
        if part.answers < part.flows and not named:
            return own
        others = named or others
        return max(others, key=lambda key: (self.open[key].flows, key), default=own)

    def _merge_sources(self, key: Key, incident: Incident) -> Incident:
        """Make one incident of those on the same victim, once they are many."""
        place = (incident.verdict, key[1], incident.victim)
        keys = self._on_victim.setdefault(place, set())
        keys.add(key)
        if len(keys) < MANY_SOURCES:
            return incident
        self._on_victim[place] = keys = {
            k for k in keys if k in self.open and self.open[k].victim == place[2]
        }
        if len(keys) < MANY_SOURCES:
            return incident
        shared = (incident.verdict, key[1], "", incident.victim)
        if shared not in self.open:
            self._count += 1
            self.open[shared] = Incident(self._count, incident.verdict, key[1], "")
        whole = self.open[shared]
        for k in sorted(keys):
            part = self._forget(k)
            part.is_open = False
            if part.number in self._said:  # it has been reported, and goes on as the one of many sources
                self._said.discard(part.number)
                self._said.add(whole.number)
            whole.add(part)
        return whole

    def _victims_of(self, actor: str) -> np.ndarray:
        """Hashes of the victims that an actor has in open incidents."""
        return np.concatenate([self.open[key].victims.hashes for key in self._by_actor.get(actor, ())])

    def _close_quiet(self, low_us: int, high_us: int) -> None:
        """Close the incidents that end long before, or begin long after, the flows that come now."""
        for key, incident in list(self.open.items()):
            if _is_apart(incident, low_us, high_us):
                self._close(key)

    def _close(self, key: Key) -> None:
        """Note that an incident is over; of many the ones that stand out least are only counted."""
        incident = self._forget(key)
        incident.is_open, incident.usual = False, self.ordinary.targets_a_minute
        self._over.append(incident)
        entry = (incident.score, -incident.number, incident)
        if len(self._closed) < MAX_CLOSED:
            heapq.heappush(self._closed, entry)
        else:
            _, _, lowest = heapq.heappushpop(self._closed, entry)
            self.left_out += 1
            self.attacks_left_out += lowest.verdict == "attack"

    def _forget(self, key: Key) -> Incident:
        """Take an incident out of the open ones and the indexes."""
        incident = self.open.pop(key)
        if self._of_pair.get(_pair(incident)) == key:
            del self._of_pair[_pair(incident)]
        if incident.actor and (keys := self._by_actor.get(incident.actor)):
            keys.discard(key)
            if not keys:
                del self._by_actor[incident.actor]
        if incident.victim:
            place = (incident.verdict, key[1], incident.victim)
            if keys := self._on_victim.get(place):
                keys.discard(key)
                if not keys:
                    del self._on_victim[place]
        return incident

    def _fill_examples(self, table: pa.Table, incidents: Any, explain: Explain | None) -> None:
        """Read the columns of each incident's strongest flow, where it is new; an attack without reasons gets them when
        somebody asks.
        """
        new = [incident for incident in incidents if "row" in incident.example]
        if not new:
            return
        places = [incident.example["row"] for incident in new]
        rows = few_rows(table.select([*SHOWN, "class"]), places).to_pylist()
        for incident, row in zip(new, rows, strict=True):
            incident.example, incident.why = row, None
        bare = [i for i, row in enumerate(rows) if new[i].verdict == "attack" and not row["reasons"]]
        if explain is not None and bare:
            found = explain([places[i] for i in bare], [rows[i]["class"] for i in bare])
            for i, why in zip(bare, found, strict=True):
                new[i].why = why

    def _say(self, incident: Incident) -> None:
        """Report an attack once it stands out."""
        if incident.is_open and incident.number not in self._said and incident.is_notable:
            self._said.add(incident.number)
            incident.usual = self.ordinary.targets_a_minute
            self._began(incident)

    def _say_what_ended(self) -> None:
        """Report the attacks that are over."""
        over, self._over = self._over, []
        for incident in over:
            if incident.number not in self._said and incident.is_notable:
                self._began(incident)
                self._said.add(incident.number)
            if incident.number in self._said:
                self._said.discard(incident.number)
                self._ended(incident)


def _pair(incident: Incident) -> tuple[str, str, str]:
    """Who does what to whom, whatever the class."""
    return incident.verdict, incident.actor, incident.victim


def _is_apart(incident: Incident, low_us: int, high_us: int) -> bool:
    """Whether a long silence lies between an incident and flows of another time."""
    return incident.last_us + QUIET_US < low_us or incident.first_us - QUIET_US > high_us
