"""Remember the TCP segments that a connection has seen (corrected): a chained hash table over a pool."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.hashing import mix
from iotids.flowmeter.kernels.layout import FREE_SEGMENTS


@kernel
def segment_words(packet):
    """What a TCP segment of a connection is known by: sequence and acknowledgement number; payload, window
    and which end sent it.
    """
    side = 1 if packet["src_lo"] > packet["dst_lo"] else 0
    return (packet["seq"] << 32) | packet["ack"], (np.int64(packet["payload"]) << 32) | (
        np.int64(packet["window"]) << 1
    ) | side


@kernel
def bucket_of(seq_ack, size_side, tag, buckets):
    """Bucket of a segment; tag: of its connection's key."""
    return mix(seq_ack + size_side * np.int64(-7046029254386353131) + (np.int64(tag) << 20)) & (
        len(buckets) - 1
    )


@kernel
def bucket_of_packet(packet, buckets):
    """Bucket of a packet's TCP segment."""
    seq_ack, size_side = segment_words(packet)
    return bucket_of(seq_ack, size_side, packet["hash"] & 0x7FFFFFFF, buckets)


@kernel
def bucket_of_entry(entry, buckets):
    """Bucket of a remembered segment."""
    return bucket_of(entry["seq_ack"], entry["size_side"], entry["tag"], buckets)


@kernel
def enter_segment(at, connection, tag, seq_ack, size_side, flow, buckets, segments):
    """Write a segment to a free place and link it to its bucket and its flow."""
    entry = segments[at]
    entry["connection"] = connection
    entry["tag"] = tag
    entry["seq_ack"] = seq_ack
    entry["size_side"] = size_side
    bucket = bucket_of(seq_ack, size_side, tag, buckets)
    entry["chain"] = buckets[bucket]
    buckets[bucket] = at
    entry["sibling"] = flow["segments"]
    flow["segments"] = at


@kernel
def seen_before(packet, connection, flow, buckets, segments, free_segments, counters):
    """Whether the connection has seen this segment (sender, seq, ack, payload, window); else it is
    remembered.

    connection: place of the flow, the same for all parts of a connection. Chained hash table over a pool of
    SEGMENT.
    """
    seq_ack, size_side = segment_words(packet)
    tag = packet["hash"] & 0x7FFFFFFF
    at = buckets[bucket_of(seq_ack, size_side, tag, buckets)]
    while at >= 0:
        entry = segments[at]
        if (
            entry["seq_ack"] == seq_ack
            and entry["size_side"] == size_side
            and entry["connection"] == connection
        ):
            return True
        at = entry["chain"]
    counters[FREE_SEGMENTS] -= 1
    enter_segment(
        free_segments[counters[FREE_SEGMENTS]], connection, tag, seq_ack, size_side, flow, buckets, segments
    )
    return False


@kernel
def forget_segments(flow, buckets, segments, free_segments, counters):
    """Give back the segments of a connection that is over."""
    at = flow["segments"]
    while at >= 0:
        entry = segments[at]
        bucket = bucket_of_entry(entry, buckets)
        before = buckets[bucket]
        if before == at:
            buckets[bucket] = entry["chain"]
        else:
            while segments[before]["chain"] != at:
                before = segments[before]["chain"]
            segments[before]["chain"] = entry["chain"]
        free_segments[counters[FREE_SEGMENTS]] = at
        counters[FREE_SEGMENTS] += 1
        at = entry["sibling"]
    flow["segments"] = -1


@entry
def count_segments(bodies, places, heads, buckets, segments):
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
            prefetch(segments, np.int64(at), 0)
            heads[open_lists] = at
            open_lists += 1
    n = 0
    while open_lists > 0:
        left = 0
        for i in range(open_lists):
            entry = segments[heads[i]]
            n += 1
            prefetch(buckets, bucket_of_entry(entry, buckets), 0)
            if entry["sibling"] >= 0:
                prefetch(segments, np.int64(entry["sibling"]), 0)
                heads[left] = entry["sibling"]
                left += 1
        open_lists = left
    return n


@entry
def unload_segments(bodies, places, pairs, first_pair, buckets, segments, free_segments, counters):
    """Copy and forget the segments of some flows. pairs : (n, 2) int64 — written; first_pair: where they will
    stand on disk.
    """
    n = 0
    for i in range(len(places)):
        flow = bodies[places[i]]
        flow["segments_at"] = first_pair + n
        at = flow["segments"]
        while at >= 0:
            pairs[n, 0] = segments[at]["seq_ack"]
            pairs[n, 1] = segments[at]["size_side"]
            n += 1
            at = segments[at]["sibling"]
        flow["segments_n"] = first_pair + n - flow["segments_at"]
        forget_segments(flow, buckets, segments, free_segments, counters)


@entry
def rehash_segments(buckets, segments, in_use):
    """Enter the remembered segments into a new, empty bucket array."""
    for at in range(len(in_use)):
        if in_use[at]:
            entry = segments[at]
            bucket = bucket_of_entry(entry, buckets)
            entry["chain"] = buckets[bucket]
            buckets[bucket] = at
