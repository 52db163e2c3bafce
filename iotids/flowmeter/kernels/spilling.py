"""Spill flows past their timeout, and the TCP segments that they have seen, from memory to disk."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.booking import free_place
from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry
from iotids.flowmeter.kernels.finding import slot_of_place
from iotids.flowmeter.kernels.layout import FLOW_LINES, NEVER, ON_DISK
from iotids.flowmeter.kernels.ordering import sort_word
from iotids.flowmeter.kernels.segments import bucket_of_entry, forget_segments
from iotids.flowmeter.kernels.sequences import copy_sequence, wants_sequences


@entry
def late_places(due, watermark_us, flow_us, late):
    """Places of the flows whose timeout has passed at a time; returns how many. due : (places,) int64 — when
    each flow began.
    """
    n = 0
    for i in range(len(due)):
        if due[i] != NEVER and watermark_us - due[i] > flow_us:
            late[n] = i
            n += 1
    return n


@entry
def spill_flows(table, places, first_on_disk, records, sequences, sort_words, text):
    """Copy flows out of memory, free their places and note where they will stand on disk. records, sequences
    (where wanted) and sort_words — written.
    """
    slots = table.slots
    mask = len(slots) - 1
    for i in range(len(places)):
        if i + 8 < len(places):
            prefetch(table.keys, places[i + 8], 0)
            for line in range(FLOW_LINES):
                prefetch(table.bodies, places[i + 8], line * 64)
        if i + 4 < len(places):
            prefetch(slots, np.int64(table.keys[places[i + 4]]["tag"]) & mask, 0)
        place = places[i]
        slot = slot_of_place(slots, table.keys, place)
        slots[slot] = (slots[slot] >> 32 << 32) | (ON_DISK + first_on_disk + i)
        records[i]["key"] = table.keys[place]
        records[i]["flow"] = table.bodies[place]
        if wants_sequences(table):
            copy_sequence(table.sequences[place], sequences[i])
        sort_words[i] = sort_word(table.keys[place], text)
        free_place(place, table)


@entry
def count_segments(bodies, places, heads, segments):
    """How many TCP segments some flows have seen. heads : (>= len(places),) int32 — overwritten.

    Takes a step in every flow's list before the next step in any, so that many segments are on their way from
    memory at a time; what unload_segments needs is in the cache afterwards.
    """
    open_lists = 0
    for i in range(len(places)):
        if i + 8 < len(places):
            prefetch(bodies, places[i + 8], 0)
        at = bodies[places[i]]["segments"]
        if at >= 0:
            prefetch(segments.pool, np.int64(at), 0)
            heads[open_lists] = at
            open_lists += 1
    n = 0
    while open_lists > 0:
        left = 0
        for i in range(open_lists):
            entry = segments.pool[heads[i]]
            n += 1
            prefetch(segments.buckets, bucket_of_entry(entry, segments), 0)
            if entry["sibling"] >= 0:
                prefetch(segments.pool, np.int64(entry["sibling"]), 0)
                heads[left] = entry["sibling"]
                left += 1
        open_lists = left
    return n


@entry
def unload_segments(bodies, places, pairs, first_pair, segments):
    """Copy and forget the segments of some flows. pairs : (n, 2) int64 — written; first_pair: where they will
    stand on disk.
    """
    n = 0
    for i in range(len(places)):
        flow = bodies[places[i]]
        flow["segments_at"] = first_pair + n
        at = flow["segments"]
        while at >= 0:
            pairs[n, 0] = segments.pool[at]["seq_ack"]
            pairs[n, 1] = segments.pool[at]["size_side"]
            n += 1
            at = segments.pool[at]["sibling"]
        flow["segments_n"] = first_pair + n - flow["segments_at"]
        forget_segments(flow, segments)
