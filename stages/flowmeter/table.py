"""The flow table: memory for live flows that the kernels work on, and the rows of those that are over."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from stages.flowmeter.kernels import layout
from stages.flowmeter.kernels.finding import refill_slots
from stages.flowmeter.kernels.metering import meter_packets
from stages.flowmeter.kernels.moving import gather_flows, live_keys, move_out, old_keys, read_flows, release_keys, silent_keys
from stages.flowmeter.kernels.segments import count_segments, rehash_segments, reload_segments, unload_segments
from stages.flowmeter.kernels.text import java_hashes
from stages.flowmeter.profiles import CLEAN, CORRECTED, Rules

OUTPUT_FLOWS = 512  # they stay in the second-level cache until their rows are made
Over = tuple[np.ndarray, np.ndarray]  # keys and flows that are over, structured arrays of the same length


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


class Disk:
    """Two nameless temporary files: flows that are not needed soon, and the TCP segments that they have seen."""

    def __init__(self) -> None:
        self._flows: IO[bytes] | None = None
        self._pairs: IO[bytes] | None = None
        self.flows_used = 0
        self.pairs_used = 0

    def store(self, flows: np.ndarray) -> None:
        """Write flows behind the others."""
        if self._flows is None:
            self._flows = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  lives as long as the table
        _write_all(self._flows, flows.view(np.uint8).data)
        self.flows_used += len(flows)

    def load(self, places: np.ndarray) -> np.ndarray:
        """Read flows."""
        flows = np.empty(len(places), layout.FLOW)
        if len(places) and read_flows(self._flows.fileno(), places, flows) < len(places):  # type: ignore[union-attr]
            raise OSError("a temporary file of flows cannot be read back")
        return flows

    def store_pairs(self, pairs: np.ndarray) -> None:
        """Write pairs of numbers behind the others."""
        if self._pairs is None:
            self._pairs = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  lives as long as the table
        _write_all(self._pairs, pairs.view(np.uint8).data)
        self.pairs_used += len(pairs)

    def load_pairs(self, first: int, n: int) -> np.ndarray:
        """Read n pairs."""
        data = os.pread(self._pairs.fileno(), 16 * n, 16 * first) if self._pairs is not None else b""
        return np.frombuffer(data, np.int64).reshape(n, 2)


def _write_all(file: IO[bytes], data: memoryview) -> None:
    """Append bytes to an unbuffered file, which may take them in parts."""
    data = data.cast("B") if data.ndim != 1 else data
    while len(data):
        data = data[file.write(data) :]


class FlowTable:
    """Live flows of one capture, and those that are over until they are taken."""

    def __init__(self, rules: Rules, *, flows: int = 1024) -> None:
        self.rules = rules
        self._over: list[Over] = []
        self.disk = Disk()
        self.counters = np.zeros(layout.N_COUNTERS, np.int64)
        self.counts = np.zeros(layout.N_STATUS, np.int64)
        self.slots = np.zeros(4 * flows, np.int64)
        self.key_memory = Growing(layout.KEY, flows)
        self.body_memory = Growing(layout.FLOW, flows)
        self.keys = self.key_memory.array
        self.bodies = self.body_memory.array
        self.blank = np.zeros(1, layout.FLOW)
        self.free_keys = np.arange(flows, dtype=np.int32)[::-1].copy()
        self.free_bodies = self.free_keys.copy()
        self.counters[layout.FREE_KEYS] = flows
        self.counters[layout.FREE_BODIES] = flows
        self.finished = np.empty(OUTPUT_FLOWS, layout.FLOW)
        self.finished_keys = np.empty(OUTPUT_FLOWS, layout.KEY)
        pool = 1024 if rules.logic == CORRECTED else 1
        self.segments = np.zeros(pool, layout.SEGMENT)
        self.buckets = np.full(pool, -1, np.int32)
        self.free_segments = np.arange(pool, dtype=np.int32)[::-1].copy()
        self.counters[layout.FREE_SEGMENTS] = pool

    def meter(self, packets: np.ndarray, n_packets: int, number: int, booked: np.ndarray) -> None:
        """Book packets; `number` is the first one's in the capture, `booked` receives each one's flow number."""
        first = 0
        while True:
            first = meter_packets(
                packets, first, n_packets, number, self.rules, self.slots, self.keys, self.bodies, self.blank, self.free_keys, self.free_bodies,
                self.counters, self.finished, self.finished_keys, self.buckets, self.segments, self.free_segments, self.counts, booked,
            )  # fmt: skip
            reason = self.counters[layout.REASON]
            if reason == layout.METER_DONE:
                return
            if reason == layout.METER_KEYS_FULL:
                self.grow_keys()
            elif reason == layout.METER_BODIES_FULL:
                self.grow_bodies()
            elif reason == layout.METER_OUTPUT_FULL:
                self.flush()
            elif reason == layout.METER_SEGMENTS_FULL:
                self.grow_segments()
            elif reason == layout.METER_ON_DISK:
                self.take_up(int(self.counters[layout.WANTED_KEY]))

    def grow_keys(self) -> None:
        """Double the room for keys, and with it the hash table."""
        old = len(self.keys)
        del self.keys  # nothing may point into memory that is about to move
        self.keys = self.key_memory.grow(2 * old)
        self.free_keys = self._more_free(self.free_keys, layout.FREE_KEYS, old)
        slots = np.zeros(2 * len(self.slots), np.int64)
        refill_slots(slots, self.slots)
        self.slots = slots

    def grow_bodies(self) -> None:
        """Double the room for flows in memory."""
        old = len(self.bodies)
        del self.bodies
        self.bodies = self.body_memory.grow(2 * old)
        self.free_bodies = self._more_free(self.free_bodies, layout.FREE_BODIES, old)

    def _more_free(self, free: np.ndarray, counter: int, old: int) -> np.ndarray:
        """A stack of free indexes twice as large, the new ones on top of what is left."""
        left = int(self.counters[counter])
        larger = np.zeros(2 * len(free), np.int32)
        larger[:left] = free[:left]
        larger[left : left + old] = np.arange(2 * old - 1, old - 1, -1)
        self.counters[counter] = left + old
        return larger

    def grow_segments(self) -> None:
        """Double the room for remembered TCP segments."""
        old = len(self.segments)
        in_use = np.zeros(2 * old, np.bool_)
        in_use[:old] = True
        in_use[self.free_segments[: self.counters[layout.FREE_SEGMENTS]]] = False
        self.segments = np.concatenate([self.segments, np.zeros(old, layout.SEGMENT)])
        self.free_segments = self._more_free(self.free_segments, layout.FREE_SEGMENTS, old)
        self.buckets = np.full(2 * old, -1, np.int32)
        rehash_segments(self.buckets, self.segments, in_use)

    def flush(self) -> None:
        """Put the flows that are over among those to be taken."""
        n = int(self.counters[layout.FINISHED])
        if n:
            self._over.append((self.finished_keys[:n], self.finished[:n]))
            self.finished = np.empty(OUTPUT_FLOWS, layout.FLOW)
            self.finished_keys = np.empty(OUTPUT_FLOWS, layout.KEY)
        self.counters[layout.FINISHED] = 0

    def taken(self) -> list[Over]:
        """The flows that are over, in their order; they belong to the caller."""
        over, self._over = self._over, []
        return over

    def expire(self, watermark_us: int) -> Iterator[Over]:
        """Yield the flows of the clean profile that have been silent longer than the idle timeout before a time, behind those over before.

        The next packet of such a flow would end it with the same result, as long as it is not older than the watermark.
        """
        live = int(self.counters[layout.LIVE])
        silent, numbers = np.empty(live, np.int64), np.empty(live, np.int64)
        n = silent_keys(self.bodies, watermark_us, self.rules.idle_us, silent, numbers)
        silent = silent[:n][np.argsort(numbers[:n])]
        yield from self._hand_out_in_order(silent)
        release_keys(self.slots, self.keys, silent, self.bodies, self.free_keys, self.free_bodies, self.counters)

    def set_down(self, watermark_us: int) -> None:
        """Move flows whose timeout passed before a time from memory to disk; only their own next packet or the end needs them.

        In the CICFlowMeter profiles no flow ends by silence, so they would fill the memory. Nothing else changes.
        """
        old = np.empty(int(self.counters[layout.LIVE]), np.int64)
        n = old_keys(self.bodies, watermark_us, self.rules.flow_us, old)
        for first in range(0, n, OUTPUT_FLOWS):
            indexes = old[first : min(n, first + OUTPUT_FLOWS)]
            if self.rules.logic == CORRECTED:
                self._set_down_segments(self.keys["body"][indexes])
            flows = np.empty(len(indexes), layout.FLOW)
            move_out(self.keys, self.bodies, indexes, flows, self.disk.flows_used, self.free_bodies, self.counters)
            self.disk.store(flows)

    def _set_down_segments(self, places: np.ndarray) -> None:
        """Move the TCP segments that some flows have seen to disk."""
        pairs = np.empty((count_segments(self.bodies, places, self.segments), 2), np.int64)
        unload_segments(
            self.bodies, places, pairs, self.disk.pairs_used, self.buckets, self.segments, self.free_segments, self.counters
        )
        self.disk.store_pairs(pairs)

    def take_up(self, index: int) -> None:
        """Bring a flow back from disk."""
        if self.counters[layout.FREE_BODIES] == 0:
            self.grow_bodies()
        flow = self.disk.load(np.array([-1 - int(self.keys["body"][index])]))[0]
        self.counters[layout.FREE_BODIES] -= 1
        place = int(self.free_bodies[self.counters[layout.FREE_BODIES]])
        self.bodies[place] = flow
        self.keys["body"][index] = place
        if self.rules.logic == CORRECTED:
            pairs = self.disk.load_pairs(int(flow["segments_at"]), int(flow["segments_n"]))
            while self.counters[layout.FREE_SEGMENTS] < len(pairs):
                self.grow_segments()
            reload_segments(self.bodies[place], index, pairs, self.buckets, self.segments, self.free_segments, self.counters)

    def flows_in_memory(self) -> int:
        """How many flows are in memory."""
        return len(self.bodies) - int(self.counters[layout.FREE_BODIES])

    def finish(self) -> Iterator[Over]:
        """Yield all flows that are left: in creation order, or as Java's HashMap would list them."""
        yield from self._hand_out_in_order(self._final_order())

    def release(self) -> None:
        """Give the memory back at once; the counters stay."""
        del self.keys, self.bodies, self.key_memory, self.body_memory, self.finished, self.finished_keys
        del self.slots, self.segments, self.buckets, self.disk

    def _final_order(self) -> np.ndarray:
        """Keys of the flows left at the end, in the order of the rows."""
        live = np.empty(int(self.counters[layout.LIVE]), np.int64)
        live_keys(self.slots, live)
        order = self.keys["order"][live]
        if self.rules.logic == CLEAN:
            return live[np.argsort(order)]
        hashes = np.zeros(len(live), np.int64)
        java_hashes(self.keys, live, hashes)
        capacity = 16
        while self.counters[layout.PEAK] > 0.75 * capacity:
            capacity *= 2
        return live[np.lexsort((order, hashes & (capacity - 1)))]

    def _hand_out_in_order(self, indexes: np.ndarray) -> Iterator[Over]:
        """Yield flows in the given order, behind those that were over before."""
        self.flush()
        yield from self.taken()
        for first in range(0, len(indexes), OUTPUT_FLOWS):
            chosen = indexes[first : first + OUTPUT_FLOWS]
            places = self.keys["body"][chosen].astype(np.int64)
            from_disk = self.disk.load(-1 - places[places < 0])
            gather_flows(self.keys, self.bodies, chosen, from_disk, self.rules.logic, self.finished, self.finished_keys, self.counters)
            self.flush()
            yield from self.taken()
