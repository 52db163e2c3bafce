"""Read the headers of IPv4, IPv6, TCP, UDP, SCTP and ICMP."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    ICMP,
    ICMPV6,
    MALFORMED,
    METERED,
    SCTP,
    SPLIT_HEADER,
    TCP,
    TRUNCATED,
    UDP,
)
from iotids.flowmeter.kernels.reading import be16, be32, be64

AUTHENTICATION = 51  # IP protocol number


@kernel
def read_ports(data, at, packet):
    """Source and destination port."""
    packet["src_port"] = be16(data, at)
    packet["dst_port"] = be16(data, at + 2)


@kernel
def read_tcp(data, at, end, packet):
    """Ports, numbers, flags and window of a TCP header of which at least the flags are captured."""
    read_ports(data, at, packet)
    packet["protocol"] = TCP
    packet["seq"] = be32(data, at + 4)
    packet["ack"] = be32(data, at + 8)
    packet["flags"] = data[at + 13]
    packet["window"] = be16(data, at + 14) if at + 16 <= end else 0


@kernel
def read_tcp_words(ports_seq, ack, rest, packet):
    """As read_tcp, from the first 64, the next 32 and the next 32 bits of a header."""
    packet["src_port"] = (ports_seq >> 48) & 0xFFFF
    packet["dst_port"] = (ports_seq >> 32) & 0xFFFF
    packet["protocol"] = TCP
    packet["seq"] = ports_seq & 0xFFFFFFFF
    packet["ack"] = ack
    packet["flags"] = (rest >> 16) & 0xFF
    packet["window"] = rest & 0xFFFF


@kernel
def clear_packet(packet):
    """Fields of a packet that not every protocol sets."""
    packet["src_hi"] = 0
    packet["src_lo"] = 0
    packet["dst_hi"] = 0
    packet["dst_lo"] = 0
    packet["hash"] = 0
    packet["seq"] = 0
    packet["ack"] = 0
    packet["payload"] = 0
    packet["header"] = 0
    packet["src_port"] = 0
    packet["dst_port"] = 0
    packet["window"] = 0
    packet["protocol"] = 0
    packet["version"] = 4
    packet["icmp_type"] = -1
    packet["icmp_code"] = -1
    packet["flags"] = 0


@kernel
def read_ipv4(data, at, end, wire_end, packet):
    """Read an IPv4 header; (status, position behind it, its payload's length, protocol, fragment offset, more
    fragments, identification).
    """
    if at + 20 > end:
        return TRUNCATED, at, 0, 0, 0, False, 0
    header = (np.int64(data[at]) & 15) * 4
    total = be16(data, at + 2)
    if data[at] >> 4 != 4 or header < 20:
        return MALFORMED, at, 0, 0, 0, False, 0
    if total == 0:  # left to the network card
        total = wire_end - at
    total = min(total, wire_end - at)
    if total < header:
        return MALFORMED, at, 0, 0, 0, False, 0
    bits = be16(data, at + 6)
    packet["version"] = 4
    packet["src_hi"] = 0
    packet["dst_hi"] = 0
    packet["src_lo"] = be32(data, at + 12)
    packet["dst_lo"] = be32(data, at + 16)
    return (
        METERED,
        at + header,
        total - header,
        np.int64(data[at + 9]),
        bits & 0x1FFF,
        bits & 0x2000 != 0,
        be16(data, at + 4),
    )


@kernel
def read_ipv6(data, at, end, wire_end, packet):
    """Read an IPv6 header and its extension headers; returns as read_ipv4."""
    if at + 40 > end:
        return TRUNCATED, at, 0, 0, 0, False, 0
    if data[at] >> 4 != 6:
        return MALFORMED, at, 0, 0, 0, False, 0
    size = be16(data, at + 4)
    if size == 0:
        size = wire_end - at - 40
    size = min(size, wire_end - at - 40)
    protocol = np.int64(data[at + 6])
    packet["version"] = 6
    packet["src_hi"] = be64(data, at + 8)
    packet["src_lo"] = be64(data, at + 16)
    packet["dst_hi"] = be64(data, at + 24)
    packet["dst_lo"] = be64(data, at + 32)
    at += 40
    offset = np.int64(0)
    more = False
    ident = np.int64(0)
    while protocol in (0, 43, 44, 51, 60, 135, 139, 140):
        if at + 8 > end:
            return TRUNCATED, at, 0, 0, 0, False, 0
        length = (np.int64(data[at + 1]) + 1) * 8
        if protocol == 44:
            length = 8
            offset = be16(data, at + 2) >> 3
            more = data[at + 3] & 1 != 0
            ident = be32(data, at + 4)
        elif protocol == 51:
            length = (np.int64(data[at + 1]) + 2) * 4
        protocol = np.int64(data[at])
        at += length
        size -= length
        if size < 0:
            return MALFORMED, at, 0, 0, 0, False, 0
        if offset != 0:
            break
    return METERED, at, size, protocol, offset, more, ident


@kernel
def skip_authentication(data, at, end, size, protocol):
    """Step over authentication headers behind an IPv4 header; (status, position, length left, protocol)."""
    while protocol == AUTHENTICATION:
        if at + 8 > end:
            return TRUNCATED, at, size, protocol
        length = (np.int64(data[at + 1]) + 2) * 4
        protocol = np.int64(data[at])
        at += length
        size -= length
        if size < 0:
            return MALFORMED, at, size, protocol
    return METERED, at, size, protocol


@kernel
def read_transport(data, at, end, size, more, packet):
    """Read what stands above IP as far as it is captured: ports, of TCP the flags, of ICMP type and code.

    size : int — its length by the IP header.  end : int — where the captured bytes end.
    more : bool — whether further fragments follow, which may hold the rest of the header.
    Returns METERED or the reason, and how many bytes of the header further fragments hold; SPLIT_HEADER and its
    position for a TCP header without flags.
    """
    protocol = packet["protocol"]
    header = np.int64(0)
    if protocol == TCP:
        if more and size == 8 and at + 8 <= end:
            return SPLIT_HEADER, np.int64(at)
        if at + 14 > end:
            return TRUNCATED, np.int64(0)
        header = (np.int64(data[at + 12]) >> 4) * 4
        if header < 20 or (header > size and not more):
            return MALFORMED, np.int64(0)
        read_tcp(data, at, end, packet)
    elif protocol in (UDP, SCTP):
        header = np.int64(8 if protocol == UDP else 12)
        if at + 4 > end:
            return TRUNCATED, np.int64(0)
        if header > size and not more:
            return MALFORMED, np.int64(0)
        read_ports(data, at, packet)
    elif protocol in (ICMP, ICMPV6):
        if at + 2 > end:
            return TRUNCATED, np.int64(0)
        if size < 4:
            return MALFORMED, np.int64(0)
        packet["icmp_type"] = data[at]
        packet["icmp_code"] = data[at + 1]
    if header > 0:
        packet["header"] = header
        packet["payload"] = max(size - header, 0)
    return METERED, max(header - size, 0)
