"""Turn flows that are over into columns."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.layout import CORRECTED, FLOW_LINES, ORIGINAL, TCP, UDP
from iotids.flowmeter.kernels.text import copy_text, write_address, write_flow_id_end, write_mac

N_FEATURES = 86  # FEATURES and CORRECTED_EXTRAS of schema.py, in their order
N_NUMBERS = 4  # start_us, flow_number, first_packet, last_packet
TEXT_PER_ROW = 96  # longest flow id: two addresses of 39, ports of 5, protocol of 3, four hyphens


@kernel
def variance(m2, n):
    """Sample variance; 0 for one value, NaN for none."""
    if n == 0:
        return np.nan
    if n == 1:
        return 0.0
    return m2 / (n - 1.0)


@kernel
def fill_statistic(floats, row, column, n, mean, m2, low, high):
    """Mean, std, max, min into four columns, 0 without values."""
    if n > 0:
        floats[column, row] = mean
        floats[column + 1, row] = np.sqrt(variance(m2, n))
        floats[column + 2, row] = float(high)
        floats[column + 3, row] = float(low)
    else:
        for i in range(4):
            floats[column + i, row] = 0.0


@kernel
def fill_sizes(floats, row, column, n, mean, m2, low, high):
    """Max, min, mean, std into four columns, 0 without values."""
    if n > 0:
        floats[column, row] = high
        floats[column + 1, row] = low
        floats[column + 2, row] = mean
        floats[column + 3, row] = np.sqrt(variance(m2, n))
    else:
        for i in range(4):
            floats[column + i, row] = 0.0


@kernel
def fill_rates(floats, row, flow, logic):
    """Columns that divide by the flow's duration."""
    duration = flow["last"] - flow["start"]
    seconds = duration / 1e6
    n = flow["fwd_packets"] + flow["bwd_packets"]
    if duration == 0 and logic >= CORRECTED:
        instant = -1.0 if logic == CORRECTED else 0.0
        floats[13, row] = instant
        floats[14, row] = instant
    else:
        floats[13, row] = (flow["fwd"]["sum"] + flow["bwd"]["sum"]) / seconds
        floats[14, row] = n / seconds
    floats[35, row] = flow["fwd_packets"] / seconds if duration > 0 else 0.0
    floats[36, row] = flow["bwd_packets"] / seconds if duration > 0 else 0.0


@kernel
def fill_bulks(floats, row, flow, logic):
    """Bulk columns; the original divides integers and shows the whole flow as backward, the paper's version
    hides the bytes.
    """
    if flow["fwd"]["bulks"] > 0:
        floats[54, row] = flow["fwd"]["bulk_bytes"] / flow["fwd"]["bulks"]
        floats[55, row] = flow["fwd"]["bulk_packets"] / flow["fwd"]["bulks"]
    else:
        floats[54, row] = 0.0
        floats[55, row] = 0.0
    floats[56, row] = (
        flow["fwd"]["bulk_bytes"] / (flow["fwd"]["bulk_us"] / 1e6) if flow["fwd"]["bulk_us"] != 0 else 0.0
    )
    for i in range(57, 60):
        floats[i, row] = 0.0
    bulks = flow["bwd"]["bulks"]
    if bulks > 0:
        if logic < CORRECTED:
            floats[57, row] = float(flow["bwd"]["bulk_bytes"] // bulks) if logic == ORIGINAL else 0.0
            floats[58, row] = float(flow["bwd"]["bulk_packets"] // bulks)
        else:
            floats[57, row] = flow["bwd"]["bulk_bytes"] / bulks
            floats[58, row] = flow["bwd"]["bulk_packets"] / bulks
    if flow["bwd"]["bulk_us"] != 0:
        rate = flow["bwd"]["bulk_bytes"] / (flow["bwd"]["bulk_us"] / 1e6)
        floats[59, row] = np.trunc(rate) if logic < CORRECTED else rate


@kernel
def fill_subflows(floats, row, flow, logic):
    """Totals over sub-flows."""
    subflows = flow["subflows"]
    for i in range(60, 64):
        floats[i, row] = 0.0
    if subflows <= 0:
        return
    if logic < CORRECTED:
        floats[60, row] = float(flow["fwd_packets"] // subflows)
        floats[61, row] = float(np.int64(flow["fwd"]["sum"]) // subflows)
        floats[62, row] = float(flow["bwd_packets"] // subflows)
        floats[63, row] = float(np.int64(flow["bwd"]["sum"]) // subflows)
    else:
        floats[60, row] = flow["fwd_packets"] / subflows
        floats[61, row] = flow["fwd"]["sum"] / subflows
        floats[62, row] = flow["bwd_packets"] / subflows
        floats[63, row] = flow["bwd"]["sum"] / subflows


@kernel
def fill_lengths(ints, floats, row, flow, logic):
    """Payload statistics of the whole flow."""
    fwd = flow["fwd_packets"]
    bwd = flow["bwd_packets"]
    n = fwd + bwd
    n_all = n
    total = flow["fwd"]["sum"] + flow["bwd"]["sum"]
    if logic < CORRECTED:
        n_all += 1
        total += flow["first_payload"]
    low = flow["fwd"]["min"]
    high = flow["fwd"]["max"]
    if fwd == 0 or (bwd > 0 and flow["bwd"]["min"] < low):
        low = flow["bwd"]["min"]
    if fwd == 0 or (bwd > 0 and flow["bwd"]["max"] > high):
        high = flow["bwd"]["max"]
    floats[37, row] = low
    floats[38, row] = high
    floats[39, row] = flow["all_mean"]
    spread = variance(flow["all_m2"], n_all)
    floats[40, row] = np.sqrt(spread)
    floats[41, row] = spread
    floats[51, row] = total / n
    floats[52, row] = flow["fwd"]["sum"] / fwd if fwd > 0 else 0.0
    floats[53, row] = flow["bwd"]["sum"] / bwd if bwd > 0 else 0.0
    floats[50, row] = 0.0
    if fwd > 0:
        floats[50, row] = float(bwd // fwd) if logic < CORRECTED else bwd / fwd


@kernel
def fill_features(ints, floats, row, key, flow, logic):
    """All feature columns of a flow; `ints` and `floats` are two views of the same cells, (N_FEATURES, rows)."""
    fwd = flow["fwd_packets"]
    bwd = flow["bwd_packets"]
    n = fwd + bwd
    ints[0, row] = flow["last"] - flow["start"]
    ints[1, row] = fwd
    ints[2, row] = bwd
    floats[3, row] = flow["fwd"]["sum"]
    floats[4, row] = flow["bwd"]["sum"]
    fill_sizes(
        floats, row, 5, fwd, flow["fwd"]["mean"], flow["fwd"]["m2"], flow["fwd"]["min"], flow["fwd"]["max"]
    )
    fill_sizes(
        floats, row, 9, bwd, flow["bwd"]["mean"], flow["bwd"]["m2"], flow["bwd"]["min"], flow["bwd"]["max"]
    )
    fill_rates(floats, row, flow, logic)
    fill_statistic(floats, row, 15, n - 1, flow["iat_mean"], flow["iat_m2"], flow["iat_min"], flow["iat_max"])
    floats[19, row] = flow["fwd"]["iat_sum"]
    fill_statistic(
        floats,
        row,
        20,
        fwd - 1,
        flow["fwd"]["iat_mean"],
        flow["fwd"]["iat_m2"],
        flow["fwd"]["iat_min"],
        flow["fwd"]["iat_max"],
    )
    floats[24, row] = flow["bwd"]["iat_sum"]
    fill_statistic(
        floats,
        row,
        25,
        bwd - 1,
        flow["bwd"]["iat_mean"],
        flow["bwd"]["iat_m2"],
        flow["bwd"]["iat_min"],
        flow["bwd"]["iat_max"],
    )
    ints[29, row] = flow["fwd"]["psh"]
    ints[30, row] = flow["bwd"]["psh"]
    ints[31, row] = flow["fwd"]["urg"]
    ints[32, row] = flow["bwd"]["urg"]
    ints[33, row] = flow["fwd"]["header"]
    ints[34, row] = flow["bwd"]["header"]
    fill_lengths(ints, floats, row, flow, logic)
    ints[42, row] = flow["fin"]
    ints[43, row] = flow["syn"]
    ints[44, row] = flow["rst"]
    ints[45, row] = flow["psh"]
    ints[46, row] = flow["ack"]
    ints[47, row] = flow["urg"]
    ints[48, row] = flow["cwr"]
    ints[49, row] = flow["ece"]
    fill_bulks(floats, row, flow, logic)
    fill_subflows(floats, row, flow, logic)
    ints[64, row] = flow["fwd"]["window"]
    ints[65, row] = flow["bwd"]["window"]
    ints[66, row] = flow["fwd"]["data"]
    ints[67, row] = flow["fwd"]["header_min"]
    fill_statistic(
        floats,
        row,
        68,
        flow["active_n"],
        flow["active_mean"],
        flow["active_m2"],
        flow["active_min"],
        flow["active_max"],
    )
    fill_statistic(
        floats,
        row,
        72,
        flow["idle_n"],
        flow["idle_mean"],
        flow["idle_m2"],
        flow["idle_min"],
        flow["idle_max"],
    )
    if logic >= CORRECTED:
        fill_extras(ints, row, key, flow)


@kernel
def fill_extras(ints, row, key, flow):
    """The ten columns that only the corrected tool has."""
    ints[76, row] = flow["fwd"]["rst"]
    ints[77, row] = flow["bwd"]["rst"]
    ints[78, row] = flow["bwd"]["data"]
    ints[79, row] = flow["bwd"]["header_min"]
    ints[80, row] = flow["icmp_code"]
    ints[81, row] = flow["icmp_type"]
    ints[82, row] = flow["fwd"]["again"]
    ints[83, row] = flow["bwd"]["again"]
    ints[84, row] = flow["fwd"]["again"] + flow["bwd"]["again"]
    ints[85, row] = 0
    if key["protocol"] == TCP or key["protocol"] == UDP:
        ints[85, row] = flow["connection_us"] + flow["last"] - flow["start"]


@kernel
def fetch_cells(cells, row):
    """Fetch into the cache where rows soon to come will be written: every column's next line once in eight
    rows.
    """
    part = row & 7
    ahead = min(row - part + 8, cells.shape[1] - 1)
    for column in range(11 * part, min(11 * part + 11, len(cells))):
        prefetch(cells[column], ahead, 0)


@entry
def fill_rows(keys, flows, n, logic, first, cells, floats, numbers, ports, texts, offsets):
    """Turn flows that are over into columns, from row `first` on.

    cells, floats : (N_FEATURES, rows) int64 and float64 views of one memory — written.
    numbers : (N_NUMBERS, rows) int64, ports : (3, rows) int32 — written: start, number, first and last
        packet; ports and protocol.
    texts : (5, rows * TEXT_PER_ROW) uint8, offsets : (5, rows + 1) int32 — written: flow id, source and
        destination address, MACs.
    """
    for i in range(n):
        row = first + i
        key = keys[i]
        flow = flows[i]
        fetch_cells(cells, row)
        if i + 2 < n:
            prefetch(keys, i + 2, 0)
            for line in range(FLOW_LINES):
                prefetch(flows, i + 2, line * 64)
        fill_features(cells, floats, row, key, flow, logic)
        is_reversed = key["reversed"] != 0
        a_text = 2 if is_reversed else 1
        b_text = 1 if is_reversed else 2
        a_at = np.int64(offsets[a_text, row])
        b_at = np.int64(offsets[b_text, row])
        a_end = write_address(texts[a_text], a_at, key["a_hi"], key["a_lo"], key["version"])
        b_end = write_address(texts[b_text], b_at, key["b_hi"], key["b_lo"], key["version"])
        offsets[a_text, row + 1] = a_end
        offsets[b_text, row + 1] = b_end
        at = copy_text(texts[0], np.int64(offsets[0, row]), texts[a_text], a_at, a_end)
        texts[0, at] = 45
        at = copy_text(texts[0], at + 1, texts[b_text], b_at, b_end)
        texts[0, at] = 45
        offsets[0, row + 1] = write_flow_id_end(texts[0], at + 1, key)
        offsets[3, row + 1] = write_mac(texts[3], np.int64(offsets[3, row]), flow["src_mac"])
        offsets[4, row + 1] = write_mac(texts[4], np.int64(offsets[4, row]), flow["dst_mac"])
        ports[0, row] = key["b_port"] if is_reversed else key["a_port"]
        ports[1, row] = key["a_port"] if is_reversed else key["b_port"]
        ports[2, row] = key["protocol"]
        numbers[0, row] = flow["start"]
        numbers[1, row] = flow["number"]
        numbers[2, row] = flow["first_packet"]
        numbers[3, row] = flow["last_packet"]
