"""Memory of the TCP segments that connections have seen (corrected)."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.bundles import Segments
from iotids.flowmeter.kernels.entries import count_segments, rehash_segments, unload_segments

FIRST_SEGMENTS = 1024


class SegmentPool:
    """A hash table of segments that doubles when it is full; of length 1 where no profile needs it."""

    def __init__(self, secret: np.ndarray, counters: np.ndarray, *, in_use: bool) -> None:
        n = FIRST_SEGMENTS if in_use else 1
        counters[layout.FREE_SEGMENTS] = n
        free = np.arange(n, dtype=np.int32)[::-1].copy()
        self.view = Segments(np.full(n, -1, np.int32), np.zeros(n, layout.SEGMENT), free, secret, counters)

    def grow(self) -> None:
        """Make room for as many segments as are wanted."""
        counters = self.view.counters
        while counters[layout.FREE_SEGMENTS] < counters[layout.WANTED_SEGMENTS]:
            self._double()

    def _double(self) -> None:
        """Double the pool."""
        view = self.view
        old = len(view.pool)
        in_use = np.zeros(2 * old, np.bool_)
        in_use[:old] = True
        in_use[view.free[: view.counters[layout.FREE_SEGMENTS]]] = False
        self.view = view._replace(
            pool=np.concatenate([view.pool, np.zeros(old, layout.SEGMENT)]),
            free=more_free(view.free, view.counters, layout.FREE_SEGMENTS, old),
            buckets=np.full(2 * old, -1, np.int32),
        )
        rehash_segments(self.view, in_use)

    def unload(self, bodies: np.ndarray, places: np.ndarray, first_pair: int) -> np.ndarray:
        """Take the segments of some flows out; returns them, (n, 2) int64, as they will stand on disk."""
        heads = np.empty(len(places), np.int32)
        pairs = np.empty((count_segments(bodies, places, heads, self.view), 2), np.int64)
        unload_segments(bodies, places, pairs, first_pair, self.view)
        return pairs


def more_free(free: np.ndarray, counters: np.ndarray, counter: int, old: int) -> np.ndarray:
    """A stack of free indexes twice as large, the new ones on top of what is left."""
    left = int(counters[counter])
    larger = np.zeros(2 * len(free), np.int32)
    larger[:left] = free[:left]
    larger[left : left + old] = np.arange(2 * old - 1, old - 1, -1)
    counters[counter] = left + old
    return larger
