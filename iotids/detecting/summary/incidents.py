"""Alarms and unknown flows by initiator and class: how many, from when to when, and the flow that stands out
most.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.judging.verdict_words import UNKNOWN, VERDICTS
from iotids.detecting.summary.table_groups import largest_groups, numbered

MAX_INCIDENTS = 5_000  # beyond, the half that stands out least is forgotten
INCIDENTS_PER_BATCH = 64  # of one batch that are looked at
SHOWN = (
    "dst_ip",
    "attack_probability",
    "novelty",
    "unknown_because",
    "capture",
    "first_packet",
    "last_packet",
    "packets",
    "src_ip",
    "src_port",
    "dst_port",
    "protocol",
    "reasons",
)  # # of an incident's strongest flow


@dataclass
class Incident:
    """Alarms of one class by one initiator: how many, from when to when, and the flow that stands out most."""

    src: str
    verdict: str
    label: str
    flows: int = 0
    first_us: int = 0
    last_us: int = 0
    score: float = float("-inf")
    example: dict[str, Any] = field(default_factory=dict)

    def add(self, group: Group) -> bool:
        """Add what one batch holds of it; whether the batch has a new strongest flow."""
        self.first_us = group.first_us if self.flows == 0 else min(self.first_us, group.first_us)
        self.last_us = group.last_us if self.flows == 0 else max(self.last_us, group.last_us)
        self.flows += group.flows
        stronger, self.score = group.score > self.score, max(group.score, self.score)
        return stronger


class Incidents:
    """Adds up the notable flows of verdict tables batch by batch."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Incident] = {}

    def top(self, verdict: str, count: int) -> list[Incident]:
        """The incidents of a verdict that stand out most: by the score of their strongest flow, then by
        flows.
        """
        mine = [incident for incident in self.found.values() if incident.verdict == verdict]
        return heapq.nsmallest(count, mine, key=lambda i: (-i.score, -i.flows, i.src))

    def add(self, table: pa.Table, verdict: np.ndarray) -> None:
        """Count the alarms and unknown flows of a verdict table; `verdict` (n,) are indexes in VERDICTS."""
        rows = np.flatnonzero(verdict)
        if rows.size == 0:
            return
        stronger = []
        for group in _groups(table, rows, unknown=verdict[rows] == UNKNOWN):
            incident = self.found.setdefault(
                group.key, Incident(group.key[0], VERDICTS[verdict[group.row]], group.key[1])
            )
            if incident.add(group):
                stronger.append((incident, group.row))
        examples = (
            table.select(list(SHOWN)).take([row for _, row in stronger]).to_pylist() if stronger else []
        )
        for (incident, _), example in zip(stronger, examples, strict=True):
            incident.example = example
        if len(self.found) > MAX_INCIDENTS:
            for key in sorted(self.found, key=lambda key: self.found[key].score)[: MAX_INCIDENTS // 2]:
                del self.found[key]


@dataclass(frozen=True)
class Group:
    """What one batch adds to an incident: (initiator, class), how many flows from when to when, the strongest
    one's score and row.
    """

    key: tuple[str, str]
    flows: int
    first_us: int
    last_us: int
    score: float
    row: int


def _groups(table: pa.Table, rows: np.ndarray, *, unknown: np.ndarray) -> Iterator[Group]:
    """The notable flows of a batch by initiator and class, the largest and the strongest groups only."""
    part = table.select(["src_ip", "class", "start", "novelty", "attack_log_odds"]).take(rows)
    hosts, host = numbered(part.column("src_ip"))
    labels, label = numbered(part.column("class"))
    score = np.where(unknown, *(part.column(name).to_numpy() for name in ("novelty", "attack_log_odds")))
    score = np.where(np.isnan(score), np.inf, score)  # what cannot be computed stands out most
    start_us = part.column("start").cast(pa.int64()).to_numpy()
    key = host * len(labels) + label
    order = np.lexsort((score, key))
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    last = np.append(first[1:], order.size) - 1
    flows, strongest = last - first + 1, order[last]
    begun, ended = (extreme.reduceat(start_us[order], first) for extreme in (np.minimum, np.maximum))
    for g in largest_groups(flows, score[strongest], count=INCIDENTS_PER_BATCH).tolist():
        row = strongest[g]
        key_of = (hosts[host[row]].as_py(), labels[label[row]].as_py())
        yield Group(key_of, int(flows[g]), int(begun[g]), int(ended[g]), float(score[row]), int(rows[row]))
