"""Step over the link layer: what each link type puts before an ethertype or IP."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    EMPTY,
    LINK_AVS,
    LINK_PRISM,
    LINK_RADIO,
    LINK_RADIOTAP,
    LINK_SLL,
    LINK_SLL2,
    NOT_IP,
    TRUNCATED,
)
from iotids.flowmeter.kernels.nested_links import nested_link
from iotids.flowmeter.kernels.radio import radio_payload
from iotids.flowmeter.kernels.rare_links import rare_payload
from iotids.flowmeter.kernels.reading import be16, be32, be48
from iotids.flowmeter.kernels.tags import (
    ETHERNET,
    or_not_ip,
    ppp_type,
)


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
