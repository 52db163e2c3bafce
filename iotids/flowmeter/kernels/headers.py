"""Read the headers of IPv4, IPv6, TCP, UDP, SCTP and ICMP, and join later fragments to their first one."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    ICMP,
    ICMPV6,
    LATER_FRAGMENT,
    MALFORMED,
    METERED,
    SCTP,
    TCP,
    TRUNCATED,
    UDP,
)
from iotids.flowmeter.kernels.reading import be16, be32, be64


@kernel
def read_ports(data, at, packet):
    """Source and destination port."""
    packet["src_port"] = be16(data, at)
    packet["dst_port"] = be16(data, at + 2)


@kernel
def read_tcp(data, at, packet):
    """Ports, numbers, flags and window of a TCP header of at least 20 bytes."""
    read_ports(data, at, packet)
    packet["protocol"] = TCP
    packet["seq"] = be32(data, at + 4)
    packet["ack"] = be32(data, at + 8)
    packet["flags"] = data[at + 13]
    packet["window"] = be16(data, at + 14)


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
def read_transport(data, at, end, size, packet):
    """Read what stands above IP; `size` is its length by the IP header, `end` where the captured bytes end."""
    protocol = packet["protocol"]
    if protocol == TCP:
        if at + 20 > end:
            return TRUNCATED
        header = (np.int64(data[at + 12]) >> 4) * 4
        if header < 20 or header > size:
            return MALFORMED
        read_tcp(data, at, packet)
        packet["header"] = header
        packet["payload"] = size - header
    elif protocol in (UDP, SCTP):
        header = 8 if protocol == UDP else 12
        if at + header > end:
            return TRUNCATED
        if header > size:
            return MALFORMED
        read_ports(data, at, packet)
        packet["header"] = header
        packet["payload"] = size - header
    elif protocol in (ICMP, ICMPV6):
        if at + 4 > end:
            return TRUNCATED
        if size < 4:
            return MALFORMED
        packet["icmp_type"] = data[at]
        packet["icmp_code"] = data[at + 1]
    return METERED


@kernel
def remember_fragment(packet, ident, fragments, n_fragments):
    """Keep the ports of a first fragment for those that follow; a ring of the latest ones."""
    entry = fragments[n_fragments[0] % len(fragments)]
    entry["src_hi"] = packet["src_hi"]
    entry["src_lo"] = packet["src_lo"]
    entry["dst_hi"] = packet["dst_hi"]
    entry["dst_lo"] = packet["dst_lo"]
    entry["ident"] = ident
    entry["protocol"] = packet["protocol"]
    entry["src_port"] = packet["src_port"]
    entry["dst_port"] = packet["dst_port"]
    entry["version"] = packet["version"]
    n_fragments[0] += 1


@kernel
def recall_fragment(packet, ident, size, fragments, n_fragments):
    """Give a later fragment the ports of its first one; LATER_FRAGMENT when that one is unknown."""
    known = min(n_fragments[0], len(fragments))
    for back in range(known):
        entry = fragments[(n_fragments[0] - 1 - back) % len(fragments)]
        if (
            entry["ident"] == ident
            and entry["src_lo"] == packet["src_lo"]
            and entry["dst_lo"] == packet["dst_lo"]
            and entry["src_hi"] == packet["src_hi"]
            and entry["dst_hi"] == packet["dst_hi"]
            and entry["protocol"] == packet["protocol"]
            and entry["version"] == packet["version"]
        ):
            packet["src_port"] = entry["src_port"]
            packet["dst_port"] = entry["dst_port"]
            if packet["protocol"] in (TCP, UDP, SCTP):
                packet["payload"] = size
            return METERED
    return LATER_FRAGMENT
