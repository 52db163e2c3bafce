"""Label D4 (IoT-23): meet flows and Zeek's labelled connections by protocol, addresses, ports and time.

Zeek and the flow meter cut traffic differently: a flow can meet many connections (Zeek splits retried SYNs)
and a connection many flows. A flow is malicious when a connection that it overlaps in time is; which detailed
label it gets is decided by the number of such connections. A flow that overlaps none, but has the endpoints
of some, takes the nearest in time.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.truth.formats.zeek_log import Connections
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels, Verdict
from iotids.truth.labelling.notices import Notice

_PORT_PROTOCOLS = {"tcp": 6, "udp": 17}


@dataclass(frozen=True)
class Meeting:
    """How flows and connections met.

    `met` is (n, d): per flow the connections of each detailed label that it overlaps. For flows that overlap
    none, `gap_us` (n,) is the time to the nearest connection of the same endpoints (-1: none) and `nearest`
    (n,) its detailed label.
    """

    met: np.ndarray
    gap_us: np.ndarray
    nearest: np.ndarray


def label_by_connections(
    capture: str,
    group: str,
    flows: pa.Table,
    connections: Connections,
    *,
    malicious: str,
    background: str,
    tolerance_us: int,
) -> CaptureLabels:
    """Label the flows of one capture by its connection log.

    Parameters
    ----------
    flows : (n,) rows with addresses, ports, `protocol`, `start_us` and `flow_duration_us`
    malicious : str
        Class of malicious flows.
    background : str
        Class of benign flows; empty keeps them apart.
    tolerance_us : int
        Times this far apart still meet (some copies of the logs have whole seconds).

    Raises
    ------
    ValueError
        No flow meets the log: it belongs to another capture; the message says whether clocks or addresses
        differ.
    """
    details, detail_codes = _details(connections.rows)
    meeting = meet(flows, connections.rows, detail_codes, len(details), tolerance_us)
    _check_same_capture(capture, flows, connections.rows, meeting)
    verdicts = [_verdict(is_malicious, detail, malicious, background) for is_malicious, detail in details]
    bad = np.array([is_malicious for is_malicious, _ in details], dtype=bool)
    # malicious labels come first in `details`, so argmax over the weighted counts lets them win
    weights = np.where(
        bad[None, :] & (meeting.met > 0), meeting.met + meeting.met.sum(axis=1, keepdims=True), meeting.met
    )
    codes = np.where(meeting.met.any(axis=1), weights.argmax(axis=1), meeting.nearest).astype(np.int32)
    other = ~np.isin(flows.column("protocol").to_numpy(), list(_PORT_PROTOCOLS.values())) & (
        codes == UNLABELLED
    )
    codes[other] = len(verdicts)
    verdicts.append(Verdict("", "", "neither TCP nor UDP, and not in the connection log"))
    notices = tuple(_notices(capture, meeting, bad, other, connections))
    return CaptureLabels(capture, group, tuple(verdicts), codes, notices, broken_truth=connections.broken)


def meet(
    flows: pa.Table, rows: pa.Table, detail_codes: np.ndarray, n_details: int, tolerance_us: int
) -> Meeting:
    """Count, for each flow, the connections with the same endpoints whose time overlaps the flow's.

    Overlapping are the connections that start before the flow ends, less those that end before it starts;
    both counts come from one sort by endpoints and time, so a million rows take seconds.
    """
    flow_keys, row_keys = _endpoint_keys(flows, rows)
    first_us = flows.column("start_us").to_numpy()
    last_us = first_us + np.maximum(flows.column("flow_duration_us").to_numpy(), 0)
    row_first, row_last = rows.column("first_us").to_numpy(), rows.column("last_us").to_numpy()
    started = _count_before(
        row_keys, row_first, detail_codes, n_details, flow_keys, last_us + tolerance_us, inclusive=True
    )
    ended = _count_before(
        row_keys, row_last, detail_codes, n_details, flow_keys, first_us - tolerance_us, inclusive=False
    )
    met = started - ended
    gap_us, nearest = (
        np.full(len(flow_keys), -1, dtype=np.int64),
        np.full(len(flow_keys), UNLABELLED, dtype=np.int64),
    )
    by_key = np.argsort(row_keys, kind="stable")
    begins, ends = (np.searchsorted(row_keys[by_key], flow_keys, side=side) for side in ("left", "right"))
    for flow in np.flatnonzero(~met.any(axis=1) & (ends > begins)):
        same = by_key[begins[flow] : ends[flow]]
        gaps = np.maximum(np.maximum(first_us[flow] - row_last[same], row_first[same] - last_us[flow]), 0)
        gap_us[flow], nearest[flow] = gaps.min(), detail_codes[same[gaps.argmin()]]
    return Meeting(met, gap_us, nearest)


def _count_before(
    row_keys: np.ndarray,
    row_times: np.ndarray,
    row_details: np.ndarray,
    n_details: int,
    keys: np.ndarray,
    times: np.ndarray,
    *,
    inclusive: bool,
) -> np.ndarray:
    """Count per query the rows of all smaller keys, and of its key up to (inclusive) or before its time, per
    detail.
    """
    all_keys, all_times = np.concatenate([row_keys, keys]), np.concatenate([row_times, times])
    is_query = np.concatenate([np.zeros(len(row_keys), dtype=np.int8), np.ones(len(keys), dtype=np.int8)])
    merged = np.lexsort((is_query if inclusive else -is_query, all_times, all_keys))
    queries = np.flatnonzero(merged >= len(row_keys))
    all_details = np.concatenate([row_details, np.full(len(keys), -1)])[merged]
    counts = np.zeros((len(keys), n_details), dtype=np.int64)
    for detail in range(n_details):
        counts[merged[queries] - len(row_keys), detail] = np.cumsum(all_details == detail)[queries]
    return counts


def _endpoint_keys(flows: pa.Table, rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Number the endpoint pairs of flows and rows, both directions alike; other protocols than TCP and UDP
    have no ports.
    """
    n_flows = flows.num_rows
    ends_a = pa.chunked_array([*flows.column("src_ip").chunks, *rows.column("orig_ip").chunks], pa.string())
    ends_b = pa.chunked_array([*flows.column("dst_ip").chunks, *rows.column("resp_ip").chunks], pa.string())
    ips_a, ips_b = _number_addresses(ends_a, ends_b)
    protocols = np.concatenate(
        [_port_protocol(flows.column("protocol").to_numpy()), _zeek_protocol(rows.column("protocol"))]
    )
    ports_a = np.concatenate([flows.column("src_port").to_numpy(), rows.column("orig_port").to_numpy()]) * (
        protocols > 0
    )
    ports_b = np.concatenate([flows.column("dst_port").to_numpy(), rows.column("resp_port").to_numpy()]) * (
        protocols > 0
    )
    ends = np.sort(np.stack([ips_a * 65536 + ports_a, ips_b * 65536 + ports_b], axis=1), axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0], protocols))
    columns = [protocols[order], ends[order, 0], ends[order, 1]]
    new = (
        np.concatenate([[False], np.logical_or.reduce([column[1:] != column[:-1] for column in columns])])
        if len(order)
        else np.zeros(0, bool)
    )
    keys = np.empty(len(order), dtype=np.int64)
    keys[order] = np.cumsum(new)
    return keys[:n_flows], keys[n_flows:]


def _number_addresses(*columns: pa.ChunkedArray) -> tuple[np.ndarray, ...]:
    """Number addresses, the same address written differently (IPv6) alike."""
    coded = (
        pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
        .combine_chunks()
        .dictionary_encode()
    )
    canonical = [_canonical(word) for word in coded.dictionary.to_pylist()]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(canonical))}
    codes = (
        np.array([numbers[word] for word in canonical], dtype=np.int64)[
            coded.indices.to_numpy(zero_copy_only=False)
        ]
        if canonical
        else np.zeros(0, np.int64)
    )
    return tuple(np.split(codes, np.cumsum([len(column) for column in columns])[:-1]))


def _canonical(address: str) -> str:
    """Write an address in its shortest form; what is none stays as it is."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _port_protocol(protocols: np.ndarray) -> np.ndarray:
    """Keep TCP and UDP, everything else is 0."""
    return np.where(np.isin(protocols, list(_PORT_PROTOCOLS.values())), protocols, 0).astype(np.int64)


def _zeek_protocol(words: pa.ChunkedArray) -> np.ndarray:
    """Number Zeek's protocol words in the same way."""
    numbers = pc.index_in(words, value_set=pa.array(list(_PORT_PROTOCOLS)))
    return np.array([0, *_PORT_PROTOCOLS.values()], dtype=np.int64)[pc.fill_null(numbers, -1).to_numpy() + 1]


def _details(rows: pa.Table) -> tuple[list[tuple[bool, str]], np.ndarray]:
    """Number the (malicious, detailed label) pairs, malicious ones first, then by name."""
    words = (
        pc.if_else(
            rows.column("malicious"), pc.binary_join_element_wise("1", rows.column("detail"), "|"), "0|-"
        )
        .combine_chunks()
        .dictionary_encode()
    )
    pairs = [(word[0] == "1", word[2:]) for word in words.dictionary.to_pylist()]
    ranked = sorted(pairs, key=lambda pair: (not pair[0], pair[1]))
    ranks = np.array([ranked.index(pair) for pair in pairs], dtype=np.int64)
    return ranked, ranks[words.indices.to_numpy(zero_copy_only=False)]


def _verdict(is_malicious: bool, detail: str, malicious: str, background: str) -> Verdict:
    """Say what a flow is that meets connections of this label."""
    if is_malicious:
        return Verdict(malicious, detail, "malicious in the connection log")
    if background:
        return Verdict(background, "background", "benign in the connection log")
    return Verdict("", "", "background: benign in the connection log")


def _check_same_capture(capture: str, flows: pa.Table, rows: pa.Table, meeting: Meeting) -> None:
    """Complain when nothing meets."""
    if not flows.num_rows or meeting.met.any():
        return
    starts = flows.column("start_us").to_numpy()
    offset_s = (int(rows.column("first_us").to_numpy().min()) - int(starts.min())) / 1e6
    if (meeting.gap_us >= 0).any():
        raise ValueError(
            f"{capture}: endpoints of its {flows.num_rows:,} flows are in the connection log, but never at the same time; the log "
            f"starts {offset_s:+,.0f} s after the flows: clocks or time zones differ, or it is the log of another recording"
        )
    raise ValueError(
        f"{capture}: none of its {flows.num_rows:,} flows has endpoints of the connection log ({rows.num_rows:,} rows, starting "
        f"{offset_s:+,.0f} s after the flows): it is the log of another capture"
    )


def _notices(
    capture: str, meeting: Meeting, bad: np.ndarray, other: np.ndarray, connections: Connections
) -> list[Notice]:
    """Say how flows and connections met."""
    n_met = meeting.met.sum(axis=1)
    mixed = (meeting.met[:, bad].sum(axis=1) > 0) & (meeting.met[:, ~bad].sum(axis=1) > 0)
    counts = [
        (
            "flow_meets_several_connections",
            "info",
            int((n_met > 1).sum()),
            "flows meet more than one connection",
        ),
        (
            "truth_disagrees",
            "warning",
            int(mixed.sum()),
            "flows meet benign and malicious connections; malicious wins",
        ),
        (
            "met_by_endpoints_only",
            "warning",
            int((meeting.gap_us >= 0).sum()),
            "flows overlap no connection of their endpoints and take the nearest; the farthest is "
            f"{meeting.gap_us.max(initial=0) / 1e6:,.1f} s away",
        ),
        (
            "not_tcp_udp",
            "info",
            int(other.sum()),
            "flows are neither TCP nor UDP and not in the log; kept apart",
        ),
        (
            "broken_truth_rows",
            "warning",
            len(connections.broken),
            f"lines of the log cannot be used; the first: {connections.broken[0][:120]!r}"
            if connections.broken
            else "",
        ),
    ]
    return [
        Notice(name, severity, count, f"{capture}: {message}")
        for name, severity, count, message in counts
        if count
    ]
