"""Prefetch into the cache what the next packets will need.

With many flows nearly every packet meets a flow outside the cache; waiting for memory would take most of the
time.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import inlined, kernel
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
def prefetch_flows(packets, i, n_packets, table, activity_us):
    """Prefetch what the packets after the i-th need: their slot, then their key and the flow's common part,
    then its direction.
    """
    mask = len(table.slots) - 1
    if i + 24 < n_packets:
        prefetch(table.slots, packets[i + 24]["hash"] & 0x7FFFFFFF & mask, 0)
    if i + 14 < n_packets:
        tag = packets[i + 14]["hash"] & 0x7FFFFFFF
        slot = table.slots[tag & mask]
        if slot >> 32 == tag and 0 < slot & 0xFFFFFFFF < ON_DISK:
            place = (slot & 0xFFFFFFFF) - 1
            prefetch(table.keys, place, 0)
            for line in range(3):
                prefetch(table.bodies, place, line * 64)
    if i + 7 < n_packets:
        packet = packets[i + 7]
        tag = packet["hash"] & 0x7FFFFFFF
        slot = table.slots[tag & mask]
        if slot >> 32 == tag and 0 < slot & 0xFFFFFFFF < ON_DISK:
            place = (slot & 0xFFFFFFFF) - 1
            key = table.keys[place]
            from_a = key["a_lo"] == packet["src_lo"] and key["a_port"] == packet["src_port"]
            direction = FWD_AT if from_a == (key["reversed"] == 0) else BWD_AT
            prefetch(table.bodies, place, direction)
            prefetch(table.bodies, place, direction + 64)
            if packet["payload"] > 0:
                prefetch(table.bodies, place, direction + 128)
            if packet["time_us"] - table.bodies[place]["end_active"] > activity_us:
                prefetch(table.bodies, place, ACTIVE_AT)
                prefetch(table.bodies, place, ACTIVE_AT + 64)


@inlined
def prefetch_segments(packets, i, n_packets, segments):
    """As prefetch_flows, for the bucket of a TCP segment, then the newest segment in it, and where a new one
    will be written.
    """
    if i + 12 < n_packets and packets[i + 12]["protocol"] == TCP:
        prefetch(segments.buckets, bucket_of_packet(packets[i + 12], segments), 0)
    if i + 6 < n_packets and packets[i + 6]["protocol"] == TCP:
        newest = np.int64(segments.buckets[bucket_of_packet(packets[i + 6], segments)])
        if newest >= 0:
            prefetch(segments.pool, newest, 0)
    if segments.counters[FREE_SEGMENTS] > 6:
        prefetch(segments.pool, np.int64(segments.free[segments.counters[FREE_SEGMENTS] - 6]), 0)


@kernel
def prefetch_free_place(table):
    """Prefetch where the next new flow will be written."""
    if table.counters[FREE_PLACES] > 0:
        place = np.int64(table.free[table.counters[FREE_PLACES] - 1])
        prefetch(table.keys, place, 0)
        for line in range(FLOW_LINES):
            prefetch(table.bodies, place, line * 64)
