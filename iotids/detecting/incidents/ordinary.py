"""What is usual here: how many targets (host, port, protocol) one host talks to in a minute, by its benign flows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from iotids.detecting.incidents.distinct import hash_numbers, hash_texts
from iotids.detecting.judging.verdict_words import BENIGN
from iotids.detecting.summary.table_groups import largest_groups, numbered

MINUTE_US = 60_000_000
MAX_HOSTS = 4_000  # whose current minute is kept; beyond, the earliest minutes are counted as they are
HOSTS_PER_BATCH = 256
MOST = 1_024  # distinct targets in a minute that are counted
ENOUGH = 30  # minutes of hosts, below which nothing is called usual
QUANTILE = 0.99


class Ordinary:
    """Counts targets per host and minute of flows that are called benign."""

    def __init__(self) -> None:
        self.minutes = np.zeros(MOST + 1, np.int64)  # how many host-minutes had so many targets
        self._now: dict[str, tuple[int, set[int]]] = {}
        self._usual: tuple[int | None] | None = None  # what was answered since flows were counted last

    def add(self, table: pa.Table, verdict: np.ndarray) -> None:
        """Count the benign flows of a verdict table."""
        self._usual = None
        rows = np.flatnonzero(verdict == BENIGN)
        if rows.size == 0:
            return
        part = table.select(["src_ip", "dst_ip", "dst_port", "protocol", "start"]).take(rows)
        hosts, host = numbered(part.column("src_ip"))
        peers, peer = numbered(part.column("dst_ip"))
        service = (
            part.column("dst_port").to_numpy().astype(np.int64) * 256 + part.column("protocol").to_numpy()
        )
        target = hash_texts(peers)[peer] ^ hash_numbers(service)
        minute = part.column("start").cast(pa.int64()).to_numpy() // MINUTE_US
        order = np.lexsort((target, minute, host))
        host, minute, target = host[order], minute[order], target[order]
        begins = (np.diff(host, prepend=-1) != 0) | (np.diff(minute, prepend=-1) != 0)
        is_new = begins.copy()
        is_new[1:] |= target[1:] != target[:-1]
        first, distinct = np.flatnonzero(begins), target[is_new]
        begin = np.append(np.cumsum(is_new)[first] - 1, distinct.size)  # of each host's minute, in distinct
        for g in largest_groups(np.diff(np.append(first, order.size)), count=HOSTS_PER_BATCH).tolist():
            mine = distinct[begin[g] : min(begin[g + 1], begin[g] + MOST)]
            self._count(hosts[host[first[g]]].as_py(), int(minute[first[g]]), mine.tolist())
        if len(self._now) > MAX_HOSTS:
            for name in sorted(self._now, key=lambda name: self._now[name][0])[: MAX_HOSTS // 2]:
                self._finish(name)

    @property
    def targets_a_minute(self) -> int | None:
        """The 99th percentile over hosts and minutes; None before there are 30 of them."""
        if self._usual is None:
            open_minutes = [min(len(targets), MOST) for _, targets in self._now.values()]
            counts = self.minutes + np.bincount(open_minutes, minlength=MOST + 1)
            total = int(counts.sum())
            usual = int(np.searchsorted(np.cumsum(counts), QUANTILE * total))
            self._usual = (usual if total >= ENOUGH else None,)
        return self._usual[0]

    def _count(self, host: str, minute: int, targets: list[int]) -> None:
        """Add targets to a host's minute, and begin a new one where it is another."""
        if host in self._now and self._now[host][0] != minute:
            self._finish(host)
        seen = self._now.setdefault(host, (minute, set()))[1]
        if len(seen) < MOST:
            seen.update(targets)

    def _finish(self, host: str) -> None:
        """Count a minute that is over."""
        self.minutes[min(len(self._now.pop(host)[1]), MOST)] += 1
