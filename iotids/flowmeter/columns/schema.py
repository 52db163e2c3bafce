"""Every column of a flow table, declared once: name, CICFlowMeter's name, type, unit, meaning.

Everything else (Arrow schemas, CSV headers, the feature list of the models, the feature dictionary) is
derived from here. Source: CICFlowMeter V4 (ahlashkari, 2021) and its corrected fork (Engelen, Rimmer, Joosen
2021; Liu et al. 2022); the 70 model features are Table I of Pecori et al., IJCNN 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column of a flow table."""

    name: str
    cic_name: str
    dtype: str
    unit: str
    meaning: str
    caveat: str = ""


# fmt: off
IDENTITY: tuple[Column, ...] = (
    Column("flow_id", "Flow ID", "string", "-", "key the flow was stored under: src-dst-sport-dport-protocol", "corrected: may be reversed against the address columns"),
    Column("src_ip", "Src IP", "string", "-", "address of the flow's initiator", "the first packet's sender, but see the profile"),
    Column("src_port", "Src Port", "int32", "-", "port of the initiator, 0 without ports"),
    Column("dst_ip", "Dst IP", "string", "-", "address of the flow's responder"),
    Column("dst_port", "Dst Port", "int32", "-", "port of the responder, 0 without ports"),
    Column("protocol", "Protocol", "int32", "-", "IP protocol number", "original, paper: 0 for all but TCP and UDP"),
    Column("start_us", "Timestamp", "int64", "µs", "time of the first packet since 1970-01-01 UTC, in clean of the earliest", "CSV: text in the tool's own layout, UTC"),
    Column("capture", "", "string", "-", "name of the capture file, relative to the source's root"),
    Column("flow_number", "", "int64", "-", "order of creation within the capture, from 0; packets name their flow by it"),
    Column("first_packet", "", "int64", "-", "number of the first packet within the capture, from 1 as in Wireshark"),
    Column("last_packet", "", "int64", "-", "number of the last packet within the capture"),
    Column("src_mac", "", "string", "-", "link-layer address of the initiator in the first packet, empty without one"),
    Column("dst_mac", "", "string", "-", "link-layer address of the responder in the first packet, empty without one"),
)

FEATURES: tuple[Column, ...] = (
    Column("flow_duration_us", "Flow Duration", "int64", "µs", "last packet minus first packet", "negative on captures out of order, but in clean: latest minus earliest time"),
    Column("fwd_packets", "Total Fwd Packet", "int64", "packets", "packets sent by the initiator"),
    Column("bwd_packets", "Total Bwd packets", "int64", "packets", "packets sent by the responder"),
    Column("fwd_bytes", "Total Length of Fwd Packet", "float64", "bytes", "payload bytes sent by the initiator", "payload above TCP or UDP, capped by the snap length except in clean"),
    Column("bwd_bytes", "Total Length of Bwd Packet", "float64", "bytes", "payload bytes sent by the responder"),
    Column("fwd_packet_max_bytes", "Fwd Packet Length Max", "float64", "bytes", "largest forward payload"),
    Column("fwd_packet_min_bytes", "Fwd Packet Length Min", "float64", "bytes", "smallest forward payload"),
    Column("fwd_packet_mean_bytes", "Fwd Packet Length Mean", "float64", "bytes", "mean forward payload"),
    Column("fwd_packet_std_bytes", "Fwd Packet Length Std", "float64", "bytes", "sample standard deviation of the forward payload", "0 for one packet"),
    Column("bwd_packet_max_bytes", "Bwd Packet Length Max", "float64", "bytes", "largest backward payload", "0 without backward packets"),
    Column("bwd_packet_min_bytes", "Bwd Packet Length Min", "float64", "bytes", "smallest backward payload", "0 without backward packets"),
    Column("bwd_packet_mean_bytes", "Bwd Packet Length Mean", "float64", "bytes", "mean backward payload", "0 without backward packets"),
    Column("bwd_packet_std_bytes", "Bwd Packet Length Std", "float64", "bytes", "sample standard deviation of the backward payload", "0 without backward packets"),
    Column("flow_bytes_per_s", "Flow Bytes/s", "float64", "bytes/s", "payload bytes of both directions over the duration", "duration 0: original, paper Infinity or NaN; corrected -1; clean 0"),
    Column("flow_packets_per_s", "Flow Packets/s", "float64", "packets/s", "packets of both directions over the duration", "duration 0: original, paper Infinity; corrected -1; clean 0"),
    Column("flow_iat_mean_us", "Flow IAT Mean", "float64", "µs", "mean time between consecutive packets"),
    Column("flow_iat_std_us", "Flow IAT Std", "float64", "µs", "sample standard deviation of the time between consecutive packets"),
    Column("flow_iat_max_us", "Flow IAT Max", "float64", "µs", "longest time between consecutive packets"),
    Column("flow_iat_min_us", "Flow IAT Min", "float64", "µs", "shortest time between consecutive packets"),
    Column("fwd_iat_total_us", "Fwd IAT Total", "float64", "µs", "sum of times between forward packets", "0 with fewer than two"),
    Column("fwd_iat_mean_us", "Fwd IAT Mean", "float64", "µs", "mean time between forward packets", "0 with fewer than two"),
    Column("fwd_iat_std_us", "Fwd IAT Std", "float64", "µs", "sample standard deviation of the time between forward packets", "0 with fewer than two"),
    Column("fwd_iat_max_us", "Fwd IAT Max", "float64", "µs", "longest time between forward packets", "0 with fewer than two"),
    Column("fwd_iat_min_us", "Fwd IAT Min", "float64", "µs", "shortest time between forward packets", "0 with fewer than two"),
    Column("bwd_iat_total_us", "Bwd IAT Total", "float64", "µs", "sum of times between backward packets", "0 with fewer than two"),
    Column("bwd_iat_mean_us", "Bwd IAT Mean", "float64", "µs", "mean time between backward packets", "0 with fewer than two"),
    Column("bwd_iat_std_us", "Bwd IAT Std", "float64", "µs", "sample standard deviation of the time between backward packets", "0 with fewer than two"),
    Column("bwd_iat_max_us", "Bwd IAT Max", "float64", "µs", "longest time between backward packets", "0 with fewer than two"),
    Column("bwd_iat_min_us", "Bwd IAT Min", "float64", "µs", "shortest time between backward packets", "0 with fewer than two"),
    Column("fwd_psh_flags", "Fwd PSH Flags", "int64", "packets", "forward packets with PSH", "original, paper: only the first packet can count"),
    Column("bwd_psh_flags", "Bwd PSH Flags", "int64", "packets", "backward packets with PSH", "original, paper: always 0"),
    Column("fwd_urg_flags", "Fwd URG Flags", "int64", "packets", "forward packets with URG", "original, paper: only the first packet can count"),
    Column("bwd_urg_flags", "Bwd URG Flags", "int64", "packets", "backward packets with URG", "original, paper: always 0"),
    Column("fwd_header_bytes", "Fwd Header Length", "int64", "bytes", "sum of forward transport headers", "TCP 20 to 60, UDP 8; IP headers are not counted"),
    Column("bwd_header_bytes", "Bwd Header Length", "int64", "bytes", "sum of backward transport headers", "TCP 20 to 60, UDP 8; IP headers are not counted"),
    Column("fwd_packets_per_s", "Fwd Packets/s", "float64", "packets/s", "forward packets over the duration", "0 when the duration is 0"),
    Column("bwd_packets_per_s", "Bwd Packets/s", "float64", "packets/s", "backward packets over the duration", "0 when the duration is 0"),
    Column("packet_min_bytes", "Packet Length Min", "float64", "bytes", "smallest payload of either direction"),
    Column("packet_max_bytes", "Packet Length Max", "float64", "bytes", "largest payload of either direction"),
    Column("packet_mean_bytes", "Packet Length Mean", "float64", "bytes", "mean payload of both directions", "original, paper: the first packet counts twice"),
    Column("packet_std_bytes", "Packet Length Std", "float64", "bytes", "sample standard deviation of the payload", "original, paper: the first packet counts twice"),
    Column("packet_variance_bytes2", "Packet Length Variance", "float64", "bytes²", "sample variance of the payload", "original, paper: the first packet counts twice"),
    Column("fin_flags", "FIN Flag Count", "int64", "packets", "packets with FIN"),
    Column("syn_flags", "SYN Flag Count", "int64", "packets", "packets with SYN"),
    Column("rst_flags", "RST Flag Count", "int64", "packets", "packets with RST"),
    Column("psh_flags", "PSH Flag Count", "int64", "packets", "packets with PSH"),
    Column("ack_flags", "ACK Flag Count", "int64", "packets", "packets with ACK"),
    Column("urg_flags", "URG Flag Count", "int64", "packets", "packets with URG"),
    Column("cwr_flags", "CWR Flag Count", "int64", "packets", "packets with CWR", "paper-era CSV header: CWE Flag Count"),
    Column("ece_flags", "ECE Flag Count", "int64", "packets", "packets with ECE"),
    Column("down_up_ratio", "Down/Up Ratio", "float64", "-", "backward packets over forward packets", "original, paper: integer division"),
    Column("packet_average_bytes", "Average Packet Size", "float64", "bytes", "payload bytes over packets", "original, paper: the first packet's payload counts twice"),
    Column("fwd_segment_average_bytes", "Fwd Segment Size Avg", "float64", "bytes", "forward payload bytes over forward packets", "the forward mean again, up to rounding"),
    Column("bwd_segment_average_bytes", "Bwd Segment Size Avg", "float64", "bytes", "backward payload bytes over backward packets", "the backward mean again, up to rounding"),
    Column("fwd_bulk_bytes", "Fwd Bytes/Bulk Avg", "float64", "bytes", "mean bytes of a forward bulk (4 or more packets, gaps up to 1 s)", "original, paper: always 0"),
    Column("fwd_bulk_packets", "Fwd Packet/Bulk Avg", "float64", "packets", "mean packets of a forward bulk", "original, paper: always 0"),
    Column("fwd_bulk_bytes_per_s", "Fwd Bulk Rate Avg", "float64", "bytes/s", "bytes of forward bulks over their duration", "original, paper: always 0"),
    Column("bwd_bulk_bytes", "Bwd Bytes/Bulk Avg", "float64", "bytes", "mean bytes of a backward bulk", "original: of the whole flow, integer division; paper: shows the forward value"),
    Column("bwd_bulk_packets", "Bwd Packet/Bulk Avg", "float64", "packets", "mean packets of a backward bulk", "original, paper: of the whole flow, integer division"),
    Column("bwd_bulk_bytes_per_s", "Bwd Bulk Rate Avg", "float64", "bytes/s", "bytes of backward bulks over their duration", "original, paper: of the whole flow, truncated"),
    Column("subflow_fwd_packets", "Subflow Fwd Packets", "float64", "packets", "forward packets over gaps longer than 1 s", "0 without gaps; original integer division; paper: a sub-flow per packet"),
    Column("subflow_fwd_bytes", "Subflow Fwd Bytes", "float64", "bytes", "forward bytes over gaps longer than 1 s", "0 without gaps; original integer division; paper: a sub-flow per packet"),
    Column("subflow_bwd_packets", "Subflow Bwd Packets", "float64", "packets", "backward packets over gaps longer than 1 s", "0 without gaps; original integer division; paper: a sub-flow per packet"),
    Column("subflow_bwd_bytes", "Subflow Bwd Bytes", "float64", "bytes", "backward bytes over gaps longer than 1 s", "0 without gaps; original integer division; paper: a sub-flow per packet"),
    Column("fwd_init_window_bytes", "FWD Init Win Bytes", "int64", "bytes", "TCP window of the first forward packet, not scaled", "0 without TCP"),
    Column("bwd_init_window_bytes", "Bwd Init Win Bytes", "int64", "bytes", "TCP window of the responder's first packet, not scaled", "original, paper: of its last packet; corrected: first non-zero"),
    Column("fwd_data_packets", "Fwd Act Data Pkts", "int64", "packets", "forward packets with payload", "original, paper: the first packet never counts"),
    Column("fwd_header_min_bytes", "Fwd Seg Size Min", "int64", "bytes", "smallest forward transport header"),
    Column("active_mean_us", "Active Mean", "float64", "µs", "mean time active before going idle (gap above the activity timeout)", "0 without such a gap; the last active period never counts"),
    Column("active_std_us", "Active Std", "float64", "µs", "sample standard deviation of the active times", "0 without such a gap"),
    Column("active_max_us", "Active Max", "float64", "µs", "longest active time", "0 without such a gap"),
    Column("active_min_us", "Active Min", "float64", "µs", "shortest active time", "0 without such a gap"),
    Column("idle_mean_us", "Idle Mean", "float64", "µs", "mean idle time", "0 without such a gap; paper: mixes in absolute times of 1e15"),
    Column("idle_std_us", "Idle Std", "float64", "µs", "sample standard deviation of the idle times", "as idle_mean_us"),
    Column("idle_max_us", "Idle Max", "float64", "µs", "longest idle time", "as idle_mean_us"),
    Column("idle_min_us", "Idle Min", "float64", "µs", "shortest idle time", "as idle_mean_us"),
)

CORRECTED_EXTRAS: tuple[Column, ...] = (
    Column("fwd_rst_flags", "Fwd RST Flags", "int64", "packets", "forward packets with RST"),
    Column("bwd_rst_flags", "Bwd RST Flags", "int64", "packets", "backward packets with RST"),
    Column("bwd_data_packets", "Bwd Act Data Pkts", "int64", "packets", "backward packets with payload"),
    Column("bwd_header_min_bytes", "Bwd Seg Size Min", "int64", "bytes", "smallest backward transport header", "corrected: 0 unless the flow's first packet was a backward one"),
    Column("icmp_code", "ICMP Code", "int64", "-", "code of the first packet, -1 without ICMP"),
    Column("icmp_type", "ICMP Type", "int64", "-", "type of the first packet, -1 without ICMP"),
    Column("fwd_retransmissions", "Fwd TCP Retrans. Count", "int64", "packets", "forward TCP packets seen before in the flow", "corrected: bare duplicate ACKs count too"),
    Column("bwd_retransmissions", "Bwd TCP Retrans. Count", "int64", "packets", "backward TCP packets seen before in the flow", "corrected: bare duplicate ACKs count too"),
    Column("retransmissions", "Total TCP Retrans. Count", "int64", "packets", "TCP packets seen before in the flow", "corrected: bare duplicate ACKs count too"),
    Column("connection_duration_us", "Total Connection Flow Time", "int64", "µs", "durations of this and all earlier parts of the connection and the gaps between", "0 but for TCP and UDP"),
)
# fmt: on

SEQUENCE_PACKETS = 32  # the same number as in kernels/layout.py, a test compares them
SEQUENCE: tuple[Column, ...] = (
    Column(
        "sequence_bytes",
        "",
        f"int32[{SEQUENCE_PACKETS}]",
        "bytes",
        f"payload of each of the first {SEQUENCE_PACKETS} packets, below 0 from the responder; 0 behind the last",
        "as fwd_bytes and bwd_bytes count it",
    ),
    Column(
        "sequence_iat_us",
        "",
        f"int32[{SEQUENCE_PACKETS}]",
        "µs",
        "time since the packet before, of the first 0; 0 behind the last",
        "as flow_iat_* count it; from 2,147,483,647 on, or as far back, this",
    ),
    Column(
        "sequence_flags",
        "",
        f"int16[{SEQUENCE_PACKETS}]",
        "-",
        "TCP flags of each of these packets: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128",
        "0 without TCP",
    ),
)

TRUTH: tuple[Column, ...] = (
    Column("source", "", "string", "-", "the network the flow comes from: D1, D2, D3, D4 or a name of yours"),
    Column(
        "group",
        "",
        "string",
        "-",
        "recording round or device; flows of one group never stand on both sides of a grouped split",
    ),
    Column("label", "Label", "string", "-", "class of the flow, one of the class list"),
    Column("sublabel", "", "string", "-", "finer class as the dataset names it, empty without one"),
    Column("label_rule", "", "string", "-", "the rule that gave the label"),
)

BULK_NAMES: tuple[str, ...] = tuple(c.name for c in FEATURES if "_bulk_" in c.name)
IDENTITY_NAMES: tuple[str, ...] = tuple(c.name for c in IDENTITY)
FEATURE_NAMES: tuple[str, ...] = tuple(c.name for c in FEATURES)
TRUTH_NAMES: tuple[str, ...] = tuple(c.name for c in TRUTH)
MODEL_FEATURE_NAMES: tuple[str, ...] = tuple(name for name in FEATURE_NAMES if name not in BULK_NAMES)


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Arrow schema of some columns, in their order; no column can be null."""
    import pyarrow as pa  # kernels have their column names from here and need no Arrow

    def type_of(dtype: str) -> pa.DataType:
        kind, _, length = dtype.removesuffix("]").partition("[")
        single = pa.type_for_alias(kind)
        return pa.list_(pa.field("element", single, nullable=False), int(length)) if length else single

    return pa.schema([pa.field(c.name, type_of(c.dtype), nullable=False) for c in columns])
