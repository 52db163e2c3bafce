"""When a flow is over: timeouts, silence, new connections, and the ways in which each profile sees TCP close."""

from __future__ import annotations

from iotids.flowmeter.kernels.compiling import inlined
from iotids.flowmeter.kernels.connections import opens_connection
from iotids.flowmeter.kernels.layout import (
    ACK,
    CLEAN,
    CORRECTED,
    FIN,
    FIN_BOTH,
    FIN_ONE,
    ICMP,
    ICMPV6,
    OPEN,
    ORIGINAL,
    PAPER,
    READY,
    RST,
    SYN,
    TCP,
    UDP,
)


@inlined
def is_late(flow, packet, rules):
    """Whether a flow has lasted longer than its timeout when a packet comes; in clean also if the packet is
    from before.
    """
    return packet["time_us"] - flow["start"] > rules.flow_us or (
        rules.logic == CLEAN and flow["last"] - packet["time_us"] > rules.flow_us
    )


@inlined
def is_silent(flow, packet, rules):
    """Whether the silence between a flow and a packet, after or before it, is too long (clean)."""
    return rules.idle_us > 0 and (
        packet["time_us"] - flow["last"] > rules.idle_us or flow["start"] - packet["time_us"] > rules.idle_us
    )


@inlined
def is_reused(flow, key, packet, forward, rules):
    """Whether a packet opens a new connection between the same endpoints: after the last was closed (corrected),
    or by its sequence number (clean).
    """
    if rules.logic == CLEAN:
        return packet["flags"] & (SYN | RST) == SYN and opens_connection(flow, key, packet, forward)
    return key["state"] == READY and packet["flags"] & SYN != 0


@inlined
def is_other_icmp(flow, packet):
    """Whether an ICMP packet is of another kind than the flow's first (corrected, clean)."""
    is_icmp = packet["protocol"] == ICMP or packet["protocol"] == ICMPV6
    return is_icmp and packet["icmp_type"] != flow["icmp_type"] and packet["icmp_code"] != flow["icmp_code"]


@inlined
def is_over(flow, key, packet, forward, rules):
    """Whether a flow is over before a packet of the same endpoints."""
    if rules.logic < CORRECTED:
        return is_late(flow, packet, rules)
    return (
        is_late(flow, packet, rules)
        or is_reused(flow, key, packet, forward, rules)
        or is_silent(flow, packet, rules)
        or is_other_icmp(flow, packet)
    )


@inlined
def is_continued(flow, key, packet, forward, rules):
    """Whether the flow that begins where another is over continues its connection (corrected, clean)."""
    if rules.logic < CORRECTED:
        return False
    if is_reused(flow, key, packet, forward, rules) or is_silent(flow, packet, rules):
        return False
    if packet["protocol"] == UDP:
        return packet["time_us"] - flow["last"] <= rules.flow_us
    return packet["protocol"] == TCP


@inlined
def is_answer(packet, rules):
    """Whether a first packet answers a request that was not captured, so that its receiver is the initiator
    (corrected, clean).
    """
    return rules.logic >= CORRECTED and packet["flags"] & SYN != 0 and packet["flags"] & ACK != 0


@inlined
def is_repeated_fin(flow, packet, forward, rules):
    """Count a FIN of the initiator beforehand; whether it is a further one, which the original drops."""
    if rules.logic != ORIGINAL or packet["flags"] & FIN == 0 or not forward:
        return False
    flow["fwd"]["fin"] += 1
    return flow["fwd"]["fin"] > 1


@inlined
def is_last(packet, forward, rules):
    """Whether a packet ends its flow at once: any FIN in the paper's version, the responder's FIN or an RST
    in the original.
    """
    if rules.logic == PAPER:
        return packet["flags"] & FIN != 0
    if rules.logic == ORIGINAL:
        return (packet["flags"] & FIN != 0 and not forward) or packet["flags"] & (FIN | RST) == RST
    return False


@inlined
def follow_closing(flow, key, flags):
    """Follow how a connection is closed (corrected, clean)."""
    if flags & FIN:
        if key["state"] == OPEN:
            key["state"] = FIN_ONE
        elif key["state"] == FIN_ONE and flow["fwd"]["fin"] > 0 and flow["bwd"]["fin"] > 0:
            key["state"] = FIN_BOTH
    elif flags & RST or (flags & ACK and key["state"] == FIN_BOTH):
        key["state"] = READY
