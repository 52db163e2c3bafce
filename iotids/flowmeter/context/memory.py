"""The memory of the kernel: of fixed size, and touched only as far as flows have come."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.context.layout import COUNTER, EARLY, FLOW, FREE, N_KINDS, N_STATE, WORDS
from iotids.flowmeter.pipeline.memory import Growing

RING_FLOWS = 1 << 16


class Memory:
    """Ring, counters and sums for the last `ring_flows` flows of a network.

    At worst, when no two flows have an address in common, 2^16 flows fill 84 MB; the operating system gives
    pages as they are first used, so a quiet network takes a few.

    Raises
    ------
    ValueError
        `ring_flows` is no power of two.
    """

    def __init__(self, ring_flows: int = RING_FLOWS) -> None:
        if ring_flows < 1 or ring_flows & (ring_flows - 1):
            raise ValueError(f"the context looks back over {ring_flows} flows; wanted is a power of two")
        n = N_KINDS * (ring_flows + EARLY + 1)  # counters of flows in the ring, and of those that enter next
        self._pages = [Growing(kind, length) for kind, length in ((FLOW, ring_flows), (COUNTER, n))]
        self.ring, self.counters = (pages.array for pages in self._pages)
        self._sums = Growing(np.dtype(np.int64), WORDS * n)
        self.wide = self._sums.array
        self._buckets = Growing(np.dtype(np.int32), 16 * ring_flows)
        self.buckets = self._buckets.array
        self.buckets[:] = -1
        self.free = np.arange(n, dtype=np.int32)[::-1].copy()  # the lowest first
        self.state = np.zeros(N_STATE, np.int64)
        self.state[FREE] = n

    def arguments(self) -> tuple[np.ndarray, ...]:
        """As the kernel takes them."""
        return self.ring, self.counters, self.buckets, self.free, self.wide, self.state
