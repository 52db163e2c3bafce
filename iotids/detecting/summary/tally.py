"""Running totals of the verdicts, in bounded memory: what the report shows and the summary says."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.incidents.book import Explain, IncidentBook
from iotids.detecting.judging.verdict_words import ABSTAINED, ATTACK, VERDICTS
from iotids.detecting.summary.recordings import Recordings
from iotids.detecting.summary.table_groups import largest_groups, numbered
from iotids.detecting.summary.timeline import Timeline

MAX_HOSTS = 20_000  # beyond, the smallest half is added up under OTHERS
HOSTS_PER_BATCH = 256  # of one batch that are looked at; the rest of them go into the totals only
OTHERS = "(others)"


class Tally:
    """Adds up verdict tables batch by batch."""

    def __init__(self, incidents: IncidentBook | None = None) -> None:
        self.verdicts: dict[str, int] = {}
        self.classes: dict[str, int] = {}
        self.because: dict[str, int] = {}
        self.hosts: dict[str, dict[str, int]] = {}
        self.incidents = IncidentBook() if incidents is None else incidents
        self.timeline = Timeline()
        self.flows = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.recordings = Recordings()

    def add(self, table: pa.Table, explain: Explain | None = None) -> None:
        """Count one verdict table; its flows are of one capture. explain: finds the reasons of its incidents."""
        if table.num_rows == 0:
            return
        names, number = numbered(table.column("verdict"))
        verdict = np.array([VERDICTS.index(name) for name in names.to_pylist()])[number]
        self.flows += table.num_rows
        for name, counts in (
            ("verdict", self.verdicts),
            ("class", self.classes),
            ("unknown_because", self.because),
        ):
            words, number = numbered(table.column(name))
            for word, n in zip(
                words.to_pylist(), np.bincount(number, minlength=len(words)).tolist(), strict=True
            ):
                if word and n:
                    counts[word] = counts.get(word, 0) + n
        start_us = table.column("start").cast(pa.int64()).to_numpy()
        low, high = int(start_us.min()), int(start_us.max())
        self.first_us = low if self.first_us is None else min(low, self.first_us)
        self.last_us = high if self.last_us is None else max(high, self.last_us)
        capture, attacks = table.column("capture")[0].as_py(), int((verdict == ATTACK).sum())
        self.recordings.of(low, high).add(capture, start_us, verdict, attacks)
        self.timeline.add(start_us, verdict)
        self._add_hosts(table, verdict)
        self.incidents.add(table, verdict, explain)

    @property
    def attacks(self) -> int:
        """Flows called attack."""
        return self.verdicts.get("attack", 0)

    @property
    def abstained(self) -> int:
        """Flows whose verdict was withdrawn: no class is possible, or benign and an attack both are."""
        return sum(self.because.get(why, 0) for why in ABSTAINED)

    @property
    def days(self) -> float:
        """Length of all captures together, in days; not the years between two of them."""
        return self.recordings.days

    def top_hosts(self, count: int) -> list[tuple[str, dict[str, int]]]:
        """Initiators with the most flows, those with alarms first."""

        def rank(item: Any) -> Any:
            return (
                -item[1].get("attack", 0),
                -item[1].get("unknown", 0),
                -item[1]["flows"],
                item[0],
            )

        return heapq.nsmallest(count, self.hosts.items(), key=rank)

    def top_talkers(self, count: int) -> list[tuple[str, dict[str, int]]]:
        """Initiators by payload bytes."""
        return heapq.nsmallest(count, self.hosts.items(), key=lambda item: (-item[1]["bytes"], item[0]))

    def _add_hosts(self, table: pa.Table, verdict: np.ndarray) -> None:
        """Flows, bytes, packets and verdicts per initiator."""
        names, number = numbered(table.column("src_ip"))
        group = number * len(VERDICTS) + verdict
        size = len(names) * len(VERDICTS)
        flows = np.bincount(group, minlength=size)
        packets, payload = (
            np.bincount(group, table.column(c).to_numpy(), minlength=size)
            for c in ("packets", "payload_bytes")
        )
        for g in largest_groups(flows, count=HOSTS_PER_BATCH).tolist():
            host, name = self._host(names[g // len(VERDICTS)].as_py()), VERDICTS[g % len(VERDICTS)]
            _add_to(host, name, int(flows[g]), packets=int(packets[g]), payload=int(payload[g]))
        if len(self.hosts) > MAX_HOSTS:
            self._merge_small_hosts()

    def _host(self, name: str) -> dict[str, int]:
        """The counts of one initiator."""
        return self.hosts.setdefault(name, {"flows": 0, "bytes": 0, "packets": 0})

    def _merge_small_hosts(self) -> None:
        """Add the hosts with the fewest flows up under one name."""
        ranked = sorted(
            (name for name in self.hosts if name != OTHERS), key=lambda name: self.hosts[name]["flows"]
        )
        others = self._host(OTHERS)
        for name in ranked[: len(ranked) // 2]:
            for key, value in self.hosts.pop(name).items():
                others[key] = others.get(key, 0) + value


def _add_to(host: dict[str, int], verdict: str, flows: int, *, packets: int, payload: int) -> None:
    """Add flows of one verdict to a host's counts."""
    for key, n in (("flows", flows), ("packets", packets), ("bytes", payload), (verdict, flows)):
        host[key] = host.get(key, 0) + n
