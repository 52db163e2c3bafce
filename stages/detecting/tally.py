"""Running totals of the verdicts, in bounded memory: what the report shows and the summary says."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from stages.detecting.verdict_words import UNKNOWN, VERDICTS

TIMELINE_BINS = 240  # at most; when the traffic runs past the last, two become one
FIRST_BIN_US = 1_000_000
MAX_HOSTS, MAX_INCIDENTS = 20_000, 5_000  # beyond, the smallest half is added up under OTHERS, or forgotten
HOSTS_PER_BATCH, INCIDENTS_PER_BATCH = 256, 64  # of one batch that are looked at; the rest of them go into the totals only
OTHERS = "(others)"
SHOWN = (
    "dst_ip", "attack_probability", "novelty", "unknown_because", "capture", "first_packet", "last_packet", "packets", "src_ip", "src_port",
    "dst_port", "protocol", "reasons",
)  # fmt: skip  # of an incident's strongest flow


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


class Tally:
    """Adds up verdict tables batch by batch."""

    def __init__(self) -> None:
        self.verdicts: dict[str, int] = {}
        self.classes: dict[str, int] = {}
        self.because: dict[str, int] = {}
        self.hosts: dict[str, dict[str, int]] = {}
        self.incidents: dict[tuple[str, str], Incident] = {}
        self.timeline = Timeline()
        self.flows = 0
        self.first_us: int | None = None
        self.last_us: int | None = None

    def add(self, table: pa.Table) -> None:
        """Count one verdict table."""
        if table.num_rows == 0:
            return
        names, number = _numbered(table.column("verdict"))
        verdict = np.array([VERDICTS.index(name) for name in names.to_pylist()])[number]
        self.flows += table.num_rows
        for name, counts in (("verdict", self.verdicts), ("class", self.classes), ("unknown_because", self.because)):
            words, number = _numbered(table.column(name))
            for word, n in zip(words.to_pylist(), np.bincount(number, minlength=len(words)).tolist(), strict=True):
                if word and n:
                    counts[word] = counts.get(word, 0) + n
        start_us = table.column("start").cast(pa.int64()).to_numpy()
        low, high = int(start_us.min()), int(start_us.max())
        self.first_us = low if self.first_us is None else min(low, self.first_us)
        self.last_us = high if self.last_us is None else max(high, self.last_us)
        self.timeline.add(start_us, verdict)
        self._add_hosts(table, verdict)
        self._add_incidents(table, verdict)

    @property
    def attacks(self) -> int:
        """Flows called attack."""
        return self.verdicts.get("attack", 0)

    @property
    def days(self) -> float:
        """Time between the first and the last flow's start, in days."""
        return 0.0 if self.first_us is None or self.last_us is None else (self.last_us - self.first_us) / 86_400e6

    def top_hosts(self, count: int) -> list[tuple[str, dict[str, int]]]:
        """Initiators with the most flows, those with alarms first."""
        rank = lambda item: (-item[1].get("attack", 0), -item[1].get("unknown", 0), -item[1]["flows"], item[0])  # noqa: E731
        return heapq.nsmallest(count, self.hosts.items(), key=rank)

    def top_talkers(self, count: int) -> list[tuple[str, dict[str, int]]]:
        """Initiators by payload bytes."""
        return heapq.nsmallest(count, self.hosts.items(), key=lambda item: (-item[1]["bytes"], item[0]))

    def top_incidents(self, verdict: str, count: int) -> list[Incident]:
        """The incidents of a verdict that stand out most: by the score of their strongest flow, then by flows."""
        mine = [incident for incident in self.incidents.values() if incident.verdict == verdict]
        return heapq.nsmallest(count, mine, key=lambda i: (-i.score, -i.flows, i.src))

    def _add_hosts(self, table: pa.Table, verdict: np.ndarray) -> None:
        """Flows, bytes, packets and verdicts per initiator."""
        names, number = _numbered(table.column("src_ip"))
        group = number * len(VERDICTS) + verdict
        size = len(names) * len(VERDICTS)
        flows = np.bincount(group, minlength=size)
        packets, payload = (np.bincount(group, table.column(c).to_numpy(), minlength=size) for c in ("packets", "payload_bytes"))
        for g in _largest(flows, count=HOSTS_PER_BATCH).tolist():
            host, name = self._host(names[g // len(VERDICTS)].as_py()), VERDICTS[g % len(VERDICTS)]
            _add_to(host, name, int(flows[g]), packets=int(packets[g]), payload=int(payload[g]))
        if len(self.hosts) > MAX_HOSTS:
            self._merge_small_hosts()

    def _host(self, name: str) -> dict[str, int]:
        """The counts of one initiator."""
        return self.hosts.setdefault(name, {"flows": 0, "bytes": 0, "packets": 0})

    def _merge_small_hosts(self) -> None:
        """Add the hosts with the fewest flows up under one name."""
        ranked = sorted((name for name in self.hosts if name != OTHERS), key=lambda name: self.hosts[name]["flows"])
        others = self._host(OTHERS)
        for name in ranked[: len(ranked) // 2]:
            for key, value in self.hosts.pop(name).items():
                others[key] = others.get(key, 0) + value

    def _add_incidents(self, table: pa.Table, verdict: np.ndarray) -> None:
        """Alarms and unknown flows by initiator and class."""
        rows = np.flatnonzero(verdict)
        if rows.size == 0:
            return
        stronger = []
        for group in _groups(table, rows, unknown=verdict[rows] == UNKNOWN):
            incident = self.incidents.setdefault(group.key, Incident(group.key[0], VERDICTS[verdict[group.row]], group.key[1]))
            if incident.add(group):
                stronger.append((incident, group.row))
        examples = table.select(list(SHOWN)).take([row for _, row in stronger]).to_pylist() if stronger else []
        for (incident, _), example in zip(stronger, examples, strict=True):
            incident.example = example
        if len(self.incidents) > MAX_INCIDENTS:
            for key in sorted(self.incidents, key=lambda key: self.incidents[key].score)[: MAX_INCIDENTS // 2]:
                del self.incidents[key]


@dataclass(frozen=True)
class Group:
    """What one batch adds to an incident: (initiator, class), how many flows from when to when, the strongest one's score and row."""

    key: tuple[str, str]
    flows: int
    first_us: int
    last_us: int
    score: float
    row: int


def _groups(table: pa.Table, rows: np.ndarray, *, unknown: np.ndarray) -> Iterator[Group]:
    """The notable flows of a batch by initiator and class, the largest and the strongest groups only."""
    part = table.select(["src_ip", "class", "start", "novelty", "attack_log_odds"]).take(rows)
    hosts, host = _numbered(part.column("src_ip"))
    labels, label = _numbered(part.column("class"))
    score = np.where(unknown, *(part.column(name).to_numpy() for name in ("novelty", "attack_log_odds")))
    score = np.where(np.isnan(score), np.inf, score)  # what cannot be computed stands out most
    start_us = part.column("start").cast(pa.int64()).to_numpy()
    key = host * len(labels) + label
    order = np.lexsort((score, key))
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    last = np.append(first[1:], order.size) - 1
    flows, strongest = last - first + 1, order[last]
    begun, ended = (extreme.reduceat(start_us[order], first) for extreme in (np.minimum, np.maximum))
    for g in _largest(flows, score[strongest], count=INCIDENTS_PER_BATCH).tolist():
        row = strongest[g]
        key_of = (hosts[host[row]].as_py(), labels[label[row]].as_py())
        yield Group(key_of, int(flows[g]), int(begun[g]), int(ended[g]), float(score[row]), int(rows[row]))


def _numbered(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts of a column, and (n,) int64 which of them each row has."""
    encoded = column.unify_dictionaries().combine_chunks() if pa.types.is_dictionary(column.type) else column.combine_chunks().dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy().astype(np.int64)


def _add_to(host: dict[str, int], verdict: str, flows: int, *, packets: int, payload: int) -> None:
    """Add flows of one verdict to a host's counts."""
    for key, n in (("flows", flows), ("packets", packets), ("bytes", payload), (verdict, flows)):
        host[key] = host.get(key, 0) + n


def _largest(*by: np.ndarray, count: int) -> np.ndarray:
    """Numbers of the non-empty groups of a batch that are largest by any of the figures; a flood with forged senders makes a group of every flow."""
    there = np.flatnonzero(by[0])
    if there.size <= count:
        return there
    share = count // len(by)
    return np.unique(np.concatenate([there[np.argpartition(-figure[there], share)[:share]] for figure in by]))


class Timeline:
    """Verdicts over time in at most 240 bins that widen as the traffic goes on."""

    def __init__(self) -> None:
        self.bin_us = FIRST_BIN_US
        self.counts: dict[int, dict[str, int]] = {}

    def add(self, start_us: np.ndarray, verdict: np.ndarray) -> None:
        """Count flows: (n,) start in µs, (n,) index in VERDICTS."""
        number = start_us // self.bin_us
        keys, counts = np.unique(number * len(VERDICTS) + verdict, return_counts=True)
        for key, n in zip(keys.tolist(), counts.tolist(), strict=True):
            self._count(key // len(VERDICTS), VERDICTS[key % len(VERDICTS)], n)
        while self.counts and max(self.counts) - min(self.counts) >= TIMELINE_BINS:
            self._widen()

    def bars(self) -> list[tuple[int, dict[str, int]]]:
        """(start of the bin in µs, counts by verdict), in time order, empty bins included."""
        if not self.counts:
            return []
        return [(b * self.bin_us, self.counts.get(b, {})) for b in range(min(self.counts), max(self.counts) + 1)]

    def _count(self, number: int, verdict: str, n: int) -> None:
        """Add to one bin."""
        counts = self.counts.setdefault(number, {})
        counts[verdict] = counts.get(verdict, 0) + n

    def _widen(self) -> None:
        """Make one bin of two."""
        old, self.counts = self.counts, {}
        self.bin_us *= 2
        for number, counts in old.items():
            for verdict, n in counts.items():
                self._count(number // 2, verdict, n)
