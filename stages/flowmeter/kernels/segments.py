"""Remember the TCP segments that a connection has seen (corrected): a chained hash table over a pool."""

from __future__ import annotations

import numpy as np

from stages.flowmeter.kernels.compiling import entry, kernel
from stages.flowmeter.kernels.finding import mix
from stages.flowmeter.kernels.layout import FREE_SEGMENTS


@kernel
def segment_words(packet, side):
    """What a TCP segment is known by: sequence and acknowledgement number; payload, window and sender."""
    return (packet["seq"] << 32) | packet["ack"], (np.int64(packet["payload"]) << 32) | (np.int64(packet["window"]) << 1) | side


@kernel
def bucket_of(seq_ack, size_side, connection, buckets):
    """Bucket of a segment."""
    return mix(seq_ack + mix(size_side + (np.int64(connection) << 20))) & (len(buckets) - 1)


@kernel
def enter_segment(at, connection, seq_ack, size_side, flow, buckets, segments):
    """Write a segment to a free place and link it to its bucket and its flow."""
    entry = segments[at]
    entry["connection"] = connection
    entry["seq_ack"] = seq_ack
    entry["size_side"] = size_side
    bucket = bucket_of(seq_ack, size_side, connection, buckets)
    entry["chain"] = buckets[bucket]
    buckets[bucket] = at
    entry["sibling"] = flow["segments"]
    flow["segments"] = at


@kernel
def seen_before(packet, side, connection, flow, buckets, segments, free_segments, counters):
    """Whether the connection has seen this segment (sender, seq, ack, payload, window); else it is remembered.

    connection: index of the flow's key, the same for all parts of a connection. Chained hash table over a pool of SEGMENT.
    """
    seq_ack, size_side = segment_words(packet, side)
    at = buckets[bucket_of(seq_ack, size_side, connection, buckets)]
    while at >= 0:
        entry = segments[at]
        if entry["seq_ack"] == seq_ack and entry["size_side"] == size_side and entry["connection"] == connection:
            return True
        at = entry["chain"]
    counters[FREE_SEGMENTS] -= 1
    enter_segment(free_segments[counters[FREE_SEGMENTS]], connection, seq_ack, size_side, flow, buckets, segments)
    return False


@kernel
def forget_segments(flow, buckets, segments, free_segments, counters):
    """Give back the segments of a connection that is over."""
    at = flow["segments"]
    while at >= 0:
        entry = segments[at]
        bucket = bucket_of(entry["seq_ack"], entry["size_side"], entry["connection"], buckets)
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
def count_segments(bodies, places, segments):
    """How many TCP segments some flows have seen."""
    n = 0
    for i in range(len(places)):
        at = bodies[places[i]]["segments"]
        while at >= 0:
            n += 1
            at = segments[at]["sibling"]
    return n


@entry
def unload_segments(bodies, places, pairs, first_pair, buckets, segments, free_segments, counters):
    """Copy and forget the segments of some flows. pairs : (n, 2) int64 — written; first_pair: where they will stand on disk."""
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
def reload_segments(flow, connection, pairs, buckets, segments, free_segments, counters):
    """Remember segments again; the pool must have room for them."""
    flow["segments"] = -1
    for i in range(len(pairs) - 1, -1, -1):
        counters[FREE_SEGMENTS] -= 1
        enter_segment(free_segments[counters[FREE_SEGMENTS]], connection, pairs[i, 0], pairs[i, 1], flow, buckets, segments)


@entry
def rehash_segments(buckets, segments, in_use):
    """Enter the remembered segments into a new, empty bucket array."""
    for at in range(len(in_use)):
        if in_use[at]:
            entry = segments[at]
            bucket = bucket_of(entry["seq_ack"], entry["size_side"], entry["connection"], buckets)
            entry["chain"] = buckets[bucket]
            buckets[bucket] = at
