"""The flow table: memory for live flows that the kernels work on, and the rows of those that are over."""

from __future__ import annotations

import mmap
from collections.abc import Callable

import numpy as np

from stages.flowmeter import kernels
from stages.flowmeter.profiles import CLEAN, CORRECTED, Rules

OUTPUT_FLOWS = 512  # they stay in the second-level cache until their rows are made
Sink = Callable[[np.ndarray, np.ndarray], None]


class Growing:
    """A structured array that grows without being copied: the system moves its pages (mremap), not its bytes."""

    def __init__(self, dtype: np.dtype, length: int) -> None:
        self._dtype = dtype
        self._memory = mmap.mmap(-1, _pages(dtype.itemsize * length), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.array: np.ndarray = self._view(length)

    def _view(self, length: int) -> np.ndarray:
        """The memory as an array."""
        if len(self._memory) >= 1 << 22 and hasattr(mmap, "MADV_HUGEPAGE"):
            self._memory.madvise(mmap.MADV_HUGEPAGE)  # flows are met in no order: small pages would cost a table walk each
        return np.frombuffer(self._memory, self._dtype, length)

    def grow(self, length: int) -> np.ndarray:
        """The array, longer; no other view of it may be alive."""
        del self.array
        self._memory.resize(_pages(self._dtype.itemsize * length))
        self.array = self._view(length)
        return self.array


def _pages(size: int) -> int:
    """Size rounded up to whole pages."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


class FlowTable:
    """Live flows of one capture, and a sink for those that are over.

    Parameters
    ----------
    rules : Rules
    sink : callable
        Is given (keys, flows), structured arrays of the same length, whenever some flows are over; it must copy what it keeps.
    """

    def __init__(self, rules: Rules, sink: Sink, *, flows: int = 1024) -> None:
        self.rules = rules
        self.sink = sink
        self.counters = np.zeros(kernels.N_COUNTERS, np.int64)
        self.counts = np.zeros(kernels.N_STATUS, np.int64)
        self.slots = np.zeros(4 * flows, np.int64)
        self.key_memory = Growing(kernels.KEY, flows)
        self.body_memory = Growing(kernels.FLOW, flows)
        self.keys = self.key_memory.array
        self.bodies = self.body_memory.array
        self.blank = np.zeros(1, kernels.FLOW)
        self.free_keys = np.arange(flows, dtype=np.int32)[::-1].copy()
        self.free_bodies = self.free_keys.copy()
        self.counters[kernels.FREE_KEYS] = flows
        self.counters[kernels.FREE_BODIES] = flows
        self.finished = np.empty(OUTPUT_FLOWS, kernels.FLOW)
        self.finished_keys = np.empty(OUTPUT_FLOWS, kernels.KEY)
        pool = 1024 if rules.logic == CORRECTED else 1
        self.segments = np.zeros(pool, kernels.SEGMENT)
        self.buckets = np.full(pool, -1, np.int32)
        self.free_segments = np.arange(pool, dtype=np.int32)[::-1].copy()
        self.counters[kernels.FREE_SEGMENTS] = pool

    def meter(self, packets: np.ndarray, n_packets: int, number: int, booked: np.ndarray) -> None:
        """Book packets; `number` is the first one's in the capture, `booked` receives each one's flow number."""
        first = 0
        while True:
            first = kernels.meter_packets(
                packets, first, n_packets, number, self.rules, self.slots, self.keys, self.bodies, self.blank, self.free_keys, self.free_bodies,
                self.counters, self.finished, self.finished_keys, self.buckets, self.segments, self.free_segments, self.counts, booked,
            )  # fmt: skip
            reason = self.counters[kernels.REASON]
            if reason == kernels.METER_DONE:
                return
            if reason == kernels.METER_TABLE_FULL:
                self.grow()
            elif reason == kernels.METER_OUTPUT_FULL:
                self.flush()
            elif reason == kernels.METER_SEGMENTS_FULL:
                self.grow_segments()

    def grow(self) -> None:
        """Double the room for live flows."""
        old = len(self.keys)
        del self.keys, self.bodies  # nothing may point into memory that is about to move
        self.keys = self.key_memory.grow(2 * old)
        self.bodies = self.body_memory.grow(2 * old)
        self.free_keys = self._more_free(self.free_keys, kernels.FREE_KEYS, old)
        self.free_bodies = self._more_free(self.free_bodies, kernels.FREE_BODIES, old)
        slots = np.zeros(2 * len(self.slots), np.int64)
        kernels.refill_slots(slots, self.slots)
        self.slots = slots

    def _more_free(self, free: np.ndarray, counter: int, old: int) -> np.ndarray:
        """A stack of free indexes twice as large, the new ones on top of what is left."""
        left = int(self.counters[counter])
        larger = np.zeros(2 * len(free), np.int32)
        larger[:left] = free[:left]
        larger[left : left + old] = np.arange(2 * old - 1, old - 1, -1)
        self.counters[counter] = left + old
        return larger

    def grow_segments(self) -> None:
        """Double the room for remembered TCP segments; called only when none is free."""
        old = len(self.segments)
        self.segments = np.concatenate([self.segments, np.zeros(old, kernels.SEGMENT)])
        self.free_segments = self._more_free(self.free_segments, kernels.FREE_SEGMENTS, old)
        self.buckets = np.full(2 * old, -1, np.int32)
        in_use = np.zeros(2 * old, np.bool_)
        in_use[:old] = True
        kernels.rehash_segments(self.buckets, self.segments, in_use)

    def flush(self) -> None:
        """Hand the flows that are over to the sink."""
        n = int(self.counters[kernels.FINISHED])
        if n:
            self.sink(self.finished_keys[:n], self.finished[:n])
        self.counters[kernels.FINISHED] = 0

    def expire(self, watermark_us: int) -> None:
        """Hand out the flows of the clean profile that have been silent longer than the idle timeout before a time.

        The next packet of such a flow would end it with the same result, as long as it is not older than the watermark.
        """
        self.flush()
        live = int(self.counters[kernels.LIVE])
        over, numbers = np.empty(live, np.int64), np.empty(live, np.int64)
        n = kernels.silent_keys(self.slots, self.keys, self.bodies, watermark_us, self.rules.idle_us, over, numbers)
        over = over[:n][np.argsort(numbers[:n])]
        self._hand_out_in_order(over)
        kernels.release_keys(self.slots, self.keys, over, self.free_keys, self.free_bodies, self.counters)

    def finish(self) -> None:
        """Hand out all flows that are left: in creation order, or as Java's HashMap would list them."""
        self.flush()
        self._hand_out_in_order(self._final_order())

    def release(self) -> None:
        """Give the memory back at once; the counters stay. The sink usually refers to the table's owner, a cycle otherwise."""
        del self.sink, self.keys, self.bodies, self.key_memory, self.body_memory, self.finished, self.finished_keys
        del self.slots, self.segments, self.buckets

    def _final_order(self) -> np.ndarray:
        """Keys of the flows left at the end, in the order of the rows."""
        live = np.empty(int(self.counters[kernels.LIVE]), np.int64)
        kernels.live_keys(self.slots, live)
        order = self.keys["order"][live]
        if self.rules.logic == CLEAN:
            return live[np.argsort(order)]
        hashes = np.zeros(len(live), np.int64)
        kernels.java_hashes(self.keys, live, hashes)
        capacity = 16
        while self.counters[kernels.PEAK] > 0.75 * capacity:
            capacity *= 2
        return live[np.lexsort((order, hashes & (capacity - 1)))]

    def _hand_out_in_order(self, indexes: np.ndarray) -> None:
        """Give flows to the sink in the given order."""
        for first in range(0, len(indexes), OUTPUT_FLOWS):
            n = min(OUTPUT_FLOWS, len(indexes) - first)
            kernels.gather_flows(self.keys, self.bodies, indexes, first, n, self.rules.logic, self.finished, self.finished_keys, self.counters)
            self.flush()
