"""Build packets and captures byte by byte, for tests: nothing here uses the code under test."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
MAC_A = bytes.fromhex("020000000001")
MAC_B = bytes.fromhex("020000000002")


@dataclass(frozen=True)
class Record:
    """A captured frame: time in microseconds, its bytes, and its length on the wire where the capture cut it."""

    time_us: int
    data: bytes
    wire: int = -1

    @property
    def wire_bytes(self) -> int:
        """Length on the wire."""
        return len(self.data) if self.wire < 0 else self.wire


def tcp(
    src_port: int = 1000,
    dst_port: int = 80,
    *,
    flags: int = ACK,
    seq: int = 0,
    ack: int = 0,
    window: int = 100,
    payload: bytes = b"",
    options: bytes = b"",
) -> bytes:
    """A TCP segment; options must be a multiple of four bytes long."""
    return (
        struct.pack(
            "!HHIIBBHHH", src_port, dst_port, seq, ack, (5 + len(options) // 4) << 4, flags, window, 0, 0
        )
        + options
        + payload
    )


def udp(src_port: int = 1000, dst_port: int = 53, payload: bytes = b"") -> bytes:
    """A UDP datagram."""
    return struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0) + payload


def sctp(src_port: int = 1000, dst_port: int = 2905, payload: bytes = b"") -> bytes:
    """An SCTP packet."""
    return struct.pack("!HHII", src_port, dst_port, 1, 0) + payload


def icmp(kind: int = 8, code: int = 0, body: bytes = b"\0\0\0\0") -> bytes:
    """An ICMP message."""
    return struct.pack("!BBH", kind, code, 0) + body


def ipv4(
    src: str,
    dst: str,
    protocol: int,
    payload: bytes = b"",
    *,
    options: bytes = b"",
    offset: int = 0,
    more: bool = False,
    ident: int = 0,
    total: int = -1,
) -> bytes:
    """An IPv4 packet; `offset` in units of eight bytes, `total` overrides the total length."""
    header = 20 + len(options)
    length = header + len(payload) if total < 0 else total
    fields = struct.pack(
        "!BBHHHBBH", 0x40 | header // 4, 0, length, ident, (0x2000 if more else 0) | offset, 64, protocol, 0
    )
    return fields + ipaddress.IPv4Address(src).packed + ipaddress.IPv4Address(dst).packed + options + payload


def ipv6(src: str, dst: str, next_header: int, payload: bytes = b"", *, length: int = -1) -> bytes:
    """An IPv6 packet."""
    fields = struct.pack("!IHBB", 6 << 28, len(payload) if length < 0 else length, next_header, 64)
    return fields + ipaddress.IPv6Address(src).packed + ipaddress.IPv6Address(dst).packed + payload


def ethernet(
    payload: bytes, kind: int = 0x0800, *, src: bytes = MAC_A, dst: bytes = MAC_B, pad: bool = False
) -> bytes:
    """An Ethernet frame; pad: filled up to 60 bytes."""
    frame = dst + src + struct.pack("!H", kind) + payload
    return frame.ljust(60, b"\0") if pad else frame


def vlan(payload: bytes, kind: int = 0x0800, *, number: int = 5) -> bytes:
    """What stands behind ethertype 0x8100: a tag and the ethertype of the payload."""
    return struct.pack("!HH", number, kind) + payload


def arp(operation: int = 1) -> bytes:
    """An ARP packet from 10.0.0.1 to 10.0.0.2."""
    return (
        struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
        + MAC_A
        + bytes([10, 0, 0, 1])
        + MAC_B
        + bytes([10, 0, 0, 2])
    )


def pcap_bytes(
    records: Iterable[Record],
    *,
    link: int = 1,
    big: bool = False,
    nanoseconds: bool = False,
    snap: int = 262_144,
) -> bytes:
    """A classic capture."""
    order = ">" if big else "<"
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)]
    for record in records:
        fraction = record.time_us % 1_000_000 * (1000 if nanoseconds else 1)
        out.append(
            struct.pack(
                order + "IIII", record.time_us // 1_000_000, fraction, len(record.data), record.wire_bytes
            )
            + record.data
        )
    return b"".join(out)


def ng_block(kind: int, body: bytes, *, big: bool = False) -> bytes:
    """A pcapng block around a body, which is padded to four bytes."""
    order = ">" if big else "<"
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def ng_section(*, big: bool = False) -> bytes:
    """A section header."""
    return ng_block(0x0A0D0D0A, struct.pack((">" if big else "<") + "IHHq", 0x1A2B3C4D, 1, 0, -1), big=big)


def ng_interface(
    link: int = 1,
    *,
    resolution: int | None = None,
    offset_s: int | None = None,
    snap: int = 0,
    big: bool = False,
) -> bytes:
    """An interface description; `resolution` is the raw byte of if_tsresol."""
    order = ">" if big else "<"
    body = struct.pack(order + "HHI", link, 0, snap)
    if resolution is not None:
        body += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset_s is not None:
        body += struct.pack(order + "HHq", 14, 8, offset_s)
    return ng_block(1, body + struct.pack(order + "HH", 0, 0), big=big)


def ng_packet(data: bytes, ticks: int, *, interface: int = 0, wire: int = -1, big: bool = False) -> bytes:
    """An enhanced packet block."""
    order = ">" if big else "<"
    head = struct.pack(
        order + "IIIII",
        interface,
        ticks >> 32,
        ticks & 0xFFFFFFFF,
        len(data),
        len(data) if wire < 0 else wire,
    )
    return ng_block(6, head + data + bytes(-len(data) % 4), big=big)


def write_pcap(path: Path, records: Sequence[Record], **options: int) -> Path:
    """Write a classic capture; options as for pcap_bytes."""
    path.write_bytes(pcap_bytes(records, **options))  # type: ignore[arg-type]
    return path
