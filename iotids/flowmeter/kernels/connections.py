"""TCP connections of the clean profile: which SYN opens a new one, and which segments carry nothing new."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import inlined, kernel
from iotids.flowmeter.kernels.layout import (
    ACK,
    BWD_SHIFT,
    FIN,
    HAS_ACK,
    HAS_ISN,
    HAS_NEXT,
    HAS_TALKED,
    READY,
    RST,
    SEQ_MASK,
    SYN,
    TCP,
    WINDOW_SHUT,
)


@inlined
def is_at_or_behind(number, other):
    """Whether a sequence number lies at or behind another, modulo 2**32."""
    return ((other - number) & SEQ_MASK) < 0x80000000


@inlined
def is_segment(packet):
    """Whether a packet has a TCP header; a later fragment has none."""
    return packet["protocol"] == TCP and packet["header"] > 0


@kernel
def opens_connection(flow, key, packet, forward):
    """Whether a SYN opens another connection between the endpoints of a flow.

    It does when its initial sequence number is new. A repeated SYN or SYN-ACK does not, unless its sender
    had gone past the handshake and the connection was closed; nor does the answer to the other end's SYN,
    be it SYN-ACK (with another number, too, before the connection stands) or, in a simultaneous open, SYN.
    """
    own = flow["fwd"] if forward else flow["bwd"]
    other = flow["bwd"] if forward else flow["fwd"]
    of_own = key["known"] >> (0 if forward else BWD_SHIFT)
    of_other = key["known"] >> (BWD_SHIFT if forward else 0)
    is_closed = key["state"] == READY
    answers = (
        packet["flags"] & ACK != 0
        and of_other & HAS_ISN != 0
        and packet["ack"] == (np.int64(other["isn"]) + 1) & SEQ_MASK
    )
    if of_own & HAS_ISN:
        if packet["seq"] == own["isn"]:
            return is_closed and of_own & HAS_TALKED != 0
        return not answers or of_own & of_other & HAS_TALKED != 0
    return not answers and (is_closed or of_other & HAS_TALKED != 0)


@kernel
def is_probe(flow, key, packet, forward):
    """Whether a segment of one byte is a keep-alive or a probe of a shut window, which carry nothing.

    A keep-alive repeats the last byte sent, which the other end has acknowledged (without that it would be a
    retransmission; where the other end was not captured, it counts as keep-alive). A probe sends one byte
    more than the other end's window of 0 allows.
    """
    if packet["flags"] & (SYN | FIN | RST):
        return False
    own = flow["fwd"] if forward else flow["bwd"]
    other = flow["bwd"] if forward else flow["fwd"]
    of_own = key["known"] >> (0 if forward else BWD_SHIFT)
    of_other = key["known"] >> (BWD_SHIFT if forward else 0)
    if not of_own & HAS_NEXT:
        return False
    next_seq = np.int64(own["next_seq"])
    if packet["seq"] == next_seq:
        return of_other & WINDOW_SHUT != 0
    if packet["seq"] != (next_seq - 1) & SEQ_MASK:
        return False
    return not of_other & HAS_ACK or is_at_or_behind(next_seq, np.int64(other["ack"]))


@inlined
def carries_nothing(flow, key, packet, forward):
    """Whether the payload of a segment is none: that of a keep-alive or a probe."""
    return packet["payload"] == 1 and is_segment(packet) and is_probe(flow, key, packet, forward)


@inlined
def follow_numbers(flow, key, packet, forward):
    """Keep the numbers that later segments are compared with; count a segment that carries nothing new."""
    direction = flow["fwd"] if forward else flow["bwd"]
    shift = 0 if forward else BWD_SHIFT
    before = np.int64(key["known"])
    known = before >> shift & 0xFF
    flags = packet["flags"]
    if flags & (SYN | RST) == SYN:
        if not known & HAS_ISN or direction["isn"] != packet["seq"]:
            direction["isn"] = packet["seq"]
            known = (known | HAS_ISN) & ~HAS_NEXT
    elif not flags & RST and not known & HAS_TALKED:
        if not known & HAS_ISN:
            direction["isn"] = (packet["seq"] - 1) & SEQ_MASK
        known |= HAS_ISN | HAS_TALKED
    size = np.int64(packet["payload"]) + (1 if flags & (FIN | SYN) else 0)
    if size > 0:
        behind = (packet["seq"] + size) & SEQ_MASK
        if known & HAS_NEXT and is_at_or_behind(behind, np.int64(direction["next_seq"])):
            direction["again"] += 1
        else:
            direction["next_seq"] = behind
            known |= HAS_NEXT
    if flags & ACK:
        direction["ack"] = packet["ack"]
        known |= HAS_ACK
    if not flags & RST:
        known = known | WINDOW_SHUT if packet["window"] == 0 else known & ~WINDOW_SHUT
    after = (before & ~(0xFF << shift)) | (known << shift)
    if after != before:  # else the key's cache line stays clean
        key["known"] = after


@kernel
def numbers_of(flow, key):
    """What a connection has known so far, for the flow that continues it."""
    fwd = flow["fwd"]
    bwd = flow["bwd"]
    return (
        key["known"],
        fwd["isn"],
        bwd["isn"],
        fwd["next_seq"],
        bwd["next_seq"],
        fwd["ack"],
        bwd["ack"],
    )


@kernel
def restore_numbers(flow, key, numbers):
    """Give the flow that continues a connection what was known so far."""
    fwd = flow["fwd"]
    bwd = flow["bwd"]
    key["known"], fwd["isn"], bwd["isn"], fwd["next_seq"], bwd["next_seq"], fwd["ack"], bwd["ack"] = numbers
