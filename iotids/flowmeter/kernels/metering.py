"""Book packets to flows: which flow a packet belongs to, and whether it ends it, under each profile."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.accumulating import book_packet, now_us, update_activity
from iotids.flowmeter.kernels.booking import (
    enter_key,
    hand_out,
    is_forward,
    release_flow,
    renew_flow,
    talks_to_itself,
)
from iotids.flowmeter.kernels.compiling import entry, inlined
from iotids.flowmeter.kernels.connections import (
    carries_nothing,
    follow_numbers,
    is_segment,
    numbers_of,
    opens_connection,
    restore_numbers,
)
from iotids.flowmeter.kernels.disk import take_up
from iotids.flowmeter.kernels.finding import find_slot
from iotids.flowmeter.kernels.layout import (
    ACK,
    CLEAN,
    CORRECTED,
    FIN,
    FIN_BOTH,
    FIN_ONE,
    FINISHED,
    FREE_PLACES,
    FREE_SEGMENTS,
    ICMP,
    ICMPV6,
    LIVE,
    METER_DONE,
    METER_OUTPUT_FULL,
    METER_PLACES_FULL,
    METER_SEGMENTS_FULL,
    METER_SLOTS_FULL,
    METER_UNREADABLE,
    METERED,
    ON_DISK,
    OPEN,
    ORIGINAL,
    PAPER,
    PEAK,
    READY,
    REASON,
    REPEATED_FIN,
    RST,
    SYN,
    TCP,
    UDP,
    WANTED_SEGMENTS,
)
from iotids.flowmeter.kernels.prefetching import fetch_free, look_ahead, look_ahead_for_segments
from iotids.flowmeter.kernels.segments import forget_segments, seen_before


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
def goes_on(flow, key, packet, forward, rules):
    """Whether the flow that begins where another was over continues that one's connection (corrected, clean)."""
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


@inlined
def count_repetition(flow, key, place, packet, forward, rules, buckets, segments, free_segments, counters):
    """Count a TCP segment that was seen before (corrected) or carries nothing new (clean)."""
    if rules.logic == CORRECTED:
        if seen_before(packet, place, flow, buckets, segments, free_segments, counters):
            direction = flow["fwd"] if forward else flow["bwd"]
            direction["again"] += 1
    elif rules.logic == CLEAN and is_segment(packet):
        follow_numbers(flow, key, packet, forward)


@entry
def meter_packets(
    packets,
    first,
    n_packets,
    number,
    rules,
    slots,
    keys,
    bodies,
    due,
    blank,
    free_places,
    counters,
    finished,
    finished_keys,
    buckets,
    segments,
    free_segments,
    disk,
    counts,
    booked,
):
    """Book packets to flows, from index `first` on; returns the index of the first packet not booked.

    number : int — number of packets[0] within the capture, from 1.
    due : (places,) int64 — not later than each flow's latest packet (clean) or as its start (others), NEVER for
        a free place.
    counters[REASON] says why it came back: METER_DONE, or what the caller must make room for before calling
    again.
    counts : (N_STATUS,) int64 — packets that the profile drops are moved from METERED to their reason.
    booked : (n_packets,) int64 — written: number of the flow that each packet went to, -1 for none.
    """
    logic = rules.logic
    as_fork = logic >= CORRECTED
    counters[REASON] = METER_DONE
    for i in range(first, n_packets):
        look_ahead(packets, i, n_packets, slots, keys, bodies, rules.activity_us)
        if logic == CORRECTED:
            look_ahead_for_segments(packets, i, n_packets, buckets, segments, free_segments, counters)
        packet = packets[i]
        if packet["status"] != METERED:
            booked[i] = -1
            continue
        if counters[FREE_PLACES] == 0:
            counters[REASON] = METER_PLACES_FULL
            return i
        if counters[FINISHED] == len(finished):
            counters[REASON] = METER_OUTPUT_FULL
            return i
        if logic == CORRECTED and counters[FREE_SEGMENTS] == 0:
            counters[REASON] = METER_SEGMENTS_FULL
            counters[WANTED_SEGMENTS] = 1
            return i
        slot, pointer, same_direction = find_slot(slots, keys, packet, disk)
        if pointer < 0:
            counters[REASON] = METER_UNREADABLE
            return i
        if pointer >= ON_DISK:
            reason = take_up(
                slot,
                slots,
                keys,
                bodies,
                due,
                free_places,
                logic == CORRECTED,
                buckets,
                segments,
                free_segments,
                disk,
                counters,
            )
            if reason != METER_DONE:
                counters[REASON] = reason
                return i
            pointer = slots[slot] & 0xFFFFFFFF
        if pointer == 0:
            if 2 * counters[LIVE] >= len(slots):
                counters[REASON] = METER_SLOTS_FULL
                return i
            counters[FREE_PLACES] -= 1
            place = np.int64(free_places[counters[FREE_PLACES]])
            slots[slot] = ((packet["hash"] & 0x7FFFFFFF) << 32) | (place + 1)
            key = keys[place]
            flow = bodies[place]
            answer = is_answer(packet, rules)
            enter_key(key, packet, answer)
            counters[LIVE] += 1
            counters[PEAK] = max(counters[PEAK], counters[LIVE])
            same_direction = not answer
            forward = not answer or talks_to_itself(key, logic)
            renew_flow(
                place, keys, bodies, due, packet, forward, forward, 0, rules, number + i, blank, counters
            )
            fetch_free(keys, bodies, free_places, counters)
        else:
            place = pointer - 1
            key = keys[place]
            flow = bodies[place]
            forward = is_forward(key, same_direction, logic)
            over = is_over(flow, key, packet, forward, rules)
            continued = over and as_fork and goes_on(flow, key, packet, forward, rules)
            if logic == CLEAN and over == continued and carries_nothing(flow, key, packet, forward):
                packet["payload"] = 0
            if over:
                hand_out(flow, key, logic, finished, finished_keys, counters)
                is_reversed = key["reversed"]
                if not as_fork:
                    renew_flow(
                        place,
                        keys,
                        bodies,
                        due,
                        packet,
                        True,
                        forward,
                        is_reversed,
                        rules,
                        number + i,
                        blank,
                        counters,
                    )
                elif continued:
                    known = flow["segments"]
                    before = flow["connection_us"] + now_us(flow, packet, logic) - flow["start"]
                    numbers = numbers_of(flow, key)
                    renew_flow(
                        place,
                        keys,
                        bodies,
                        due,
                        packet,
                        forward,
                        forward,
                        is_reversed,
                        rules,
                        number + i,
                        blank,
                        counters,
                    )
                    flow["segments"] = known
                    flow["connection_us"] = before
                    restore_numbers(flow, key, numbers)
                else:
                    if logic == CORRECTED:
                        forget_segments(flow, buckets, segments, free_segments, counters)
                    answer = is_answer(packet, rules)
                    is_reversed = 0 if same_direction != answer else 1
                    forward = not answer or talks_to_itself(key, logic)
                    renew_flow(
                        place,
                        keys,
                        bodies,
                        due,
                        packet,
                        forward,
                        forward,
                        is_reversed,
                        rules,
                        number + i,
                        blank,
                        counters,
                    )
            elif is_repeated_fin(flow, packet, forward, rules):
                counts[METERED] -= 1
                counts[REPEATED_FIN] += 1
                booked[i] = -1
                continue
            else:
                last = is_last(packet, forward, rules)
                if not last:
                    update_activity(flow, now_us(flow, packet, logic), rules.activity_us)
                book_packet(flow, packet, forward, rules, number + i)
                if last:
                    booked[i] = flow["number"]
                    hand_out(flow, key, logic, finished, finished_keys, counters)
                    release_flow(slots, slot, place, due, free_places, counters)
                    continue
                if as_fork:
                    follow_closing(flow, key, packet["flags"])
        booked[i] = flow["number"]
        if packet["protocol"] == TCP:
            count_repetition(
                flow, key, place, packet, forward, rules, buckets, segments, free_segments, counters
            )
    return n_packets
