"""Step over the link layer: what each link type puts before an ethertype or IP."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    EMPTY,
    LINK_AVS,
    LINK_FRAME_RELAY,
    LINK_PRISM,
    LINK_RADIO,
    LINK_RADIOTAP,
    LINK_SLL,
    LINK_SLL2,
    LINK_SUBFRAME,
    NOT_IP,
    TRUNCATED,
    UNSUPPORTED_LINK,
)
from iotids.flowmeter.kernels.nested_links import nested_link
from iotids.flowmeter.kernels.radio import radio_body, radio_start
from iotids.flowmeter.kernels.reading import be16, be32, be48, le16, le32
from iotids.flowmeter.kernels.tags import (
    ETHERNET,
    IPV4,
    IPV6,
    PPPOE,
    hdlc_type,
    ip_type,
    llc_type,
    ppp_type,
    snap_type,
)


@kernel
def or_not_ip(kind, at):
    """An ethertype and its position; minus the reason for 0."""
    return (kind, at) if kind > 0 else (-NOT_IP, at)


@kernel
def is_isl(data, at, end):
    """Whether a frame to one of ISL's addresses is encapsulated: SNAP behind a length."""
    return data[at + 4] == 0 and at + 40 <= end and be16(data, at + 14) == 0xAAAA and data[at + 16] == 3


@kernel
def ethernet_payload(data, at, end, packet):
    """Ethertype and position behind an Ethernet header, or a frame in Cisco's ISL."""
    if at + 14 > end:
        return -TRUNCATED, at
    packet["dst_mac"] = be48(data, at)
    packet["src_mac"] = be48(data, at + 6)
    if be32(data, at) in (0x01000C00, 0x03000C00) and is_isl(data, at, end):
        return ETHERNET, at + 26
    return be16(data, at + 12), at + 14


@kernel
def cooked_payload(data, at, end, link, packet):
    """Ethertype and position behind Linux's cooked header of version 1 or 2, whose length was checked."""
    if link == LINK_SLL:
        kind, address_bytes, address = be16(data, at + 14), be16(data, at + 4), at + 6
        at += 16
    else:
        kind, address_bytes, address = be16(data, at), np.int64(data[at + 11]), at + 12
        at += 20
    if address_bytes == 6:
        packet["src_mac"] = be48(data, address)
    if kind == 1:  # IPX without LLC
        return -NOT_IP, at
    if kind == 3:
        return ETHERNET, at
    if kind == 7:
        kind, at = ppp_type(data, at, end)
        return or_not_ip(kind, at)
    return kind, at


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
def radio_payload(data, at, end, link, packet):
    """Ethertype and position behind 802.11 and LLC."""
    start, padded = radio_start(data, at, end, link)
    if start < 0:
        return start, at
    body, aggregated = radio_body(data, start, end, padded, packet)
    if body < 0:
        return body, at
    if aggregated:  # not taken apart, see radio.take_apart
        return -UNSUPPORTED_LINK, at
    kind, inner = llc_type(data, body, end)
    return or_not_ip(kind, inner)


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
    if link in (240, 241):  # behind a status, the second also behind preamble and start
        return ethernet_payload(data, at + (4 if link == 240 else 12), end, packet)
    return -UNSUPPORTED_LINK, at


@kernel
def link_payload(data, at, end, link, packet):
    """Ethertype and position of what the link layer carries; a negative type is minus the reason why there is
    none.
    """
    if at >= end:
        return -EMPTY, at
    if link == 1:
        return ethernet_payload(data, at, end, packet)
    link, at = nested_link(data, at, end, link)
    if link < 0:
        return link, at
    if at >= end:
        return -TRUNCATED, at
    if link in (LINK_SLL, LINK_SLL2):
        return cooked_payload(data, at, end, link, packet)
    if link in (LINK_RADIO, LINK_RADIOTAP, LINK_PRISM, LINK_AVS):
        return radio_payload(data, at, end, link, packet)
    if link == 1:
        return ethernet_payload(data, at, end, packet)
    return rare_payload(data, at, end, link, packet)
