"""Book packets to flows: which flow a packet belongs to, and whether it ends it, under each profile."""

from __future__ import annotations

import numpy as np

from stages.flowmeter.kernels.accumulating import book_packet, update_activity
from stages.flowmeter.kernels.booking import enter_key, hand_out, is_forward, release_flow, renew_flow, talks_to_itself
from stages.flowmeter.kernels.compiling import entry
from stages.flowmeter.kernels.directions import book_clean_retransmission
from stages.flowmeter.kernels.disk import take_up
from stages.flowmeter.kernels.finding import find_slot
from stages.flowmeter.kernels.layout import (
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
from stages.flowmeter.kernels.prefetching import fetch_free, look_ahead, look_ahead_for_segments
from stages.flowmeter.kernels.segments import forget_segments, seen_before


@entry
def meter_packets(
    packets, first, n_packets, number, rules, slots, keys, bodies, due, blank, free_places, counters, finished, finished_keys,
    buckets, segments, free_segments, disk, counts, booked,
):
    """Book packets to flows, from index `first` on; returns the index of the first packet not booked.

    number : int — number of packets[0] within the capture, from 1.
    due : (places,) int64 — not later than each flow's last packet (clean) or as its start (others), NEVER for a free place.
    counters[REASON] says why it came back: METER_DONE, or what the caller must make room for before calling again.
    counts : (N_STATUS,) int64 — packets that the profile drops are moved from METERED to their reason.
    booked : (n_packets,) int64 — written: number of the flow that each packet went to, -1 for none.

    One long function on purpose: cut into one for new flows and one for each logic it took a quarter longer, even when inlined.
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
                slot, slots, keys, bodies, due, free_places, logic == CORRECTED, buckets, segments, free_segments, disk, counters
            )
            if reason != METER_DONE:
                counters[REASON] = reason
                return i
            pointer = slots[slot] & 0xFFFFFFFF
        time_us = packet["time_us"]
        flags = packet["flags"]
        protocol = packet["protocol"]
        if pointer == 0:
            if 2 * counters[LIVE] >= len(slots):
                counters[REASON] = METER_SLOTS_FULL
                return i
            counters[FREE_PLACES] -= 1
            place = np.int64(free_places[counters[FREE_PLACES]])
            slots[slot] = ((packet["hash"] & 0x7FFFFFFF) << 32) | (place + 1)
            key = keys[place]
            flow = bodies[place]
            answer = as_fork and flags & SYN != 0 and flags & ACK != 0  # the request was not captured
            enter_key(key, packet, answer)
            counters[LIVE] += 1
            counters[PEAK] = max(counters[PEAK], counters[LIVE])
            same_direction = not answer
            forward = not answer or talks_to_itself(key, logic)
            renew_flow(place, keys, bodies, due, packet, forward, forward, 0, rules, number + i, blank, counters)
            fetch_free(keys, bodies, free_places, counters)
        else:
            place = pointer - 1
            key = keys[place]
            flow = bodies[place]
            if logic == CLEAN and time_us < flow["last"]:
                due[place] = min(due[place], time_us)
            forward = is_forward(key, same_direction, logic)
            late = time_us - flow["start"] > rules.flow_us
            if as_fork:
                reused = key["state"] == READY and flags & SYN != 0
                silent = rules.idle_us > 0 and time_us - flow["last"] > rules.idle_us
                other_icmp = (
                    protocol in (ICMP, ICMPV6)
                    and packet["icmp_type"] != flow["icmp_type"]
                    and packet["icmp_code"] != flow["icmp_code"]
                )
                if late or reused or silent or other_icmp:
                    hand_out(flow, key, logic, finished, finished_keys, counters)
                    fresh = reused or silent or (protocol == UDP and time_us - flow["last"] > rules.flow_us) or (protocol != TCP and protocol != UDP)
                    if fresh:
                        if logic == CORRECTED:
                            forget_segments(flow, buckets, segments, free_segments, counters)
                        answer = flags & SYN != 0 and flags & ACK != 0
                        initiator_is_a = same_direction != answer
                        forward = not answer or talks_to_itself(key, logic)
                        renew_flow(
                            place, keys, bodies, due, packet, forward, forward, 0 if initiator_is_a else 1, rules, number + i, blank, counters
                        )
                    else:
                        known = flow["segments"]
                        before = flow["connection_us"] + time_us - flow["start"]
                        fwd_next = flow["fwd"]["next_seq"]
                        bwd_next = flow["bwd"]["next_seq"]
                        renew_flow(place, keys, bodies, due, packet, forward, forward, key["reversed"], rules, number + i, blank, counters)
                        flow["segments"] = known
                        flow["connection_us"] = before
                        flow["fwd"]["next_seq"] = fwd_next
                        flow["bwd"]["next_seq"] = bwd_next
                else:
                    update_activity(flow, time_us, rules.activity_us)
                    book_packet(flow, packet, forward, rules, number + i)
                    if flags & FIN:
                        if key["state"] == OPEN:
                            key["state"] = FIN_ONE
                        elif key["state"] == FIN_ONE and flow["fwd"]["fin"] > 0 and flow["bwd"]["fin"] > 0:
                            key["state"] = FIN_BOTH
                    elif flags & RST or (flags & ACK and key["state"] == FIN_BOTH):
                        key["state"] = READY
            elif late:
                hand_out(flow, key, logic, finished, finished_keys, counters)
                renew_flow(place, keys, bodies, due, packet, True, forward, key["reversed"], rules, number + i, blank, counters)
            elif logic == ORIGINAL and flags & FIN and forward:
                flow["fwd"]["fin"] += 1
                if flow["fwd"]["fin"] > 1:
                    counts[METERED] -= 1
                    counts[REPEATED_FIN] += 1
                    booked[i] = -1
                    continue
                update_activity(flow, time_us, rules.activity_us)
                book_packet(flow, packet, forward, rules, number + i)
            elif flags & FIN or (logic == ORIGINAL and flags & RST):
                book_packet(flow, packet, forward, rules, number + i)
                booked[i] = flow["number"]
                hand_out(flow, key, logic, finished, finished_keys, counters)
                release_flow(slots, slot, place, due, free_places, counters)
                continue
            else:
                update_activity(flow, time_us, rules.activity_us)
                book_packet(flow, packet, forward, rules, number + i)
        booked[i] = flow["number"]
        if protocol == TCP:
            if logic == CORRECTED:
                if seen_before(packet, place, flow, buckets, segments, free_segments, counters):
                    if forward:
                        flow["fwd"]["again"] += 1
                    else:
                        flow["bwd"]["again"] += 1
            elif logic == CLEAN:
                book_clean_retransmission(flow["fwd"] if forward else flow["bwd"], packet)
    return n_packets
