"""Book packets to flows: which flow a packet belongs to, and what it does to it, under each profile."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.accumulating import book_packet, now_us, update_activity
from iotids.flowmeter.kernels.booking import (
    begin_flow,
    emit_flow,
    enter_key,
    is_forward,
    release_flow,
    talks_to_itself,
)
from iotids.flowmeter.kernels.compiling import entry, inlined
from iotids.flowmeter.kernels.connections import (
    carries_nothing,
    follow_numbers,
    is_segment,
    numbers_of,
    restore_numbers,
)
from iotids.flowmeter.kernels.disk import restore_flow
from iotids.flowmeter.kernels.endings import (
    follow_closing,
    is_answer,
    is_continued,
    is_last,
    is_over,
    is_repeated_fin,
)
from iotids.flowmeter.kernels.finding import find_slot
from iotids.flowmeter.kernels.layout import (
    CLEAN,
    CORRECTED,
    FINISHED,
    FREE_PLACES,
    FREE_SEGMENTS,
    LIVE,
    METER_DONE,
    METER_OUTPUT_FULL,
    METER_PLACES_FULL,
    METER_SEGMENTS_FULL,
    METER_SLOTS_FULL,
    METER_UNREADABLE,
    METERED,
    ON_DISK,
    PEAK,
    REASON,
    REPEATED_FIN,
    TCP,
    WANTED_SEGMENTS,
)
from iotids.flowmeter.kernels.prefetching import prefetch_flows, prefetch_free_place, prefetch_segments
from iotids.flowmeter.kernels.segments import forget_segments, seen_before
from iotids.flowmeter.kernels.sequences import continue_sequence, sequence_at, wants_sequences


@inlined
def lacking_room(table, logic):
    """What a packet could run out of; METER_DONE when nothing."""
    if table.counters[FREE_PLACES] == 0:
        return METER_PLACES_FULL
    if table.counters[FINISHED] == len(table.over):
        return METER_OUTPUT_FULL
    if logic == CORRECTED and table.counters[FREE_SEGMENTS] == 0:
        table.counters[WANTED_SEGMENTS] = 1
        return METER_SEGMENTS_FULL
    return METER_DONE


@inlined
def enter_flow(slot, packet, number, rules, table):
    """Begin the flow of endpoints that have none; (place, whether the packet is forward)."""
    table.counters[FREE_PLACES] -= 1
    place = np.int64(table.free[table.counters[FREE_PLACES]])
    table.slots[slot] = ((packet["hash"] & 0x7FFFFFFF) << 32) | (place + 1)
    answer = is_answer(packet, rules)
    enter_key(table.keys[place], packet, answer)
    table.counters[LIVE] += 1
    table.counters[PEAK] = max(table.counters[PEAK], table.counters[LIVE])
    forward = not answer or talks_to_itself(table.keys[place], rules.logic)
    begin_flow(place, packet, forward, forward, 0, rules, number, table)
    prefetch_free_place(table)
    return place, forward


@inlined
def continue_connection(place, packet, forward, rules, number, table):
    """Begin the flow that continues the connection of the one that was over in this place (corrected, clean)."""
    flow = table.bodies[place]
    key = table.keys[place]
    known_segments = flow["segments"]
    before_us = flow["connection_us"] + now_us(flow, packet, rules.logic) - flow["start"]
    numbers = numbers_of(flow, key)
    begin_flow(place, packet, forward, forward, key["reversed"], rules, number, table)
    flow["segments"] = known_segments
    flow["connection_us"] = before_us
    restore_numbers(flow, key, numbers)


@inlined
def begin_anew(place, packet, same_direction, rules, number, table, segments):
    """Begin a flow of the same endpoints that has nothing to do with the one before (corrected, clean); whether
    the packet is forward.
    """
    if rules.logic == CORRECTED:
        forget_segments(table.bodies[place], segments)
    answer = is_answer(packet, rules)
    forward = not answer or talks_to_itself(table.keys[place], rules.logic)
    is_reversed = 0 if same_direction != answer else 1
    begin_flow(place, packet, forward, forward, is_reversed, rules, number, table)
    return forward


@inlined
def replace_flow(place, packet, forward, same_direction, continued, rules, number, table, segments):
    """Emit a flow that is over and begin the packet's in its place; whether the packet is forward."""
    emit_flow(table.bodies[place], table.keys[place], sequence_at(table, place), rules.logic, table)
    if rules.logic < CORRECTED:
        begin_flow(place, packet, True, forward, table.keys[place]["reversed"], rules, number, table)
    elif continued:
        continue_connection(place, packet, forward, rules, number, table)
    else:
        forward = begin_anew(place, packet, same_direction, rules, number, table, segments)
    return forward


@inlined
def count_repetition(flow, key, place, packet, forward, rules, segments):
    """Count a TCP segment that was seen before (corrected) or carries nothing new (clean)."""
    if rules.logic == CORRECTED:
        if seen_before(packet, place, flow, segments):
            direction = flow["fwd"] if forward else flow["bwd"]
            direction["again"] += 1
    elif rules.logic == CLEAN and is_segment(packet):
        follow_numbers(flow, key, packet, forward)


@entry
def meter_packets(packets, first, n_packets, number, rules, table, segments, disk, counts, booked):
    """Book packets to flows, from index `first` on; returns the index of the first packet not booked.

    number : int — number of packets[0] within the capture, from 1.
    table.due — not later than each flow's latest packet (clean) or as its start (others), NEVER for a free
        place.
    table.counters[REASON] says why it came back: METER_DONE, or what the caller must make room for before
        calling again.
    counts : (N_STATUS,) int64 — packets that the profile drops are moved from METERED to their reason.
    booked : (n_packets,) int64 — written: number of the flow that each packet went to, -1 for none.
    """
    logic = rules.logic
    counters = table.counters
    counters[REASON] = METER_DONE
    for i in range(first, n_packets):
        prefetch_flows(packets, i, n_packets, table, rules.activity_us)
        if logic == CORRECTED:
            prefetch_segments(packets, i, n_packets, segments)
        packet = packets[i]
        if packet["status"] != METERED:
            booked[i] = -1
            continue
        reason = lacking_room(table, logic)
        if reason != METER_DONE:
            counters[REASON] = reason
            return i
        slot, pointer, same_direction = find_slot(table, packet, disk)
        if pointer < 0:
            counters[REASON] = METER_UNREADABLE
            return i
        if pointer >= ON_DISK:
            reason = restore_flow(slot, table, logic == CORRECTED, segments, disk)
            if reason != METER_DONE:
                counters[REASON] = reason
                return i
            pointer = table.slots[slot] & 0xFFFFFFFF
        if pointer == 0:
            if 2 * counters[LIVE] >= len(table.slots):
                counters[REASON] = METER_SLOTS_FULL
                return i
            place, forward = enter_flow(slot, packet, number + i, rules, table)
            flow = table.bodies[place]
            key = table.keys[place]
        else:
            place = pointer - 1
            flow = table.bodies[place]
            key = table.keys[place]
            forward = is_forward(key, same_direction, logic)
            over = is_over(flow, key, packet, forward, rules)
            continued = over and is_continued(flow, key, packet, forward, rules)
            if logic == CLEAN and over == continued and carries_nothing(flow, key, packet, forward):
                packet["payload"] = 0
            if over:
                forward = replace_flow(
                    place, packet, forward, same_direction, continued, rules, number + i, table, segments
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
                if wants_sequences(table):
                    continue_sequence(table, place, packet, forward, logic)
                book_packet(flow, packet, forward, rules, number + i)
                if last:
                    booked[i] = flow["number"]
                    emit_flow(flow, key, sequence_at(table, place), logic, table)
                    release_flow(slot, place, table)
                    continue
                if logic >= CORRECTED:
                    follow_closing(flow, key, packet["flags"])
        booked[i] = flow["number"]
        if packet["protocol"] == TCP:
            count_repetition(flow, key, place, packet, forward, rules, segments)
    return n_packets
