"""The flow table: memory for live flows that the kernels work on, and those that are over until they are taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.bundles import Table
from iotids.flowmeter.kernels.entries import (
    emit_flows,
    late_places,
    live_places,
    meter_packets,
    release_flows,
    silent_places,
    sort_words_of,
    spill_flows,
    spread_slots,
)
from iotids.flowmeter.kernels.layout import FLOW_ID_BYTES
from iotids.flowmeter.pipeline.memory import Growing, Reused, SpillFiles, mapped
from iotids.flowmeter.pipeline.segment_pool import SegmentPool, more_free
from iotids.flowmeter.profiles import CLEAN, CORRECTED, Rules

OUTPUT_FLOWS = 512  # they stay in the second-level cache until their rows are made
# keys, flows and (where wanted) first packets of flows that are over, arrays of the same length
Over = tuple[np.ndarray, np.ndarray, np.ndarray]


class FlowTable:
    """Live flows of one capture, and those that are over until they are taken."""

    def __init__(
        self, rules: Rules, *, flows: int = 1024, output_flows: int = OUTPUT_FLOWS, sequences: bool = False
    ) -> None:
        self.rules = rules
        self.with_sequences = sequences
        self.output_flows = output_flows
        self._view: Table | None = None
        self._over: list[Over] = []
        self.disk = SpillFiles()
        self.counters = np.zeros(layout.N_COUNTERS, np.int64)
        self.counts = np.zeros(layout.N_STATUS, np.int64)
        self.slot_memory = Growing(np.dtype(np.int64), 4 * flows)
        self.slots = self.slot_memory.array
        self.key_memory = Growing(layout.KEY, flows)
        self.body_memory = Growing(layout.FLOW, flows)
        self.keys = self.key_memory.array
        self.bodies = self.body_memory.array
        self.sequence_memory = Growing(layout.SEQUENCE, flows if sequences else 1)
        self.sequences = self.sequence_memory.array
        self.due = np.full(flows, layout.NEVER, np.int64)
        self.blank = np.zeros(1, layout.FLOW)
        self.free = np.arange(flows, dtype=np.int32)[::-1].copy()
        self.counters[layout.FREE_PLACES] = flows
        self.segments = SegmentPool(rules.secret, self.counters, in_use=rules.logic == CORRECTED)
        self.output_memory = Reused()
        self._new_output()
        self.text = np.empty(FLOW_ID_BYTES, np.uint8)

    @property
    def view(self) -> Table:
        """The table as kernels see it; not to be kept by others, memory moves when it grows."""
        if self._view is None:
            self._view = Table(
                self.slots,
                self.keys,
                self.bodies,
                self.due,
                self.blank,
                self.free,
                self.over,
                self.over_keys,
                self.counters,
                self.sequences["cells"],
                self.over_sequences["cells"],
            )
        return self._view

    def meter(self, packets: np.ndarray, n_packets: int, number: int, booked: np.ndarray) -> None:
        """Book packets; `number` is the first one's in the capture, `booked` receives each one's flow number.

        Raises
        ------
        OSError
            When a flow on disk cannot be read back.
        """
        make_room = {
            layout.METER_PLACES_FULL: self.grow_places,
            layout.METER_SLOTS_FULL: self.grow_slots,
            layout.METER_OUTPUT_FULL: self.flush,
            layout.METER_SEGMENTS_FULL: self.segments.grow,
            layout.METER_UNREADABLE: self.disk.raise_unreadable,
        }
        first = 0
        while True:
            first = meter_packets(
                packets,
                first,
                n_packets,
                number,
                self.rules,
                self.view,
                self.segments.view,
                self.disk.view,
                self.counts,
                booked,
            )
            reason = int(self.counters[layout.REASON])
            if reason == layout.METER_DONE:
                return
            make_room[reason]()

    def grow_places(self) -> None:
        """Double the room for flows in memory."""
        old = len(self.keys)
        self._view = None
        del self.keys, self.bodies, self.sequences  # nothing may point into memory that is about to move
        self.keys = self.key_memory.grow(2 * old)
        self.bodies = self.body_memory.grow(2 * old)
        self.sequences = self.sequence_memory.grow(2 * old if self.with_sequences else 1)
        self.due = np.concatenate([self.due, np.full(old, layout.NEVER, np.int64)])
        self.free = more_free(self.free, self.counters, layout.FREE_PLACES, old)

    def grow_slots(self) -> None:
        """Double the hash table."""
        old = len(self.slots)
        self._view = None
        del self.slots
        self.slots = self.slot_memory.grow(2 * old)
        spread_slots(self.slots, old)

    def flush(self) -> None:
        """Put the flows that are over among those to be taken."""
        n = int(self.counters[layout.FINISHED])
        if n:
            self._over.append((self.over_keys[:n], self.over[:n], self.over_sequences[:n]["cells"]))
            self._new_output()
        self.counters[layout.FINISHED] = 0

    def _new_output(self) -> None:
        """Memory for the next flows that are over: the last belongs to whoever receives it."""
        n = self.output_flows
        self._view = None
        self.over, self.over_keys, self.over_sequences = self.output_memory.arrays(
            ((n,), layout.FLOW), ((n,), layout.KEY), ((n if self.with_sequences else 1,), layout.SEQUENCE)
        )

    def take(self) -> list[Over]:
        """The flows that are over, in their order; they belong to the caller."""
        over, self._over = self._over, []
        return over

    def expire(self, watermark_us: int) -> Iterator[Over]:
        """Yield the flows of the clean profile that have been silent longer than the idle timeout before a
        time, behind those over before.

        The next packet of such a flow would end it with the same result, as long as it is not older than the
        watermark.
        """
        live = int(self.counters[layout.LIVE])
        silent, numbers = np.empty(live, np.int64), np.empty(live, np.int64)
        n = silent_places(self.due, self.bodies, watermark_us, self.rules.idle_us, silent, numbers)
        silent = silent[:n][np.argsort(numbers[:n])]
        yield from self._emit_in_order(silent)
        release_flows(self.view, silent)

    def spill_expired(self, watermark_us: int) -> None:
        """Spill flows whose timeout passed before a time to disk; only their own next packet or the end needs
        them.

        The CICFlowMeter profiles have no idle timeout: such flows would fill the memory. Nothing else changes.
        """
        late = np.empty(self.flows_in_memory(), np.int64)
        n = late_places(self.due, watermark_us, self.rules.flow_us, late)
        for first in range(0, n, self.output_flows):
            places = late[first : min(n, first + self.output_flows)]
            if self.rules.logic == CORRECTED:
                pairs = self.segments.unload(self.bodies, places, self.disk.used[layout.PAIRS])
                self.disk.append(layout.PAIRS, pairs)
            records, words = np.empty(len(places), layout.RECORD), np.empty(len(places), np.int64)
            sequences = np.empty(len(places) if self.with_sequences else 1, layout.SEQUENCE)
            spill_flows(
                self.view,
                places,
                self.disk.used[layout.RECORDS],
                records,
                sequences["cells"],
                words,
                self.text,
            )
            self.disk.append(layout.RECORDS, records)
            if self.with_sequences:
                self.disk.append(layout.SEQUENCES, sequences)
            self.disk.append(layout.SORT_WORDS, words)

    def flows_in_memory(self) -> int:
        """How many flows are in memory."""
        return len(self.keys) - int(self.counters[layout.FREE_PLACES])

    def finish(self) -> Iterator[Over]:
        """Yield all flows that are left: in creation order, or as Java's HashMap would list them."""
        yield from self._emit_in_order(self._final_order())

    def release(self) -> None:
        """Give the memory back at once; the counters stay."""
        self._view = None
        del self.keys, self.bodies, self.key_memory, self.body_memory, self.over, self.over_keys
        del self.segments, self.disk, self.sequences, self.sequence_memory, self.over_sequences

    def _final_order(self) -> np.ndarray:
        """Places of the flows left at the end, in the order of the rows; -1 - place for those on disk."""
        if self.counters[layout.ORDER] > 1 << layout.ORDER_BITS:
            raise OverflowError(
                f"the capture has more than {1 << layout.ORDER_BITS:,} flows; split it, e.g. with editcap"
            )
        places = mapped(int(self.counters[layout.LIVE]), np.int32)
        live_places(self.slots, places)
        self._view = None
        self.slots = np.zeros(1, np.int64)  # the memory is needed for the rest
        del self.slot_memory
        capacity = 16
        while self.counters[layout.PEAK] > 0.75 * capacity:
            capacity *= 2
        words = mapped(len(places), np.int64)
        sort_words_of(
            places,
            self.keys,
            self.disk.sort_words(),
            1 if self.rules.logic == CLEAN else capacity,
            self.text,
            words,
        )
        return sorted_by(words, places)

    def _emit_in_order(self, places: np.ndarray) -> Iterator[Over]:
        """Yield flows in the given order, behind those that were over before."""
        self.flush()
        yield from self.take()
        for first in range(0, len(places), self.output_flows):
            chosen = places[first : first + self.output_flows]
            on_disk = -1 - chosen[chosen < 0]
            sequences = (
                self.disk.sequences(on_disk)
                if self.with_sequences and len(on_disk)
                else np.empty((1, layout.SEQUENCE_CELLS), np.int32)
            )
            emit_flows(self.view, chosen, self.disk.flows(on_disk), sequences, self.rules.logic)
            self.flush()
            yield from self.take()


def sorted_by(words: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values in the order of their words (each at least 0), a sixteenth at a time, so that little memory is
    needed beside them.
    """
    sample = np.sort(words[:: max(1, len(words) // 4096)])
    ordered = mapped(len(values), values.dtype)
    at = 0
    for low, high in itertools.pairwise(
        [-1, *sample[:: max(1, len(sample) // 16)].tolist(), np.iinfo(np.int64).max]
    ):
        chosen = np.flatnonzero((words > low) & (words <= high))
        ordered[at : at + len(chosen)] = values[chosen[np.argsort(words[chosen])]]
        at += len(chosen)
    return ordered
