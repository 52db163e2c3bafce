"""Remember the TCP segments that a connection has seen (corrected): a chained hash table over a pool."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, inlined, kernel
from iotids.flowmeter.kernels.hashing import segment_hash
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
def bucket_of(seq_ack, size_side, tag, segments):
    """Bucket of a segment; tag: of its connection's key."""
    return segment_hash(seq_ack, size_side, tag, segments.secret) & (len(segments.buckets) - 1)


@kernel
def bucket_of_packet(packet, segments):
    """Bucket of a packet's TCP segment."""
    seq_ack, size_side = segment_words(packet)
    return bucket_of(seq_ack, size_side, packet["hash"] & 0x7FFFFFFF, segments)


@kernel
def bucket_of_entry(entry, segments):
    """Bucket of a remembered segment."""
    return bucket_of(entry["seq_ack"], entry["size_side"], entry["tag"], segments)


@inlined
def remember_segment(connection, tag, seq_ack, size_side, flow, segments):
    """Write a segment to a free place and link it to its bucket and its flow."""
    segments.counters[FREE_SEGMENTS] -= 1
    at = segments.free[segments.counters[FREE_SEGMENTS]]
    entry = segments.pool[at]
    entry["connection"] = connection
    entry["tag"] = tag
    entry["seq_ack"] = seq_ack
    entry["size_side"] = size_side
    bucket = bucket_of(seq_ack, size_side, tag, segments)
    entry["chain"] = segments.buckets[bucket]
    segments.buckets[bucket] = at
    entry["sibling"] = flow["segments"]
    flow["segments"] = at


@inlined
def seen_before(packet, connection, flow, segments):
    """Whether the connection has seen this segment (sender, seq, ack, payload, window); else it is
    remembered.

    connection: place of the flow, the same for all parts of a connection.
    """
    seq_ack, size_side = segment_words(packet)
    tag = packet["hash"] & 0x7FFFFFFF
    at = segments.buckets[bucket_of(seq_ack, size_side, tag, segments)]
    while at >= 0:
        entry = segments.pool[at]
        if (
            entry["seq_ack"] == seq_ack
            and entry["size_side"] == size_side
            and entry["connection"] == connection
        ):
            return True
        at = entry["chain"]
    remember_segment(connection, tag, seq_ack, size_side, flow, segments)
    return False


@kernel
def forget_segments(flow, segments):
    """Give back the segments of a connection that is over."""
    at = flow["segments"]
    while at >= 0:
        entry = segments.pool[at]
        bucket = bucket_of_entry(entry, segments)
        before = segments.buckets[bucket]
        if before == at:
            segments.buckets[bucket] = entry["chain"]
        else:
            while segments.pool[before]["chain"] != at:
                before = segments.pool[before]["chain"]
            segments.pool[before]["chain"] = entry["chain"]
        segments.free[segments.counters[FREE_SEGMENTS]] = at
        segments.counters[FREE_SEGMENTS] += 1
        at = entry["sibling"]
    flow["segments"] = -1


@entry
def rehash_segments(segments, in_use):
    """Enter the remembered segments into the new, empty buckets. in_use : (pool,) bool."""
    for at in range(len(in_use)):
        if in_use[at]:
            entry = segments.pool[at]
            bucket = bucket_of_entry(entry, segments)
            entry["chain"] = segments.buckets[bucket]
            segments.buckets[bucket] = at
