"""The flow table: memory for live flows that the kernels work on, and the rows of those that are over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stages.flowmeter import kernels
from stages.flowmeter.profiles import CLEAN, CORRECTED, Rules

OUTPUT_FLOWS = 4096
Sink = Callable[[np.ndarray, np.ndarray], None]


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
        self.keys = np.zeros(flows, kernels.KEY)
        self.bodies = np.empty(flows, kernels.FLOW)
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
        self.keys = np.concatenate([self.keys, np.zeros(old, kernels.KEY)])
        bodies = np.empty(2 * old, kernels.FLOW)
        bodies[:old] = self.bodies
        self.bodies = bodies
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
        live = self._live_keys()
        last = self.bodies["last"][self.keys["body"][live]]
        over = live[watermark_us - last > self.rules.idle_us]
        over = over[np.argsort(self.bodies["number"][self.keys["body"][over]])]
        self._hand_out_in_order(over)
        for index in over:
            slot = kernels.slot_of_key(self.slots, self.keys, index)
            kernels.release_flow(self.slots, slot, self.keys, index, self.free_keys, self.free_bodies, self.counters)

    def finish(self) -> None:
        """Hand out all flows that are left: in creation order, or as Java's HashMap would list them."""
        self.flush()
        self._hand_out_in_order(self._final_order())

    def _live_keys(self) -> np.ndarray:
        """Indexes of the keys in use."""
        used = self.slots[self.slots != 0]
        return ((used & 0xFFFFFFFF) - 1).astype(np.int64)

    def _final_order(self) -> np.ndarray:
        """Keys of the flows left at the end, in the order of the rows."""
        live = self._live_keys()
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
        """Give flows to the sink in the given order; the original tools leave out those of one packet."""
        if self.rules.logic < CORRECTED and len(indexes):
            flows = self.bodies[["fwd_packets", "bwd_packets"]][self.keys["body"][indexes]]
            single = flows["fwd_packets"] + flows["bwd_packets"] < 2
            self.counters[kernels.UNWRITTEN] += int(single.sum())
            indexes = indexes[~single]
        for first in range(0, len(indexes), OUTPUT_FLOWS):
            n = min(OUTPUT_FLOWS, len(indexes) - first)
            kernels.gather_flows(self.keys, self.bodies, indexes, first, n, self.finished, self.finished_keys)
            self.sink(self.finished_keys[:n], self.finished[:n])
