"""Which program wrote a table, by its columns, and which of that program's known quirks its values show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iotids.auditing.scorecard.finding import Finding
from iotids.auditing.scorecard.roles import normalised
from iotids.auditing.scorecard.tables import Labelled
from iotids.counted import counted


class Exporter(NamedTuple):
    """Name with version, columns that only it writes (normalised), and what is published about it."""

    name: str
    columns: frozenset[str]
    known: str


def _columns(text: str) -> frozenset[str]:
    return frozenset(normalised(word) for word in text.split(", "))


CIC_FAULTS = "TCP flows end at the first FIN and counts are wrong (Engelen, Rimmer and Joosen, SPW 2021; Rosay et al., ICISSP 2022; Liu et al., CNS 2022)"
EXPORTERS = (
    Exporter(
        "CICFlowMeter 3 (as CIC-IDS2017)",
        _columns(
            "Total Length of Fwd Packets, Init_Win_bytes_forward, min_seg_size_forward, Min Packet Length, Fwd Packets/s, Bwd Packet Length Max"
        ),
        CIC_FAULTS,
    ),
    Exporter(
        "CICFlowMeter 4 (as CSE-CIC-IDS2018, IoTID20)",
        _columns(
            "TotLen Fwd Pkts, Fwd Pkt Len Max, Flow Byts/s, Flow Pkts/s, Init Fwd Win Byts, Fwd Seg Size Min, Fwd IAT Tot, Pkt Size Avg"
        ),
        CIC_FAULTS,
    ),
    Exporter(
        "CICFlowMeter 4, column names of 2020 and later",
        _columns(
            "Total Fwd Packet, Total Bwd packets, Fwd Segment Size Avg, FWD Init Win Bytes, Bwd Bulk Rate Avg, Packet Length Min"
        ),
        CIC_FAULTS,
    ),
    Exporter(
        "cicflowmeter for Python",
        _columns(
            "tot_fwd_pkts, totlen_fwd_pkts, flow_byts_s, init_fwd_win_byts, fwd_seg_size_min, src_mac, cwe_flag_count"
        ),
        "a re-implementation; its figures differ from the Java program's",
    ),
    Exporter(
        "Argus with Bot-IoT's features",
        _columns(
            "pkSeqID, stime, saddr, sport, daddr, dport, N_IN_Conn_P_SrcIP, AR_P_Proto_P_SrcIP, seq, drate, srate"
        ),
        "counts over the last 100 rows depend on the order of the file",
    ),
    Exporter(
        "Argus and Zeek with UNSW-NB15's features",
        _columns(
            "sttl, dttl, sload, dload, ct_srv_src, ct_state_ttl, ct_dst_ltm, is_sm_ips_ports, sbytes, dbytes"
        ),
        "ct_* count over the last 100 rows; sttl tells the test bed's hosts apart",
    ),
    Exporter(
        "Zeek conn.log",
        _columns(
            "uid, id.orig_h, id.resp_h, id.orig_p, orig_bytes, resp_bytes, conn_state, history, missed_bytes"
        ),
        "empty fields are `-`; bytes are from sequence numbers and can be far too large",
    ),
    Exporter(
        "nProbe NetFlow v9 (NF-… datasets)",
        _columns(
            "IPV4_SRC_ADDR, IPV4_DST_ADDR, L4_SRC_PORT, L7_PROTO, IN_BYTES, OUT_BYTES, FLOW_DURATION_MILLISECONDS, TCP_FLAGS"
        ),
        "durations in ms; TTL and window columns of v2 tell hosts apart",
    ),
    Exporter(
        "NFStream",
        _columns(
            "bidirectional_packets, src2dst_packets, dst2src_bytes, bidirectional_first_seen_ms, application_name"
        ),
        "application names come from nDPI and depend on its version",
    ),
    Exporter(
        "Kitsune's AfterImage (N-BaIoT)",
        _columns(
            "MI_dir_L5_weight, MI_dir_L5_mean, HH_L5_weight, HH_jit_L5_mean, HpHp_L5_weight, H_L5_weight"
        ),
        "features are running statistics: neighbouring rows share packets",
    ),
    Exporter(
        "CICIoT2023's own extractor",
        _columns(
            "Header_Length, Protocol Type, Magnitue, Tot sum, Covariance, Srate, Radius, fin_flag_number"
        ),
        "rows are windows of 10 or 100 packets, whose size depends on the class",
    ),
    Exporter(
        "tshark fields (Edge-IIoTset)",
        _columns("frame.time, ip.src_host, tcp.ack_raw, mqtt.topic, http.request.method, tcp.connection.syn"),
        "rows are packets; addresses, payload and absolute numbers are among the columns",
    ),
    Exporter(
        "iotids meter",
        _columns(
            "flow_duration_us, fwd_packets, bwd_packets, fwd_packet_max_bytes, flow_iat_mean_us, fwd_iat_total_us"
        ),
        "the profile is in the table's metadata",
    ),
)
ENOUGH = 0.5
ABSOLUTE_TIME_US = 1e14


def check_exporter(table: Labelled) -> Finding:
    """The exporter whose columns fit best, and the quirks that the values show."""
    names = frozenset(map(normalised, table.columns))
    fits = {one.name: len(one.columns & names) / len(one.columns) for one in EXPORTERS}
    best = max(EXPORTERS, key=lambda one: fits[one.name])
    quirks = _quirks(table)
    known = fits[best.name] >= ENOUGH
    said = (
        f"the columns are those of {best.name} ({100 * fits[best.name]:.0f} % of its marks): {best.known}."
        if known
        else "no known exporter has these columns."
    )
    if quirks:
        said += f" Its values show: {'; '.join(quirks.values())}."
    return Finding(
        "exporter fingerprint",
        bool(known or quirks),
        said,
        {"fits": {k: v for k, v in fits.items() if v}, "quirks": quirks},
    )


def _quirks(table: Labelled) -> dict[str, str]:
    """Faults of exporters that can be read off the values."""
    by_normal = {normalised(name): (name, values) for name, values in table.features.items()}
    found = {}
    duration = next((by_normal[n] for n in ("flowduration", "flowdurationus") if n in by_normal), None)
    if duration:
        values = duration[1]
        longest = np.nanmax(values)
        if (values < 0).any():
            found["negative duration"] = (
                f"{int((values < 0).sum()):,} negative durations (packets out of order)"
            )
        if (values == 0).any():
            found["zero duration"] = (
                f"{100 * np.mean(values == 0):.1f} % of the flows last 0 µs, where rates are infinite or set to 0"
            )
        for seconds, name in (
            (0.1, "0.1"),
            (15, "15"),
            (60, "60"),
            (120, "120"),
            (600, "600"),
            (3600, "3600"),
        ):
            if 0.98 * seconds <= longest / 1e6 <= 1.001 * seconds:
                found["timeout"] = (
                    f"the longest flow has {longest / 1e6:.6g} s, which is a flow timeout of {name} s"
                )
    windows = [
        name for normal, (name, values) in by_normal.items() if "win" in normal and (values == -1).any()
    ]
    if windows:
        found["window of -1"] = f"{', '.join(windows[:2])}: -1 where there is no TCP window, which names UDP"
    late = [
        n
        for k, (n, v) in by_normal.items()
        if k.startswith(("idle", "active")) and (v > ABSOLUTE_TIME_US).any()
    ]
    if late:
        found["absolute idle time"] = f"{', '.join(late)} hold points in time in place of spans"
    equal = _equal_pairs(table)
    if equal:
        found["equal columns"] = (
            f"{counted(len(equal), 'column')} equal to another ({equal[0][1]} = {equal[0][0]})"
        )
    return found


def _equal_pairs(table: Labelled) -> list[tuple[str, str]]:
    """Columns that hold the same values as an earlier one, without the constant ones."""
    seen: dict[bytes, str] = {}
    pairs = []
    for name, values in table.features.items():
        if np.nanmin(values) == np.nanmax(values):
            continue
        key = np.ascontiguousarray(values[:200_000]).tobytes()
        if key in seen:
            pairs.append((seen[key], name))
        else:
            seen[key] = name
    return pairs
