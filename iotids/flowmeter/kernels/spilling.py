"""Move flows out of the memory of live flows: those that are over, silent, or set down on disk."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.booking import free_place, hand_out, release_flow
from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.finding import slot_of_place
from iotids.flowmeter.kernels.layout import FLOW_LINES, HASH_MASK, NEVER, ON_DISK, ORDER_BITS
from iotids.flowmeter.kernels.text import java_hash


@entry
def gather_flows(keys, bodies, places, records, logic, finished, finished_keys, counters):
    """Hand out live flows in the order of `places`; those below 0 are the next of `records`."""
    read = 0
    for i in range(len(places)):
        if i + 8 < len(places) and places[i + 8] >= 0:
            prefetch(keys, np.int64(places[i + 8]), 0)
            for line in range(FLOW_LINES):
                prefetch(bodies, np.int64(places[i + 8]), line * 64)
        if places[i] < 0:
            hand_out(records[read]["flow"], records[read]["key"], logic, finished, finished_keys, counters)
            read += 1
        else:
            hand_out(bodies[places[i]], keys[places[i]], logic, finished, finished_keys, counters)


@entry
def packets_of(flows):
    """How many packets some flows have."""
    n = 0
    for i in range(len(flows)):
        n += flows[i]["fwd_packets"] + flows[i]["bwd_packets"]
    return n


@entry
def live_places(slots, places):
    """Places of all flows; -1 - place for those on disk. places : (at least that many,) int32 — written;
    returns how many.
    """
    n = 0
    for i in range(len(slots)):
        if slots[i] != 0:
            pointer = slots[i] & 0xFFFFFFFF
            places[n] = pointer - 1 if pointer < ON_DISK else ON_DISK - 1 - pointer
            n += 1
    return n


@entry
def silent_places(due, bodies, watermark_us, idle_us, silent, numbers):
    """Places of the flows silent for longer than idle_us at a time, and their flow numbers; returns how many.

    due : (places,) int64 — no flow's last packet is earlier; renewed for those looked at.
    """
    n = 0
    for i in range(len(due)):
        if due[i] != NEVER and watermark_us - due[i] > idle_us:  # absurd times may overflow
            flow = bodies[i]
            if watermark_us - flow["last"] > idle_us:
                silent[n] = i
                numbers[n] = flow["number"]
                n += 1
            else:
                due[i] = flow["last"]
    return n


@entry
def old_places(due, watermark_us, flow_us, old):
    """Places of the flows whose timeout has passed at a time; returns how many. due : (places,) int64 — when
    each flow began.
    """
    n = 0
    for i in range(len(due)):
        if due[i] != NEVER and watermark_us - due[i] > flow_us:
            old[n] = i
            n += 1
    return n


@entry
def move_out(
    slots, keys, bodies, due, places, first_on_disk, records, sort_words, text, free_places, counters
):
    """Copy flows out of memory, free their places and note where they will stand on disk. records, sort_words
    — written.
    """
    mask = len(slots) - 1
    for i in range(len(places)):
        if i + 8 < len(places):
            prefetch(keys, places[i + 8], 0)
            for line in range(FLOW_LINES):
                prefetch(bodies, places[i + 8], line * 64)
        if i + 4 < len(places):
            prefetch(slots, np.int64(keys[places[i + 4]]["tag"]) & mask, 0)
        place = places[i]
        slot = slot_of_place(slots, keys, place)
        slots[slot] = (slots[slot] >> 32 << 32) | (ON_DISK + first_on_disk + i)
        records[i]["key"] = keys[place]
        records[i]["flow"] = bodies[place]
        sort_words[i] = sort_word(keys[place], text)
        free_place(place, due, free_places, counters)


@kernel
def sort_word(key, text):
    """What Java's HashMap would list a flow by, whatever its capacity: bits of the hash of its id above,
    which insertion below.
    """
    return ((java_hash(key, text) & HASH_MASK) << ORDER_BITS) | key["order"]


@entry
def sort_words_of(places, keys, on_disk, capacity, text, words):
    """What rows are sorted by at the end: bucket of a HashMap of some capacity, then insertion; with a
    capacity of 1 insertion alone.

    on_disk : (n,) int64 — the words of flows on disk.  words : (len(places),) int64 — written.
    """
    keep = ((capacity - 1) << ORDER_BITS) | ((1 << ORDER_BITS) - 1)
    for i in range(len(places)):
        if i + 8 < len(places) and places[i + 8] >= 0:
            prefetch(keys, np.int64(places[i + 8]), 0)
        if places[i] < 0:
            words[i] = on_disk[-1 - places[i]] & keep
        elif capacity == 1:
            words[i] = keys[places[i]]["order"]
        else:
            words[i] = sort_word(keys[places[i]], text) & keep


@entry
def release_places(slots, keys, places, due, free_places, counters):
    """Take flows out of the table."""
    for i in range(len(places)):
        if i + 8 < len(places):
            prefetch(slots, np.int64(keys[places[i + 8]]["tag"]) & (len(slots) - 1), 0)
        release_flow(slots, slot_of_place(slots, keys, places[i]), places[i], due, free_places, counters)
