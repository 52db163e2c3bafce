"""Accumulators of one direction of a flow, and how a packet changes them."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import inlined
from iotids.flowmeter.kernels.layout import CLEAN, CORRECTED, SECOND_US


@inlined
def moved(mean, m2, n, x):
    """Mean and second moment after the n-th value x; incremental, because sum/n differs in the last bits."""
    deviation = x - mean
    step = deviation / n
    return mean + step, m2 + (n - 1.0) * deviation * step


@inlined
def widened(low, high, n, x):
    """Smallest and largest value after the n-th value x."""
    return (x, x) if n == 1 else (min(low, x), max(high, x))


@inlined
def update_bulk(direction, bulk, other_last, time_us, size):
    """Four or more packets with payload of one direction, not interrupted by the other nor by a second, are a
    bulk.
    """
    if other_last > bulk["start"]:
        bulk["start"] = 0
    if size <= 0:
        return
    if bulk["start"] == 0 or time_us - bulk["last"] > SECOND_US:
        bulk["start"] = time_us
        direction["bulk_count"] = 1
        direction["bulk_size"] = size
    else:
        direction["bulk_count"] += 1
        direction["bulk_size"] += size
        if direction["bulk_count"] == 4:
            direction["bulks"] += 1
            direction["bulk_packets"] += 4
            direction["bulk_bytes"] += direction["bulk_size"]
            direction["bulk_us"] += time_us - bulk["start"]
        elif direction["bulk_count"] > 4:
            direction["bulk_packets"] += 1
            direction["bulk_bytes"] += size
            direction["bulk_us"] += time_us - bulk["last"]
    bulk["last"] = time_us


@inlined
def book_bulk(flow, packet, time_us, forward, both_as_backward):
    """Hand a packet to the bulk state of its direction; the original's direction test never says forward."""
    size = np.int64(packet["payload"])
    if both_as_backward:
        update_bulk(flow["bwd"], flow["bwd_bulk"], np.int64(0), time_us, size)
    elif forward:
        update_bulk(flow["fwd"], flow["fwd_bulk"], flow["bwd_bulk"]["last"], time_us, size)
    else:
        update_bulk(flow["bwd"], flow["bwd_bulk"], flow["fwd_bulk"]["last"], time_us, size)


@inlined
def book_direction(direction, packet, n, early_us, is_clean):
    """Add the n-th packet of a direction to its statistics.

    early_us: how much earlier than all packets of its flow before it the packet is (clean); a packet that is
    earlier only than some of them comes at no distance.
    """
    time_us = packet["time_us"]
    size = packet["payload"]
    x = float(size)
    direction["sum"] += x
    direction["mean"], direction["m2"] = moved(direction["mean"], direction["m2"], n, x)
    direction["header"] += packet["header"]
    direction["min"], direction["max"] = widened(direction["min"], direction["max"], n, size)
    if n > 1:
        gap = time_us - direction["last"]
        if is_clean and gap < 0:
            gap = early_us
            time_us = direction["last"]
        direction["iat_sum"] += float(gap)
        direction["iat_mean"], direction["iat_m2"] = moved(
            direction["iat_mean"], direction["iat_m2"], n - 1, float(gap)
        )
        direction["iat_min"], direction["iat_max"] = widened(
            direction["iat_min"], direction["iat_max"], n - 1, gap
        )
    direction["last"] = time_us


@inlined
def book_either(flow, packet, forward, early_us, is_clean):
    """Add a packet to the statistics of its direction."""
    if forward:
        flow["fwd_packets"] += 1
        book_direction(flow["fwd"], packet, flow["fwd_packets"], early_us, is_clean)
    else:
        flow["bwd_packets"] += 1
        book_direction(flow["bwd"], packet, flow["bwd_packets"], early_us, is_clean)


@inlined
def book_direction_flags(flow, packet, forward, rules, first):
    """Per-direction counters: PSH, URG, RST, FIN, packets with data, smallest header, windows."""
    flags = packet["flags"]
    as_fork = rules.logic >= CORRECTED
    has_data = packet["payload"] > 0
    header = packet["header"]
    direction = flow["fwd"] if forward else flow["bwd"]
    if as_fork:
        direction["psh"] += (flags >> 3) & 1
        direction["urg"] += (flags >> 5) & 1
        direction["rst"] += (flags >> 2) & 1
        direction["fin"] += flags & 1
        if has_data:
            direction["data"] += 1
    elif forward and first:
        direction["psh"] += (flags >> 3) & 1
        direction["urg"] += (flags >> 5) & 1
    elif forward and has_data:
        direction["data"] += 1
    if forward:
        if first or (rules.logic == CLEAN and flow["fwd_packets"] == 1):
            direction["header_min"] = header
            direction["window"] = packet["window"]
        elif header < direction["header_min"]:
            direction["header_min"] = header
        return
    if as_fork and (
        first or (rules.logic == CLEAN and flow["bwd_packets"] == 1) or header < direction["header_min"]
    ):
        direction["header_min"] = header
    if rules.logic < CORRECTED:
        flow["bwd"]["window"] = packet["window"]
    elif rules.logic == CORRECTED:
        if flow["bwd"]["window"] == 0:
            flow["bwd"]["window"] = packet["window"]
    elif flow["bwd_packets"] == 1:
        flow["bwd"]["window"] = packet["window"]
