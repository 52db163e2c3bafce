"""Turn flows that are over into columns."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.identity import fill_identity
from iotids.flowmeter.kernels.layout import CORRECTED, FLOW_LINES, ORIGINAL, TCP, UDP
from iotids.flowmeter.kernels.positions import FEATURE, N_FEATURES

COLUMNS_PER_ROW = -(-N_FEATURES // 8)  # prefetched


@kernel
def variance(m2, n):
    """Sample variance; 0 for one value, NaN for none."""
    if n == 0:
        return np.nan
    if n == 1:
        return 0.0
    return m2 / (n - 1.0)


@kernel
def deviation(m2, n):
    """Sample standard deviation; 0 without values."""
    return np.sqrt(variance(m2, n)) if n > 0 else 0.0


@kernel
def if_any(value, n):
    """A value, 0 without values."""
    return float(value) if n > 0 else 0.0


@kernel
def ratio(value, n):
    """A value per one of n, 0 for none."""
    return value / n if n > 0 else 0.0


@kernel
def whole_ratio(value, n):
    """A value per one of n in whole numbers, 0 for none."""
    return float(np.int64(value) // n) if n > 0 else 0.0


@kernel
def fill_sizes(floats, row, flow):
    """Payload statistics of each direction."""
    n = flow["fwd_packets"]
    fwd = flow["fwd"]
    floats[FEATURE.fwd_bytes, row] = fwd["sum"]
    floats[FEATURE.fwd_packet_max_bytes, row] = if_any(fwd["max"], n)
    floats[FEATURE.fwd_packet_min_bytes, row] = if_any(fwd["min"], n)
    floats[FEATURE.fwd_packet_mean_bytes, row] = if_any(fwd["mean"], n)
    floats[FEATURE.fwd_packet_std_bytes, row] = deviation(fwd["m2"], n)
    floats[FEATURE.fwd_segment_average_bytes, row] = ratio(fwd["sum"], n)
    n = flow["bwd_packets"]
    bwd = flow["bwd"]
    floats[FEATURE.bwd_bytes, row] = bwd["sum"]
    floats[FEATURE.bwd_packet_max_bytes, row] = if_any(bwd["max"], n)
    floats[FEATURE.bwd_packet_min_bytes, row] = if_any(bwd["min"], n)
    floats[FEATURE.bwd_packet_mean_bytes, row] = if_any(bwd["mean"], n)
    floats[FEATURE.bwd_packet_std_bytes, row] = deviation(bwd["m2"], n)
    floats[FEATURE.bwd_segment_average_bytes, row] = ratio(bwd["sum"], n)


@kernel
def fill_gaps(floats, row, flow):
    """Times between packets of the flow and of each direction."""
    n = flow["fwd_packets"] + flow["bwd_packets"] - 1
    floats[FEATURE.flow_iat_mean_us, row] = if_any(flow["iat_mean"], n)
    floats[FEATURE.flow_iat_std_us, row] = deviation(flow["iat_m2"], n)
    floats[FEATURE.flow_iat_max_us, row] = if_any(flow["iat_max"], n)
    floats[FEATURE.flow_iat_min_us, row] = if_any(flow["iat_min"], n)
    n = flow["fwd_packets"] - 1
    fwd = flow["fwd"]
    floats[FEATURE.fwd_iat_total_us, row] = fwd["iat_sum"]
    floats[FEATURE.fwd_iat_mean_us, row] = if_any(fwd["iat_mean"], n)
    floats[FEATURE.fwd_iat_std_us, row] = deviation(fwd["iat_m2"], n)
    floats[FEATURE.fwd_iat_max_us, row] = if_any(fwd["iat_max"], n)
    floats[FEATURE.fwd_iat_min_us, row] = if_any(fwd["iat_min"], n)
    n = flow["bwd_packets"] - 1
    bwd = flow["bwd"]
    floats[FEATURE.bwd_iat_total_us, row] = bwd["iat_sum"]
    floats[FEATURE.bwd_iat_mean_us, row] = if_any(bwd["iat_mean"], n)
    floats[FEATURE.bwd_iat_std_us, row] = deviation(bwd["iat_m2"], n)
    floats[FEATURE.bwd_iat_max_us, row] = if_any(bwd["iat_max"], n)
    floats[FEATURE.bwd_iat_min_us, row] = if_any(bwd["iat_min"], n)


@kernel
def fill_rates(floats, row, flow, logic):
    """Columns that divide by the flow's duration."""
    duration = flow["last"] - flow["start"]
    seconds = duration / 1e6
    n = flow["fwd_packets"] + flow["bwd_packets"]
    if duration == 0 and logic >= CORRECTED:
        instant = -1.0 if logic == CORRECTED else 0.0
        floats[FEATURE.flow_bytes_per_s, row] = instant
        floats[FEATURE.flow_packets_per_s, row] = instant
    else:
        floats[FEATURE.flow_bytes_per_s, row] = (flow["fwd"]["sum"] + flow["bwd"]["sum"]) / seconds
        floats[FEATURE.flow_packets_per_s, row] = n / seconds
    floats[FEATURE.fwd_packets_per_s, row] = flow["fwd_packets"] / seconds if duration > 0 else 0.0
    floats[FEATURE.bwd_packets_per_s, row] = flow["bwd_packets"] / seconds if duration > 0 else 0.0


@kernel
def bulk_rate(direction):
    """Bytes per second of a direction's bulks."""
    return direction["bulk_bytes"] / (direction["bulk_us"] / 1e6) if direction["bulk_us"] != 0 else 0.0


@kernel
def fill_bulks(floats, row, flow, logic):
    """Bulk columns; the original divides integers and shows the whole flow as backward, the paper's version
    hides the bytes.
    """
    fwd = flow["fwd"]
    floats[FEATURE.fwd_bulk_bytes, row] = ratio(fwd["bulk_bytes"], fwd["bulks"])
    floats[FEATURE.fwd_bulk_packets, row] = ratio(fwd["bulk_packets"], fwd["bulks"])
    floats[FEATURE.fwd_bulk_bytes_per_s, row] = bulk_rate(fwd)
    bwd = flow["bwd"]
    if logic < CORRECTED:
        size = whole_ratio(bwd["bulk_bytes"], bwd["bulks"])
        floats[FEATURE.bwd_bulk_bytes, row] = size if logic == ORIGINAL else 0.0
        floats[FEATURE.bwd_bulk_packets, row] = whole_ratio(bwd["bulk_packets"], bwd["bulks"])
        floats[FEATURE.bwd_bulk_bytes_per_s, row] = np.trunc(bulk_rate(bwd))
    else:
        floats[FEATURE.bwd_bulk_bytes, row] = ratio(bwd["bulk_bytes"], bwd["bulks"])
        floats[FEATURE.bwd_bulk_packets, row] = ratio(bwd["bulk_packets"], bwd["bulks"])
        floats[FEATURE.bwd_bulk_bytes_per_s, row] = bulk_rate(bwd)


@kernel
def fill_subflows(floats, row, flow, logic):
    """Totals over sub-flows; in whole numbers in the original and the paper's version."""
    n = flow["subflows"]
    if logic < CORRECTED:
        floats[FEATURE.subflow_fwd_packets, row] = whole_ratio(flow["fwd_packets"], n)
        floats[FEATURE.subflow_fwd_bytes, row] = whole_ratio(flow["fwd"]["sum"], n)
        floats[FEATURE.subflow_bwd_packets, row] = whole_ratio(flow["bwd_packets"], n)
        floats[FEATURE.subflow_bwd_bytes, row] = whole_ratio(flow["bwd"]["sum"], n)
    else:
        floats[FEATURE.subflow_fwd_packets, row] = ratio(flow["fwd_packets"], n)
        floats[FEATURE.subflow_fwd_bytes, row] = ratio(flow["fwd"]["sum"], n)
        floats[FEATURE.subflow_bwd_packets, row] = ratio(flow["bwd_packets"], n)
        floats[FEATURE.subflow_bwd_bytes, row] = ratio(flow["bwd"]["sum"], n)


@kernel
def fill_lengths(floats, row, flow, logic):
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
    spread = variance(flow["all_m2"], n_all)
    floats[FEATURE.packet_min_bytes, row] = low
    floats[FEATURE.packet_max_bytes, row] = high
    floats[FEATURE.packet_mean_bytes, row] = flow["all_mean"]
    floats[FEATURE.packet_std_bytes, row] = np.sqrt(spread)
    floats[FEATURE.packet_variance_bytes2, row] = spread
    floats[FEATURE.packet_average_bytes, row] = total / n
    floats[FEATURE.down_up_ratio, row] = 0.0
    if fwd > 0:
        floats[FEATURE.down_up_ratio, row] = float(bwd // fwd) if logic < CORRECTED else bwd / fwd


@kernel
def fill_activity(floats, row, flow):
    """Times active and idle."""
    n = flow["active_n"]
    floats[FEATURE.active_mean_us, row] = if_any(flow["active_mean"], n)
    floats[FEATURE.active_std_us, row] = deviation(flow["active_m2"], n)
    floats[FEATURE.active_max_us, row] = if_any(flow["active_max"], n)
    floats[FEATURE.active_min_us, row] = if_any(flow["active_min"], n)
    n = flow["idle_n"]
    floats[FEATURE.idle_mean_us, row] = if_any(flow["idle_mean"], n)
    floats[FEATURE.idle_std_us, row] = deviation(flow["idle_m2"], n)
    floats[FEATURE.idle_max_us, row] = if_any(flow["idle_max"], n)
    floats[FEATURE.idle_min_us, row] = if_any(flow["idle_min"], n)


@kernel
def fill_counts(ints, row, flow):
    """Columns that are counted in whole numbers."""
    fwd = flow["fwd"]
    bwd = flow["bwd"]
    ints[FEATURE.flow_duration_us, row] = flow["last"] - flow["start"]
    ints[FEATURE.fwd_packets, row] = flow["fwd_packets"]
    ints[FEATURE.bwd_packets, row] = flow["bwd_packets"]
    ints[FEATURE.fwd_psh_flags, row] = fwd["psh"]
    ints[FEATURE.bwd_psh_flags, row] = bwd["psh"]
    ints[FEATURE.fwd_urg_flags, row] = fwd["urg"]
    ints[FEATURE.bwd_urg_flags, row] = bwd["urg"]
    ints[FEATURE.fwd_header_bytes, row] = fwd["header"]
    ints[FEATURE.bwd_header_bytes, row] = bwd["header"]
    ints[FEATURE.fin_flags, row] = flow["fin"]
    ints[FEATURE.syn_flags, row] = flow["syn"]
    ints[FEATURE.rst_flags, row] = flow["rst"]
    ints[FEATURE.psh_flags, row] = flow["psh"]
    ints[FEATURE.ack_flags, row] = flow["ack"]
    ints[FEATURE.urg_flags, row] = flow["urg"]
    ints[FEATURE.cwr_flags, row] = flow["cwr"]
    ints[FEATURE.ece_flags, row] = flow["ece"]
    ints[FEATURE.fwd_init_window_bytes, row] = fwd["window"]
    ints[FEATURE.bwd_init_window_bytes, row] = bwd["window"]
    ints[FEATURE.fwd_data_packets, row] = fwd["data"]
    ints[FEATURE.fwd_header_min_bytes, row] = fwd["header_min"]


@kernel
def fill_extras(ints, row, key, flow):
    """The columns that only the corrected tool has."""
    fwd = flow["fwd"]
    bwd = flow["bwd"]
    ints[FEATURE.fwd_rst_flags, row] = fwd["rst"]
    ints[FEATURE.bwd_rst_flags, row] = bwd["rst"]
    ints[FEATURE.bwd_data_packets, row] = bwd["data"]
    ints[FEATURE.bwd_header_min_bytes, row] = bwd["header_min"]
    ints[FEATURE.icmp_code, row] = flow["icmp_code"]
    ints[FEATURE.icmp_type, row] = flow["icmp_type"]
    ints[FEATURE.fwd_retransmissions, row] = fwd["again"]
    ints[FEATURE.bwd_retransmissions, row] = bwd["again"]
    ints[FEATURE.retransmissions, row] = fwd["again"] + bwd["again"]
    ints[FEATURE.connection_duration_us, row] = 0
    if key["protocol"] == TCP or key["protocol"] == UDP:
        ints[FEATURE.connection_duration_us, row] = flow["connection_us"] + flow["last"] - flow["start"]


@kernel
def fill_features(ints, floats, row, key, flow, logic):
    """All feature columns of a flow; `ints` and `floats` are two views of the same cells, (N_FEATURES, rows)."""
    fill_counts(ints, row, flow)
    fill_sizes(floats, row, flow)
    fill_rates(floats, row, flow, logic)
    fill_gaps(floats, row, flow)
    fill_lengths(floats, row, flow, logic)
    fill_bulks(floats, row, flow, logic)
    fill_subflows(floats, row, flow, logic)
    fill_activity(floats, row, flow)
    if logic >= CORRECTED:
        fill_extras(ints, row, key, flow)


@kernel
def prefetch_cells(cells, row):
    """Prefetch where the next rows will be written: every column's next line once in eight rows."""
    part = row & 7
    next_line = min(row - part + 8, cells.shape[1] - 1)
    for column in range(COLUMNS_PER_ROW * part, min(COLUMNS_PER_ROW * (part + 1), len(cells))):
        prefetch(cells[column], next_line, 0)


@entry
def fill_rows(keys, flows, n, logic, first, columns):
    """Turn flows that are over into columns, from row `first` on."""
    for i in range(n):
        row = first + i
        prefetch_cells(columns.cells, row)
        if i + 2 < n:
            prefetch(keys, i + 2, 0)
            for line in range(FLOW_LINES):
                prefetch(flows, i + 2, line * 64)
        fill_features(columns.cells, columns.floats, row, keys[i], flows[i], logic)
        fill_identity(keys[i], flows[i], row, columns.numbers, columns.ports, columns.texts, columns.offsets)
