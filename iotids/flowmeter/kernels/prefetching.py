"""Fetch what packets soon to come will need into the cache."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    ACTIVE_AT,
    BWD_AT,
    FLOW_LINES,
    FREE_PLACES,
    FREE_SEGMENTS,
    FWD_AT,
    ON_DISK,
    TCP,
)
from iotids.flowmeter.kernels.segments import bucket_of_packet


@kernel
def look_ahead(packets, i, n_packets, slots, keys, bodies, activity_us):
    """Fetch into the cache what packets soon to come will need: their slot, then their key and the flow's
    common part, then its direction.

    With many flows nearly every packet meets a flow outside the cache; waiting for memory would take most of
    the time.
    """
    mask = len(slots) - 1
    if i + 24 < n_packets:
        prefetch(slots, packets[i + 24]["hash"] & 0x7FFFFFFF & mask, 0)
    if i + 14 < n_packets:
        tag = packets[i + 14]["hash"] & 0x7FFFFFFF
        slot = slots[tag & mask]
        if slot >> 32 == tag and 0 < slot & 0xFFFFFFFF < ON_DISK:
            place = (slot & 0xFFFFFFFF) - 1
            prefetch(keys, place, 0)
            for line in range(3):
                prefetch(bodies, place, line * 64)
    if i + 7 < n_packets:
        packet = packets[i + 7]
        tag = packet["hash"] & 0x7FFFFFFF
        slot = slots[tag & mask]
        if slot >> 32 == tag and 0 < slot & 0xFFFFFFFF < ON_DISK:
            place = (slot & 0xFFFFFFFF) - 1
            key = keys[place]
            from_a = key["a_lo"] == packet["src_lo"] and key["a_port"] == packet["src_port"]
            direction = FWD_AT if from_a == (key["reversed"] == 0) else BWD_AT
            prefetch(bodies, place, direction)
            prefetch(bodies, place, direction + 64)
            if packet["payload"] > 0:
                prefetch(bodies, place, direction + 128)
            if packet["time_us"] - bodies[place]["end_active"] > activity_us:
                prefetch(bodies, place, ACTIVE_AT)
                prefetch(bodies, place, ACTIVE_AT + 64)


@kernel
def look_ahead_for_segments(packets, i, n_packets, buckets, segments, free_segments, counters):
    """As look_ahead, for the bucket of a TCP segment, then the newest segment in it, and where a new one will
    be written.
    """
    if i + 12 < n_packets and packets[i + 12]["protocol"] == TCP:
        prefetch(buckets, bucket_of_packet(packets[i + 12], buckets), 0)
    if i + 6 < n_packets and packets[i + 6]["protocol"] == TCP:
        newest = np.int64(buckets[bucket_of_packet(packets[i + 6], buckets)])
        if newest >= 0:
            prefetch(segments, newest, 0)
    if counters[FREE_SEGMENTS] > 6:
        prefetch(segments, np.int64(free_segments[counters[FREE_SEGMENTS] - 6]), 0)


@kernel
def fetch_free(keys, bodies, free_places, counters):
    """Fetch into the cache where the next new flow will be written."""
    if counters[FREE_PLACES] > 0:
        place = np.int64(free_places[counters[FREE_PLACES] - 1])
        prefetch(keys, place, 0)
        for line in range(FLOW_LINES):
            prefetch(bodies, place, line * 64)
