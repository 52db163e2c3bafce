"""Running totals of the verdicts, in bounded memory: what the report shows and the summary says."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TIMELINE_BINS = 240  # at most; when the traffic runs past the last, two become one
FIRST_BIN_US = 1_000_000
MAX_HOSTS, MAX_INCIDENTS = 20_000, 5_000  # beyond, the smallest half is added up under OTHERS, or forgotten
HOSTS_PER_BATCH, INCIDENTS_PER_BATCH = 256, 64  # of one batch that are looked at; the rest of them go into the totals only
OTHERS = "(others)"


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
        self.flows += table.num_rows
        for name, counts in (("verdict", self.verdicts), ("class", self.classes), ("unknown_because", self.because)):
            for entry in table.column(name).value_counts().to_pylist():
                if entry["values"]:
                    counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
        start_us = table.column("start").cast(pa.int64())
        low, high = pc.min_max(start_us).as_py().values()
        self.first_us = low if self.first_us is None else min(low, self.first_us)
        self.last_us = high if self.last_us is None else max(high, self.last_us)
        self.timeline.add(start_us.to_numpy(), table.column("verdict"))
        self._add_hosts(table)
        self._add_incidents(table)

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

    def _add_hosts(self, table: pa.Table) -> None:
        """Flows, bytes, packets and verdicts per initiator."""
        groups = table.group_by(["src_ip", "verdict"]).aggregate([("packets", "sum"), ("payload_bytes", "sum"), ("verdict", "count")])
        for row in _largest(groups, "verdict_count", count=HOSTS_PER_BATCH).to_pylist():
            host = self._host(row["src_ip"])
            _add_to(host, row["verdict"], row["verdict_count"], packets=row["packets_sum"], payload=int(row["payload_bytes_sum"]))
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

    def _add_incidents(self, table: pa.Table) -> None:
        """Alarms and unknown flows by initiator and class."""
        notable = table.filter(pc.not_equal(table.column("verdict"), "benign"))
        if notable.num_rows == 0:
            return
        unknown = pc.equal(notable.column("verdict"), "unknown")
        score = pc.if_else(unknown, notable.column("novelty"), notable.column("attack_log_odds"))
        keyed = pa.table({
            "src_ip": notable.column("src_ip"), "class": notable.column("class"), "verdict": notable.column("verdict"),
            "row": np.arange(notable.num_rows),
            "start_us": notable.column("start").cast(pa.int64()), "score": pc.fill_null(score, float("inf")),
        }).sort_by([("score", "descending")])  # fmt: skip
        wanted = [("row", "count"), ("start_us", "min"), ("start_us", "max"), ("score", "first"), ("row", "first"), ("verdict", "first")]
        groups = keyed.group_by(["src_ip", "class"], use_threads=False).aggregate(wanted)
        chosen = _largest(groups, "row_count", "score_first", count=INCIDENTS_PER_BATCH)
        for row, example in zip(chosen.to_pylist(), notable.take(chosen.column("row_first")).to_pylist(), strict=True):
            self._add_incident(row, example)
        if len(self.incidents) > MAX_INCIDENTS:
            for key in sorted(self.incidents, key=lambda key: self.incidents[key].score)[: MAX_INCIDENTS // 2]:
                del self.incidents[key]

    def _add_incident(self, row: dict[str, Any], example: dict[str, Any]) -> None:
        """One group of a batch into the incident it belongs to."""
        key = (row["src_ip"], row["class"])
        incident = self.incidents.setdefault(key, Incident(key[0], row["verdict_first"], key[1]))
        first, last = row["start_us_min"], row["start_us_max"]
        incident.first_us = first if incident.flows == 0 else min(incident.first_us, first)
        incident.last_us = last if incident.flows == 0 else max(incident.last_us, last)
        incident.flows += row["row_count"]
        if row["score_first"] > incident.score:
            incident.score = row["score_first"]
            incident.example = example


def _add_to(host: dict[str, int], verdict: str, flows: int, *, packets: int, payload: int) -> None:
    """Add flows of one verdict to a host's counts."""
    for key, n in (("flows", flows), ("packets", packets), ("bytes", payload), (verdict, flows)):
        host[key] = host.get(key, 0) + n


def _largest(groups: pa.Table, *by: str, count: int) -> pa.Table:
    """The groups of a batch that are largest by any of the columns; a flood with forged senders makes a group of every flow."""
    if groups.num_rows <= count:
        return groups
    chosen = [pc.select_k_unstable(groups, count // len(by), [(column, "descending")]).to_numpy() for column in by]
    return groups.take(np.unique(np.concatenate(chosen)))


class Timeline:
    """Verdicts over time in at most 240 bins that widen as the traffic goes on."""

    def __init__(self) -> None:
        self.bin_us = FIRST_BIN_US
        self.counts: dict[int, dict[str, int]] = {}

    def add(self, start_us: Any, verdicts: pa.ChunkedArray) -> None:
        """Count flows by bin and verdict."""
        bins = pa.table({"bin": start_us // self.bin_us, "verdict": verdicts})
        for row in bins.group_by(["bin", "verdict"]).aggregate([([], "count_all")]).to_pylist():
            self._count(row["bin"], row["verdict"], row["count_all"])
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
