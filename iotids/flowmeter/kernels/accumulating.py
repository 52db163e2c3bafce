"""Accumulators of a whole flow, and how a packet changes them."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import inlined, kernel
from iotids.flowmeter.kernels.directions import book_bulk, book_direction_flags, book_either, moved, widened
from iotids.flowmeter.kernels.layout import CLEAN, CORRECTED, PAPER, SECOND_US


@kernel
def note_idle_time(flow, time_us, idle):
    """End a flow's active time where it was last active, and count the idle time since then."""
    active = flow["end_active"] - flow["start_active"]
    if active > 0:
        flow["active_n"] += 1
        flow["active_mean"], flow["active_m2"] = moved(
            flow["active_mean"], flow["active_m2"], flow["active_n"], float(active)
        )
        flow["active_min"], flow["active_max"] = widened(
            flow["active_min"], flow["active_max"], flow["active_n"], active
        )
    flow["idle_n"] += 1
    flow["idle_mean"], flow["idle_m2"] = moved(
        flow["idle_mean"], flow["idle_m2"], flow["idle_n"], float(idle)
    )
    flow["idle_min"], flow["idle_max"] = widened(flow["idle_min"], flow["idle_max"], flow["idle_n"], idle)
    flow["start_active"] = time_us


@inlined
def update_activity(flow, time_us, activity_us):
    """Tell active from idle time at a packet's time."""
    idle = time_us - flow["end_active"]
    if idle > activity_us:
        note_idle_time(flow, time_us, idle)
    flow["end_active"] = time_us


@inlined
def update_subflows(flow, time_us, rules):
    """Count gaps of more than a second; the paper's version counts every packet and mixes up absolute and
    relative time.
    """
    last = flow["last"]
    if rules.logic == PAPER:
        if time_us - last / 1e6 > 1.0:
            flow["subflows"] += 1
            update_activity(flow, time_us - last, rules.activity_us)
    elif time_us - last > SECOND_US:
        flow["subflows"] += 1
        update_activity(flow, time_us, rules.activity_us)


@inlined
def count_flags(flow, flags):
    """Count TCP flags of either direction."""
    flow["fin"] += flags & 1
    flow["syn"] += (flags >> 1) & 1
    flow["rst"] += (flags >> 2) & 1
    flow["psh"] += (flags >> 3) & 1
    flow["ack"] += (flags >> 4) & 1
    flow["urg"] += (flags >> 5) & 1
    flow["ece"] += (flags >> 6) & 1
    flow["cwr"] += (flags >> 7) & 1


@inlined
def now_us(flow, packet, logic):
    """Time at which a packet counts: its own, in clean not before the flow's latest."""
    return max(packet["time_us"], flow["last"]) if logic == CLEAN else packet["time_us"]


@inlined
def book_packet(flow, packet, forward, rules, number):
    """Add a packet to an existing flow.

    In clean no time runs backwards: a packet out of order counts as one at the flow's latest time, but one that
    is earlier than all before it moves the flow's start.
    """
    time_us = now_us(flow, packet, rules.logic)
    early_us = np.int64(0)
    if rules.logic == CLEAN and packet["time_us"] < flow["start"]:
        early_us = flow["start"] - packet["time_us"]
        flow["start"] = packet["time_us"]
    book_bulk(flow, packet, time_us, forward, rules.logic < CORRECTED)
    update_subflows(flow, time_us, rules)
    if packet["flags"] != 0:
        count_flags(flow, packet["flags"])
    n = flow["fwd_packets"] + flow["bwd_packets"] + 1
    x = float(packet["payload"])
    n_all = n + 1 if rules.logic < CORRECTED else n
    flow["all_mean"], flow["all_m2"] = moved(flow["all_mean"], flow["all_m2"], n_all, x)
    book_either(flow, packet, forward, early_us, rules.logic == CLEAN)
    book_direction_flags(flow, packet, forward, rules, False)
    gap = time_us - flow["last"] + early_us
    flow["iat_mean"], flow["iat_m2"] = moved(flow["iat_mean"], flow["iat_m2"], n - 1, float(gap))
    flow["iat_min"], flow["iat_max"] = widened(flow["iat_min"], flow["iat_max"], n - 1, gap)
    flow["last"] = time_us
    flow["last_packet"] = number


@kernel
def start_flow(flow, packet, forward, from_initiator, rules, number):
    """Fill a blank flow with its first packet; after a timeout the original books it as forward even from the
    responder.
    """
    time_us = packet["time_us"]
    x = float(packet["payload"])
    flow["start"] = time_us
    flow["last"] = time_us
    flow["first_packet"] = number
    flow["last_packet"] = number
    flow["first_payload"] = packet["payload"]
    flow["icmp_type"] = packet["icmp_type"]
    flow["icmp_code"] = packet["icmp_code"]
    flow["segments"] = -1
    book_bulk(flow, packet, time_us, forward, rules.logic < CORRECTED)
    if rules.logic == PAPER:
        flow["subflows"] = 1 if time_us - time_us / 1e6 > 1.0 else 0
    flow["start_active"] = time_us
    flow["end_active"] = time_us
    count_flags(flow, packet["flags"])
    flow["all_mean"], flow["all_m2"] = moved(0.0, 0.0, 1, x)
    if rules.logic < CORRECTED:
        flow["all_mean"], flow["all_m2"] = moved(flow["all_mean"], flow["all_m2"], 2, x)
    book_either(flow, packet, forward, 0, rules.logic == CLEAN)
    book_direction_flags(flow, packet, forward, rules, True)
    flow["src_mac"] = packet["src_mac"] if from_initiator else packet["dst_mac"]
    flow["dst_mac"] = packet["dst_mac"] if from_initiator else packet["src_mac"]
