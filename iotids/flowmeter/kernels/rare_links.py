"""Link types that few captures have: serial lines, rings, logs of firewalls, and IP without a link layer."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    LINK_FRAME_RELAY,
    LINK_SUBFRAME,
    NOT_IP,
    TRUNCATED,
    UNSUPPORTED_LINK,
)
from iotids.flowmeter.kernels.reading import be16, be32, be48, le16, le32
from iotids.flowmeter.kernels.tags import (
    IPV4,
    IPV6,
    PPPOE,
    hdlc_type,
    ip_type,
    llc_type,
    or_not_ip,
    ppp_type,
    snap_type,
)


@kernel
def frame_relay_payload(data, at, end):
    """Ethertype and position behind an address of two to four bytes, encapsulated as in RFC 2427 or as Cisco does."""
    size = 2
    while size < 4 and at + size <= end and data[at + size - 1] & 1 == 0:
        size += 1
    at += size
    if at + 2 > end:
        return -TRUNCATED, at
    if data[at] != 3:
        return be16(data, at), at + 2
    at += 2 if data[at + 1] == 0 else 1
    if at >= end:
        return -TRUNCATED, at
    protocol = data[at]
    at += 1
    if protocol == 0xCC:
        return IPV4, at
    if protocol == 0x8E:
        return IPV6, at
    if protocol == 0xCF:
        kind, at = ppp_type(data, at, end)
        return or_not_ip(kind, at)
    if protocol == 0x80:
        kind, at = snap_type(data, at, end)
        return or_not_ip(kind, at)
    return -NOT_IP, at


@kernel
def fddi_payload(data, at, end, packet):
    """Ethertype and position behind an FDDI header, whose first byte says whether LLC follows."""
    if at + 13 > end:
        return -TRUNCATED, at
    packet["dst_mac"] = be48(data, at + 1)
    packet["src_mac"] = be48(data, at + 7)
    kind, inner = llc_type(data, at + 13, end)
    return or_not_ip(kind if data[at] & 0x70 == 0x50 else 0, inner)


@kernel
def token_ring_payload(data, at, end, packet):
    """Ethertype and position behind a Token Ring header with or without a source route."""
    if at + 14 > end:
        return -TRUNCATED, at
    packet["dst_mac"] = be48(data, at + 2)
    packet["src_mac"] = be48(data, at + 8) & 0x7FFFFFFFFFFF
    route = 0
    if data[at + 8] & 0x80:
        if at + 15 > end:
            return -TRUNCATED, at
        route = np.int64(data[at + 14]) & 0x1F
    kind, inner = llc_type(data, at + 14 + route, end)
    return or_not_ip(kind if data[at + 1] & 0xC0 == 0x40 else 0, inner)


@kernel
def netfilter_payload(data, at, end):
    """Ethertype and position of the packet in a netfilter log: one of its fields, which are in the order of bytes
    of the machine that captured.
    """
    if at + 4 > end:
        return -TRUNCATED, at
    for big in (False, True):
        field = at + 4
        while field + 4 <= end:
            size = be16(data, field) if big else le16(data, field)
            kind = be16(data, field + 2) if big else le16(data, field + 2)
            if size < 4:
                break
            if kind & 0x7FFF == 9:
                return or_not_ip(ip_type(data, field + 4, end), field + 4)
            field += size + (-size & 3)
    return -NOT_IP, at


@kernel
def family_payload(data, at, end):
    """Ethertype and position behind an address family of BSD. Its number differs between systems, the version in
    the header of IP does not.
    """
    if at + 4 > end:
        return -TRUNCATED, at
    kind = ip_type(data, at + 4, end)
    family = be32(data, at)
    if family > 0xFFFF:
        family = le32(data, at)
    return (kind, at + 4) if kind > 0 and family in (2, 10, 23, 24, 28, 30) else (-NOT_IP, at)


@kernel
def bytes_before_ip(data, at, end, link):
    """Length of a header behind which IP follows at once, -1 for other link types."""
    if link in (12, 14, 101, 228, 229):
        return 0
    if link == 109:  # OpenBSD's IPsec interface: family, index, flags
        return 12
    if link == 117:  # OpenBSD's filter log: its length, rounded up
        return (np.int64(data[at]) + 3) & ~3
    if link == 8:  # SLIP, behind direction and compressed header
        return 16
    return -1


@kernel
def bytes_before_hdlc(link):
    """Length of what stands before a frame of PPP or Cisco's HDLC, -1 for other link types."""
    if link in (9, 50, 104):
        return 0
    if link in (166, 204, 205):  # the direction
        return 1
    return -1


@kernel
def rare_payload(data, at, end, link, packet):
    """As link_payload, for link types that few captures have."""
    before = bytes_before_ip(data, at, end, link)
    if before >= 0:
        return or_not_ip(ip_type(data, at + before, end), at + before)
    before = bytes_before_hdlc(link)
    if before >= 0:
        kind, inner = hdlc_type(data, at + before, end)
        return or_not_ip(kind, inner)
    if link in (0, 108):
        return family_payload(data, at, end)
    if link == LINK_SUBFRAME:
        if at + 14 > end:
            return -TRUNCATED, at
        packet["dst_mac"] = be48(data, at)
        packet["src_mac"] = be48(data, at + 6)
        kind, inner = llc_type(data, at + 14, end)
        return or_not_ip(kind, inner)
    if link in (LINK_FRAME_RELAY, 206):
        return frame_relay_payload(data, at + (1 if link == 206 else 0), end)
    if link == 51:
        return PPPOE, at
    if link == 239:
        return netfilter_payload(data, at, end)
    if link == 6:
        return token_ring_payload(data, at, end, packet)
    if link == 10:
        return fddi_payload(data, at, end, packet)
    if link in (100, 122):  # ATM, IP over Fibre Channel
        kind, inner = llc_type(data, at + (16 if link == 122 else 0), end)
        return or_not_ip(kind, inner)
    if link == 138:  # IP over FireWire
        return (be16(data, at + 16), at + 18) if at + 18 <= end else (-TRUNCATED, at)
    return -UNSUPPORTED_LINK, at
