"""Label D4 (IoT-23): meet flows and Zeek's labelled connections by protocol, addresses, ports and time.

Zeek and the flow meter cut traffic differently: a flow can meet many connections (Zeek splits retried SYNs)
and a connection many flows. A flow is malicious when a connection that it overlaps in time is; which detailed
label it gets is decided by the number of such connections. A flow that overlaps none, but has the endpoints
of some, takes the nearest in time within a limit. Lines of the log that cannot be used take part: a flow whose
own line is one of them is unlabelled, and never takes the label of a line beyond it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.counted import counted
from iotids.truth.formats.zeek_log import FOR_EVER_US, Connections
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels, Verdict
from iotids.truth.labelling.notices import Notice

_PORT_PROTOCOLS = {"tcp": 6, "udp": 17}


@dataclass(frozen=True)
class Detail:
    """What a connection is called: its label in lower case, and the detailed label of a malicious one."""

    label: str
    word: str

    @property
    def is_malicious(self) -> bool:
        """Tell whether the label is `malicious`."""
        return self.label == "malicious"


NEAREST_US = 5_000_000
"""Zeek gives up attempts and forgets closed connections after 5 s; a packet later than that begins a new line."""
_UNUSABLE = Detail("", "")


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
    nearest_us: int = NEAREST_US,
) -> CaptureLabels:
    """Label the flows of one capture by its connection log.

    Parameters
    ----------
    flows : (n,) rows with addresses, ports, `protocol`, `start_us` and `flow_duration_us`
    malicious : str
        Class of malicious flows.
    background : str
        Class of benign flows and of those with a third label; empty keeps them apart.
    tolerance_us : int
        Times this far apart still meet (some copies of the logs have whole seconds).
    nearest_us : int
        A flow that meets no connection takes the label of the nearest one of its endpoints up to this far away.

    Raises
    ------
    ValueError
        No flow meets the log: it belongs to another capture; the message says whether clocks or addresses
        differ.
    """
    details, detail_codes = _details(connections)
    rows = connections.rows
    if connections.unusable is not None and connections.unusable.num_rows:
        rows = pa.concat_tables([rows.select(connections.unusable.column_names), connections.unusable])
    meeting = meet(flows, rows, detail_codes, len(details), tolerance_us)
    _check_same_capture(capture, flows, connections.rows, meeting)
    verdicts = [_verdict(detail, malicious, background) for detail in details]
    codes = _choose(meeting, details, nearest_us)
    other = ~np.isin(flows.column("protocol").to_numpy(), list(_PORT_PROTOCOLS.values())) & (
        (codes == UNLABELLED) & ~meeting.met.any(axis=1)
    )
    codes[other] = len(verdicts)
    verdicts.append(Verdict("", "", "neither TCP nor UDP, and not in the connection log"))
    notices = tuple(_notices(capture, meeting, details, other, connections, nearest_us))
    return CaptureLabels(capture, group, tuple(verdicts), codes, notices, broken_truth=connections.broken)


def _choose(meeting: Meeting, details: Sequence[Detail], nearest_us: int) -> np.ndarray:
    """Choose a detail per flow: any malicious one, else none if a line cannot be used, else the commonest."""
    bad = np.array([detail.is_malicious for detail in details], dtype=bool)
    # malicious labels come first in `details`, so argmax over the weighted counts lets them win
    total = meeting.met.sum(axis=1, keepdims=True)
    weights = np.where(bad[None, :] & (meeting.met > 0), meeting.met + total, meeting.met)
    near = np.where(meeting.gap_us <= nearest_us, meeting.nearest, UNLABELLED)
    codes = np.where(meeting.met.any(axis=1), weights.argmax(axis=1), near).astype(np.int32)
    if details[-1] == _UNUSABLE:
        doubtful = (meeting.met[:, -1] > 0) & ~meeting.met[:, bad].any(axis=1)
        codes[doubtful | (codes == len(details) - 1)] = UNLABELLED
    return codes


def meet(
    flows: pa.Table, rows: pa.Table, detail_codes: np.ndarray, n_details: int, tolerance_us: int
) -> Meeting:
    """Count, for each flow, the connections with the same endpoints whose time overlaps the flow's.

    Overlapping are the connections that start before the flow ends, less those that end before it starts;
    both counts come from one sort by endpoints and time, so a million rows take seconds. A line without a time
    of its own, which lasts from the beginning to the end of time, overlaps nothing and is near everything.
    """
    flow_keys, row_keys = _endpoint_keys(flows, rows)
    first_us = flows.column("start_us").to_numpy()
    last_us = first_us + np.maximum(flows.column("flow_duration_us").to_numpy(), 0)
    row_first, row_last = rows.column("first_us").to_numpy(), rows.column("last_us").to_numpy()
    timed = row_last < FOR_EVER_US
    of_timed = row_keys[timed], detail_codes[timed]
    started = _count_before(
        of_timed, row_first[timed], n_details, flow_keys, last_us + tolerance_us, inclusive=True
    )
    ended = _count_before(
        of_timed, row_last[timed], n_details, flow_keys, first_us - tolerance_us, inclusive=False
    )
    met = started - ended
    gap_us, nearest = (
        np.full(len(flow_keys), -1, dtype=np.int64),
        np.full(len(flow_keys), UNLABELLED, dtype=np.int64),
    )
    alone = np.flatnonzero(~met.any(axis=1))
    for after in (False, True):
        times = row_first if after else row_last
        edges = last_us if after else first_us
        found, rows_found = _neighbours(
            row_keys[timed], times[timed], flow_keys[alone], edges[alone], after=after
        )
        gaps = np.abs(times[timed][rows_found] - edges[alone][found])
        places = alone[found]
        # of two that are equally far, the later numbered detail: a line that cannot be used comes last
        nearer = (gap_us[places] < 0) | (gaps < gap_us[places])
        same = (gaps == gap_us[places]) & (detail_codes[timed][rows_found] > nearest[places])
        places, chosen = places[nearer | same], rows_found[nearer | same]
        gap_us[places], nearest[places] = gaps[nearer | same], detail_codes[timed][chosen]
    blocked = alone[np.isin(flow_keys[alone], row_keys[~timed])]
    gap_us[blocked], nearest[blocked] = 0, n_details - 1
    return Meeting(met, gap_us, nearest)


def _neighbours(
    row_keys: np.ndarray, row_times: np.ndarray, keys: np.ndarray, times: np.ndarray, *, after: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Find the row of the same key next in time, before or after.

    Returns
    -------
    found : (m,) int64
        Numbers of the queries that have one.
    rows : (m,) int64
        The rows.
    """
    ranks = np.unique(np.concatenate([row_times, times]), return_inverse=True)[1].astype(np.int64)
    stride = int(ranks.max(initial=0)) + 1
    row_places = row_keys * stride + ranks[: len(row_times)]
    places = keys * stride + ranks[len(row_times) :]
    order = np.argsort(row_places, kind="stable")
    at = np.searchsorted(row_places[order], places, side="left" if after else "right") - (0 if after else 1)
    inside = (at >= 0) & (at < len(order))
    found = np.flatnonzero(inside)
    rows = order[at[found]]
    same = row_keys[rows] == keys[found]
    return found[same], rows[same]


def _count_before(
    of_rows: tuple[np.ndarray, np.ndarray],
    row_times: np.ndarray,
    n_details: int,
    keys: np.ndarray,
    times: np.ndarray,
    *,
    inclusive: bool,
) -> np.ndarray:
    """Count per query the rows of all smaller keys, and of its key up to (inclusive) or before its time, per
    detail; `of_rows` are the rows' keys and details.
    """
    row_keys, row_details = of_rows
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


def _details(connections: Connections) -> tuple[list[Detail], np.ndarray]:
    """Number the labels of the log: malicious ones first, then by name, last the lines that cannot be used."""
    rows = connections.rows
    labels = connections.labels if connections.labels is not None else _labels_of(rows)
    words = (
        pc.if_else(rows.column("malicious"), rows.column("detail"), "").combine_chunks().dictionary_encode()
    )
    names = labels.combine_chunks().dictionary_encode()
    numbers = (words.indices.to_numpy().astype(np.int64), names.indices.to_numpy().astype(np.int64))
    pairs = np.unique(numbers[1] * len(words.dictionary) + numbers[0], return_inverse=True)
    found = [
        Detail(
            names.dictionary[pair // len(words.dictionary)].as_py(),
            words.dictionary[pair % len(words.dictionary)].as_py(),
        )
        for pair in pairs[0].tolist()
    ]
    ranked = sorted(found, key=lambda detail: (not detail.is_malicious, detail.word, detail.label))
    ranks = np.array([ranked.index(detail) for detail in found], dtype=np.int64)
    codes = ranks[pairs[1]]
    if connections.unusable is None or not connections.unusable.num_rows:
        return ranked, codes
    return [*ranked, _UNUSABLE], np.append(codes, np.full(connections.unusable.num_rows, len(ranked)))


def _labels_of(rows: pa.Table) -> pa.ChunkedArray:
    """Give the label of rows that are malicious or benign and nothing else."""
    return pc.if_else(rows.column("malicious"), "malicious", "benign")


def _verdict(detail: Detail, malicious: str, background: str) -> Verdict:
    """Say what a flow is that meets connections of this label."""
    if detail.is_malicious:
        return Verdict(malicious, detail.word, "malicious in the connection log")
    if detail == _UNUSABLE:
        return Verdict("", "", "its line of the connection log cannot be used")
    if background:
        return Verdict(background, "background", f"{detail.label} in the connection log")
    return Verdict("", "", f"background: {detail.label} in the connection log")


def _check_same_capture(capture: str, flows: pa.Table, rows: pa.Table, meeting: Meeting) -> None:
    """Complain when nothing meets."""
    if not flows.num_rows or meeting.met.any():
        return
    starts = flows.column("start_us").to_numpy()
    offset_s = (int(rows.column("first_us").to_numpy().min()) - int(starts.min())) / 1e6
    if (meeting.gap_us >= 0).any():
        raise ValueError(
            f"{capture}: endpoints of its {counted(flows.num_rows, 'flow')} are in the connection log, but never at the same time; the log "
            f"starts {offset_s:+,.0f} s after the flows: clocks or time zones differ, or it is the log of another recording"
        )
    raise ValueError(
        f"{capture}: none of its {counted(flows.num_rows, 'flow')} has endpoints of the connection log ({counted(rows.num_rows, 'row')}, starting "
        f"{offset_s:+,.0f} s after the flows): it is the log of another capture"
    )


def _notices(
    capture: str,
    meeting: Meeting,
    details: Sequence[Detail],
    other: np.ndarray,
    connections: Connections,
    nearest_us: int,
) -> list[Notice]:
    """Say how flows and connections met."""
    n_met = meeting.met.sum(axis=1)
    bad = np.array([detail.is_malicious for detail in details], dtype=bool)
    by_unusable = (meeting.met[:, -1] > 0) | (meeting.nearest == len(details) - 1)
    unusable = by_unusable if details[-1] == _UNUSABLE else np.zeros(len(n_met), dtype=bool)
    mixed = (meeting.met[:, bad].sum(axis=1) > 0) & (meeting.met[:, ~bad].sum(axis=1) > 0)
    near = (meeting.gap_us >= 0) & (meeting.gap_us <= nearest_us) & ~unusable
    far = meeting.gap_us > nearest_us
    third = sorted({detail.label for detail in details} - {"malicious", "benign", ""})
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
            int(near.sum()),
            "flows overlap no connection of their endpoints and take the nearest; the farthest is "
            f"{meeting.gap_us[near].max(initial=0) / 1e6:,.1f} s away",
        ),
        (
            "connection_too_far",
            "warning",
            int(far.sum()),
            f"flows have the endpoints of connections that are more than {nearest_us / 1e6:g} s away (`nearest_s`), and are unlabelled",
        ),
        (
            "own_line_unusable",
            "warning",
            int((unusable & ~meeting.met[:, bad].any(axis=1)).sum()),
            "flows belong to lines of the log that cannot be used, and are unlabelled",
        ),
        (
            "third_label",
            "info",
            int(meeting.met[:, [detail.label in third for detail in details]].any(axis=1).sum())
            if third
            else 0,
            f"flows meet connections labelled {', '.join(third[:5])}; they are background",
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
