"""Step over the link layer and what lies between it and IP: 802.11, PPP, VLAN, MPLS, PPPoE, GRE."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    ARP,
    EMPTY,
    ENCRYPTED,
    MALFORMED,
    NOT_DATA,
    NOT_IP,
    TRUNCATED,
    UNSUPPORTED_LINK,
)
from iotids.flowmeter.kernels.reading import be16, be32, be48, le32


@kernel
def radio_payload(data, at, end, packet):
    """Position of the LLC header of an 802.11 frame; below 0: minus the reason why there is none."""
    if at + 24 > end:
        return -TRUNCATED
    control = np.int64(data[at])
    bits = np.int64(data[at + 1])
    if (control >> 2) & 3 != 2 or control & 0x40:
        return -NOT_DATA
    if bits & 0x40:
        return -ENCRYPTED
    to_ds = bits & 1
    from_ds = (bits >> 1) & 1
    packet["dst_mac"] = be48(data, at + 16) if to_ds else be48(data, at + 4)
    packet["src_mac"] = be48(data, at + 16) if from_ds else be48(data, at + 10)
    body = at + 24
    if to_ds and from_ds:
        if at + 30 > end:
            return -TRUNCATED
        packet["src_mac"] = be48(data, at + 24)
        body += 6
    if control & 0x80:
        if body + 2 > end:
            return -TRUNCATED
        if data[body] & 0x80:  # several frames in one
            return -UNSUPPORTED_LINK
        body += 2
        if bits & 0x80:
            body += 4
    return body


@kernel
def llc_type(data, at, end):
    """Ethertype behind an LLC header, (0, at) when it is not SNAP."""
    if at + 8 <= end and be16(data, at) == 0xAAAA and data[at + 2] == 3:
        return be16(data, at + 6), at + 8
    if at + 3 <= end and data[at] == 0x06 and data[at + 2] == 3:
        return 0x0800, at + 3
    return 0, at


@kernel
def ppp_type(data, at, end):
    """Ethertype that a PPP frame carries, (0, at) for none of ours."""
    if at + 2 <= end and data[at] == 0xFF and data[at + 1] == 0x03:
        at += 2
    if at + 1 <= end and data[at] & 1:  # compressed protocol field
        protocol = np.int64(data[at])
        at += 1
    elif at + 2 <= end:
        protocol = be16(data, at)
        at += 2
    else:
        return 0, at
    if protocol == 0x0021:
        return 0x0800, at
    if protocol == 0x0057:
        return 0x86DD, at
    if protocol == 0x0281:
        return 0x8847, at
    return 0, at


@kernel
def ip_type(data, at, end):
    """Ethertype of bytes that begin with an IP header, 0 for neither version."""
    if at >= end:
        return 0
    version = data[at] >> 4
    if version == 4:
        return 0x0800
    if version == 6:
        return 0x86DD
    return 0


@kernel
def link_payload(data, at, end, link, packet):
    """Ethertype and position of what the link layer carries; a negative type is minus the reason why there is
    none.
    """
    if at >= end:
        return -EMPTY, at
    if link == 1:
        if at + 14 > end:
            return -TRUNCATED, at
        packet["dst_mac"] = be48(data, at)
        packet["src_mac"] = be48(data, at + 6)
        return be16(data, at + 12), at + 14
    if link == 113:
        if at + 16 > end:
            return -TRUNCATED, at
        if be16(data, at + 4) == 6:
            packet["src_mac"] = be48(data, at + 6)
        return be16(data, at + 14), at + 16
    if link == 276:
        if at + 20 > end:
            return -TRUNCATED, at
        if data[at + 11] == 6:
            packet["src_mac"] = be48(data, at + 12)
        return be16(data, at), at + 20
    if link in (12, 14, 101, 228, 229):
        kind = ip_type(data, at, end)
        return (kind, at) if kind > 0 else (-NOT_IP, at)
    if link in (0, 108):
        if at + 4 > end:
            return -TRUNCATED, at
        kind = ip_type(
            data, at + 4, end
        )  # the family's number differs between systems, the header's version does not
        family = be32(data, at)
        if family > 0xFFFF:
            family = le32(data, at)
        return (kind, at + 4) if kind > 0 and family in (2, 10, 23, 24, 28, 30) else (-NOT_IP, at)
    if link in (9, 50):
        kind, at = ppp_type(data, at, end)
        return (kind, at) if kind > 0 else (-NOT_IP, at)
    if link == 127:
        if at + 4 > end:
            return -TRUNCATED, at
        size = np.int64(data[at + 2]) | (np.int64(data[at + 3]) << 8)
        if size < 8:
            return -MALFORMED, at
        at += size
    if link in (105, 127):
        at = radio_payload(data, at, end, packet)
        if at < 0:
            return at, np.int64(0)
        kind, at = llc_type(data, at, end)
        return (kind, at) if kind > 0 else (-NOT_IP, at)
    return -UNSUPPORTED_LINK, at


@kernel
def to_ip(data, at, end, kind):
    """Step over VLAN, MPLS, PPPoE and LLC headers; (0x0800, 0x86DD or minus a reason, position)."""
    for _ in range(32):
        if kind == 0x0800 or kind == 0x86DD:
            return kind, at
        if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
            if at + 4 > end:
                return -TRUNCATED, at
            kind = be16(data, at + 2)
            at += 4
        elif kind == 0x8864:
            if at + 8 > end:
                return -TRUNCATED, at
            kind, at = ppp_type(data, at + 6, end)
            if kind == 0:
                return -NOT_IP, at
        elif kind in (0x8847, 0x8848):
            bottom = False
            while not bottom:
                if at + 4 > end:
                    return -TRUNCATED, at
                bottom = data[at + 2] & 1 != 0
                at += 4
            kind = ip_type(data, at, end)
            if kind == 0:  # a pseudo-wire: control word, then an Ethernet frame
                at += 4
                kind = 0x6558
        elif kind == 0x6558:
            if at + 14 > end:
                return -TRUNCATED, at
            kind = be16(data, at + 12)
            at += 14
        elif kind < 0x600:
            kind, at = llc_type(data, at, end)
            if kind == 0:
                return -NOT_IP, at
        elif kind == 0x0806:
            return -ARP, at
        else:
            return -NOT_IP, at
    return -MALFORMED, at


@kernel
def gre_payload(data, at, end):
    """Ethertype and position of what a GRE header carries, (0, at) for what we do not follow."""
    if at + 4 > end:
        return 0, at
    bits = be16(data, at)
    kind = be16(data, at + 2)
    version = bits & 7
    if bits & 0x4000 or version > 1:
        return 0, at
    at += 4
    if bits & 0x8000:
        at += 4
    if bits & 0x2000:
        at += 4
    if bits & 0x1000:
        at += 4
    if version == 1:
        if bits & 0x0080:
            at += 4
        if kind != 0x880B:
            return 0, at
        return ppp_type(data, at, end)
    if kind == 0x88BE:  # ERSPAN; type II has 8 bytes and a sequence number, type I nothing
        return 0x6558, at + (8 if bits & 0x1000 else 0)
    return kind, at
