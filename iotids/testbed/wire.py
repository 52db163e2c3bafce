"""Bytes of one packet: Ethernet, ARP, IPv4, TCP, UDP and ICMP headers with correct lengths and checksums."""

from __future__ import annotations

import struct

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
BROADCAST_MAC = b"\xff" * 6
MINIMUM_FRAME_BYTES = 60  # without the frame check sequence; network cards pad shorter frames with zeros


def mac(text: str) -> bytes:
    """Turn aa:bb:cc:dd:ee:ff into its six bytes."""
    return bytes.fromhex(text.replace(":", ""))


def mac_text(address: bytes) -> str:
    """Turn six bytes into aa:bb:cc:dd:ee:ff."""
    return address.hex(":")


def ip(text: str) -> int:
    """Turn a dotted quad into a 32-bit number."""
    return int.from_bytes(bytes(int(part) for part in text.split(".")), "big")


def ip_text(address: int) -> str:
    """Turn a 32-bit number into a dotted quad."""
    return ".".join(str(byte) for byte in address.to_bytes(4, "big"))


def checksum(data: bytes) -> int:
    """Compute the Internet checksum (RFC 1071); odd data is padded with a zero byte.

    The ones' complement sum of 16-bit words equals the whole as one big number modulo 65535.
    """
    if len(data) % 2:
        data += b"\0"
    return 0xFFFF - (int.from_bytes(data, "big") % 0xFFFF or (0xFFFF if any(data) else 0))


def ipv4(
    src: int, dst: int, protocol: int, payload: bytes, *, ttl: int, ident: int, dont_fragment: bool = True
) -> bytes:
    """Put an IPv4 header without options before a payload."""
    flags = 0x4000 if dont_fragment else 0
    head = struct.pack(
        "!BBHHHBBHII", 0x45, 0, 20 + len(payload), ident & 0xFFFF, flags, ttl, protocol, 0, src, dst
    )
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload


def tcp_segment(
    src: int,
    dst: int,
    src_port: int,
    dst_port: int,
    *,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    options: bytes = b"",
    payload: bytes = b"",
    urgent: int = 0,
) -> bytes:
    """Build a TCP segment; the options must be padded to a multiple of four bytes."""
    length = 20 + len(options) + len(payload)
    head = struct.pack(
        "!HHIIBBHHH",
        src_port,
        dst_port,
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        (5 + len(options) // 4) << 4,
        flags,
        window,
        0,
        urgent,
    )
    pseudo = struct.pack("!IIBBH", src, dst, 0, TCP, length)
    total = checksum(b"".join((pseudo, head, options, payload)))
    return b"".join((head[:16], total.to_bytes(2, "big"), head[18:], options, payload))


def udp_datagram(src: int, dst: int, src_port: int, dst_port: int, payload: bytes) -> bytes:
    """Build a UDP datagram; a computed checksum of zero is sent as 65535 (RFC 768)."""
    head = struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0)
    pseudo = struct.pack("!IIBBH", src, dst, 0, UDP, 8 + len(payload))
    total = checksum(b"".join((pseudo, head, payload))) or 0xFFFF
    return b"".join((head[:6], total.to_bytes(2, "big"), payload))


def icmp_message(kind: int, code: int, rest: int = 0, payload: bytes = b"") -> bytes:
    """Build an ICMP message; `rest` are the four bytes after the checksum (identifier and sequence of an
    echo).
    """
    head = struct.pack("!BBHI", kind, code, 0, rest)
    return head[:2] + checksum(head + payload).to_bytes(2, "big") + head[4:] + payload


def arp_message(opcode: int, src_mac: bytes, src_ip: int, dst_mac: bytes, dst_ip: int) -> bytes:
    """Build an ARP message for IPv4 over Ethernet; opcode 1 asks, 2 answers."""
    return (
        struct.pack("!HHBBH", 1, ETHERTYPE_IPV4, 6, 4, opcode)
        + src_mac
        + src_ip.to_bytes(4, "big")
        + dst_mac
        + dst_ip.to_bytes(4, "big")
    )


def ethernet(dst: bytes, src: bytes, ethertype: int, payload: bytes, *, padded: bool) -> bytes:
    """Put an Ethernet header before a payload and, if wanted, zeros behind it up to the minimum frame size."""
    frame = b"".join((dst, src, ethertype.to_bytes(2, "big"), payload))
    return frame.ljust(MINIMUM_FRAME_BYTES, b"\0") if padded else frame
