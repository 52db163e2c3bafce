"""Small packet and flow tables for the tests of the ground truth, written by hand."""

from __future__ import annotations

import ipaddress

import pyarrow as pa

from iotids.flowmeter.columns.schema import FEATURES, IDENTITY, arrow_schema
from iotids.truth.labelling.flow_rows import flows_in_memory
from stages.label import label_source

PACKET_SCHEMA = pa.schema(
    [
        ("packet_number", pa.int64()),
        ("time_us", pa.int64()),
        ("flow_number", pa.int64()),
        ("captured_bytes", pa.int32()),
        ("wire_bytes", pa.int32()),
        ("eth_src", pa.uint64()),
        ("eth_dst", pa.uint64()),
        ("eth_type", pa.int32()),
        ("ip_src", pa.uint32()),
        ("ip_dst", pa.uint32()),
        ("ip_protocol", pa.int16()),
        ("src_port", pa.int32()),
        ("dst_port", pa.int32()),
        ("tcp_flags", pa.int16()),
        ("tcp_window", pa.int32()),
        ("icmp_type", pa.int16()),
        ("icmp_code", pa.int16()),
        ("arp_opcode", pa.int16()),
        ("arp_src_mac", pa.uint64()),
        ("arp_dst_mac", pa.uint64()),
        ("arp_src_ip", pa.uint32()),
        ("arp_dst_ip", pa.uint32()),
        ("ip_version", pa.int16()),
        ("ip6_src_hi", pa.uint64()),
        ("ip6_src_lo", pa.uint64()),
        ("ip6_dst_hi", pa.uint64()),
        ("ip6_dst_lo", pa.uint64()),
    ]
)
ABSENT = {
    "packet_number": 1,
    "time_us": 0,
    "flow_number": 0,
    "captured_bytes": 60,
    "wire_bytes": 60,
    "eth_src": 0,
    "eth_dst": 0,
    "eth_type": -1,
    "ip_src": 0,
    "ip_dst": 0,
    "ip_protocol": -1,
    "src_port": -1,
    "dst_port": -1,
    "tcp_flags": -1,
    "tcp_window": -1,
    "icmp_type": -1,
    "icmp_code": -1,
    "arp_opcode": -1,
    "arp_src_mac": 0,
    "arp_dst_mac": 0,
    "arp_src_ip": 0,
    "arp_dst_ip": 0,
    "ip_version": 0,
    "ip6_src_hi": 0,
    "ip6_src_lo": 0,
    "ip6_dst_hi": 0,
    "ip6_dst_lo": 0,
}
SYN, RST, ACK, PSH = 0x02, 0x04, 0x10, 0x08


def mac(text: str) -> int:
    return int(text.replace(":", ""), 16)


def ip(text: str) -> int:
    return int(ipaddress.IPv4Address(text))


def addresses(src: str, dst: str) -> dict[str, int]:
    """Address columns of a packet, of either version."""
    if ":" not in src:
        return {"ip_version": 4, "ip_src": ip(src), "ip_dst": ip(dst)}
    ends = {"src": int(ipaddress.IPv6Address(src)), "dst": int(ipaddress.IPv6Address(dst))}
    halves = {f"ip6_{end}_hi": number >> 64 for end, number in ends.items()} | {
        f"ip6_{end}_lo": number & (2**64 - 1) for end, number in ends.items()
    }
    return {"ip_version": 6, "eth_type": 0x86DD, **halves}


def ethernet(src: str = "02:00:00:00:00:01", dst: str = "02:00:00:00:00:02", **more: int) -> dict[str, int]:
    return {"eth_src": mac(src), "eth_dst": mac(dst), "eth_type": 0x0800, **more}


def tcp(
    src: str, dst: str, sport: int, dport: int, flags: int = ACK, window: int = 512, **more: int
) -> dict[str, int]:
    ports = {"src_port": sport, "dst_port": dport}
    return {
        **ethernet(),
        **addresses(src, dst),
        "ip_protocol": 6,
        **ports,
        "tcp_flags": flags,
        "tcp_window": window,
        **more,
    }


def udp(src: str, dst: str, sport: int, dport: int, **more: int) -> dict[str, int]:
    return {
        **ethernet(),
        **addresses(src, dst),
        "ip_protocol": 17,
        "src_port": sport,
        "dst_port": dport,
        **more,
    }


def icmp(src: str, dst: str, kind: int = 8, **more: int) -> dict[str, int]:
    return {
        **ethernet(),
        **addresses(src, dst),
        "ip_protocol": 58 if ":" in src else 1,
        "icmp_type": kind,
        "icmp_code": 0,
        **more,
    }


def arp(
    src_mac: str,
    dst_mac: str,
    src_ip: str,
    dst_ip: str,
    opcode: int = 1,
    eth_dst: str = "ff:ff:ff:ff:ff:ff",
    **more: int,
) -> dict[str, int]:
    claims = {
        "arp_src_mac": mac(src_mac),
        "arp_dst_mac": mac(dst_mac),
        "arp_src_ip": ip(src_ip),
        "arp_dst_ip": ip(dst_ip),
    }
    return {
        "eth_src": mac(src_mac),
        "eth_dst": mac(eth_dst),
        "eth_type": 0x0806,
        "arp_opcode": opcode,
        **claims,
        "flow_number": -1,
        **more,
    }


def packets(*rows: dict[str, int]) -> pa.RecordBatch:
    full = [{**ABSENT, "packet_number": number, **row} for number, row in enumerate(rows, start=1)]
    return pa.RecordBatch.from_pylist(full, schema=PACKET_SCHEMA)


def flows(*rows: dict[str, object]) -> pa.Table:
    """Flow rows; what a row does not say is 0 or empty, `flow_number` counts within the table."""
    columns = (*IDENTITY, *FEATURES)
    blank = {column.name: "" if column.dtype == "string" else 0 for column in columns}
    full = [{**blank, "capture": "a.pcap", "flow_number": number, **row} for number, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema=arrow_schema(columns))


def flow(
    src: str,
    sport: int,
    dst: str,
    dport: int,
    protocol: int = 6,
    start_us: int = 0,
    duration_us: int = 0,
    **more: object,
) -> dict[str, object]:
    ends = {"src_ip": src, "src_port": sport, "dst_ip": dst, "dst_port": dport, "protocol": protocol}
    return {**ends, "start_us": start_us, "flow_duration_us": duration_us, **more}


def label_table(source, table, *given):  # type: ignore[no-untyped-def]
    """Labelled flows, flows kept apart, and the summary of a table in memory."""
    labels, summary = label_source(source, flows_in_memory(table), *given)
    return *labels.divide(table), summary
