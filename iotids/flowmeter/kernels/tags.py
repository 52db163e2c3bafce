"""Step over what lies between the link layer and IP: VLAN and other tags, MPLS, PPP, LLC, encapsulated Ethernet."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import ARP, ENCRYPTED, MALFORMED, NOT_IP, TRUNCATED
from iotids.flowmeter.kernels.reading import be16, be24

MAX_TAGS = 32  # more in a row are malformed
LONGEST_IP = 65_575  # bytes of an IPv6 packet with its header

# ethertypes
IPV4, IPV6, ETHERNET, PPP, MPLS = 0x0800, 0x86DD, 0x6558, 0x880B, 0x8847
MPLS_MULTICAST, PPPOE, ARP_TYPE, LLC = 0x8848, 0x8864, 0x0806, 0x8870
VN_TAG, E_TAG, I_TAG, FABRIC_PATH, TRILL, NSH = 0x8926, 0x893F, 0x88E7, 0x8903, 0x22F3, 0x894F
HSR, CISCO_META, MACSEC, BATMAN, ARISTA, EDSA = 0x892F, 0x8909, 0x88E5, 0x4305, 0xD28B, 0xDADA


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
def or_not_ip(kind, at):
    """An ethertype and its position; minus the reason for 0."""
    return (kind, at) if kind > 0 else (-NOT_IP, at)


@kernel
def looks_like_ip(data, at, end, left):
    """Whether bytes are an IP header whose length fits into the `left` bytes that there are."""
    kind = ip_type(data, at, end)
    if kind == IPV4 and at + 20 <= end:
        header = (np.int64(data[at]) & 15) * 4
        total = be16(data, at + 2)
        return header >= 20 and (total == 0 or header <= total <= left)
    return kind == IPV6 and at + 40 <= end and be16(data, at + 4) + 40 <= left


@kernel
def is_rest_of_ip(data, at, end, left, cut):
    """Whether bytes are an IP header whose packet takes up to `left` bytes, or more where a fragment cut it there."""
    if cut:
        return looks_like_ip(data, at, end, LONGEST_IP) and not looks_like_ip(data, at, end, left)
    return looks_like_ip(data, at, end, left)


@kernel
def snap_type(data, at, end):
    """Ethertype behind the organisation and type of a SNAP header, (0, at) for none of ours.

    0x0080C2 is a bridged frame, with or without check sum.
    """
    if at + 5 > end:
        return 0, at
    kind = be16(data, at + 3)
    if be24(data, at) == 0x0080C2:
        return (ETHERNET, at + 5) if kind in (1, 7) else (0, at)
    return kind, at + 5


@kernel
def llc_type(data, at, end):
    """Ethertype behind an LLC header, (0, at) when it is neither SNAP nor IP."""
    if at + 8 <= end and be16(data, at) == 0xAAAA and data[at + 2] == 3:
        return snap_type(data, at + 3, end)
    if at + 3 <= end and data[at] == 0x06 and data[at + 2] == 3:
        return IPV4, at + 3
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
        return IPV4, at
    if protocol == 0x0057:
        return IPV6, at
    if protocol in (0x0281, 0x0283):
        return MPLS, at
    if protocol == 0x0031 and at + 2 <= end and data[at + 1] == 1:  # a bridged Ethernet frame
        return ETHERNET, at + (6 if data[at] & 0x40 else 2)
    return 0, at


@kernel
def hdlc_type(data, at, end):
    """Ethertype that a frame carries in Cisco's HDLC or in PPP with HDLC-like framing, (0, at) for none of ours."""
    if at + 4 <= end and data[at] in (0x0F, 0x8F) and data[at + 1] == 0:
        return be16(data, at + 2), at + 4
    return ppp_type(data, at, end)


@kernel
def mpls_payload(data, at, end):
    """Ethertype and position below an MPLS label stack: IP, or an Ethernet frame with or without control word."""
    bottom = False
    while not bottom:
        if at + 4 > end:
            return -TRUNCATED, at
        bottom = data[at + 2] & 1 != 0
        at += 4
    kind = ip_type(data, at, end)
    if kind == IPV4 and data[at] & 15 < 5:
        kind = 0
    if kind != 0:
        return kind, at
    if at < end and data[at] >> 4 == 1:  # control channel of a pseudo-wire
        return -NOT_IP, at
    if at + 4 <= end and data[at] >> 4 == 0 and not (at + 14 <= end and be16(data, at + 12) in (IPV4, IPV6)):
        at += 4
    return ETHERNET, at


@kernel
def nsh_payload(data, at, end):
    """Ethertype and position behind a network service header."""
    if at + 8 > end:
        return -TRUNCATED, at
    size = (np.int64(data[at + 1]) & 0x3F) * 4
    if size < 8:
        return -MALFORMED, at
    kind = next_protocol_type(data[at + 3])
    return (kind if kind > 0 else -NOT_IP), at + size


@kernel
def next_protocol_type(protocol):
    """Ethertype of a next-protocol number of NSH and VXLAN-GPE, 0 for none of ours."""
    if protocol == 1:
        return IPV4
    if protocol == 2:
        return IPV6
    if protocol == 3:
        return ETHERNET
    if protocol == 4:
        return NSH
    if protocol == 5:
        return MPLS
    return 0


@kernel
def macsec_payload(data, at, end):
    """Ethertype and position behind a MACsec tag, where the frame is not encrypted."""
    if at + 8 > end:
        return -TRUNCATED, at
    bits = data[at]
    if bits & 0x0C:  # encrypted, or changed
        return -ENCRYPTED, at
    at += 14 if bits & 0x20 else 6
    if at + 2 > end:
        return -TRUNCATED, at
    return be16(data, at), at + 2


@kernel
def batman_payload(data, at, end):
    """Ethertype and position behind a header of batman-adv that carries a whole frame; versions up to 14 and from
    15 on number their packets differently.
    """
    if at + 2 > end:
        return -TRUNCATED, at
    kind = data[at]
    if data[at + 1] >= 15:
        size = 10 if kind == 0x40 else 18 if kind == 0x42 else 14 if kind == 0x01 else 0
    else:
        size = 10 if kind == 3 else 14 if kind == 4 else 0
    if size == 0:
        return -NOT_IP, at
    return ETHERNET, at + size


@kernel
def arista_payload(data, at, end):
    """Ethertype and position behind a time stamp of 48 or 64 bits that an Arista switch puts before the type."""
    if at + 4 > end:
        return -TRUNCATED, at
    if be16(data, at) != 1:
        return -NOT_IP, at
    at += 10 if data[at + 3] & 0x20 else 12
    if at + 2 > end:
        return -TRUNCATED, at
    return be16(data, at), at + 2


@kernel
def tag_bytes(data, at, end, kind):
    """Bytes of a tag up to the ethertype behind it, 0 for none of these tags."""
    if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
        return 2
    if kind in (VN_TAG, HSR):
        return 4
    if kind in (E_TAG, EDSA):
        return 6
    if kind == CISCO_META:  # version, number of options, options of four bytes
        return 2 + 4 * np.int64(data[at + 1]) if at + 2 <= end else 2
    return 0


@kernel
def encapsulation_bytes(data, at, end, kind):
    """Bytes of a header before an Ethernet frame, -1 for none of these headers."""
    if kind == ETHERNET:
        return 0
    if kind == FABRIC_PATH:
        return 2
    if kind == I_TAG:
        return 4
    if kind == TRILL:
        return 6 + 4 * ((be16(data, at) >> 6) & 31) if at + 2 <= end else 6
    return -1


@kernel
def to_ip(data, at, end, kind):
    """Step over tags and encapsulations; (0x0800, 0x86DD or minus a reason, position)."""
    for _ in range(MAX_TAGS):
        if kind == IPV4 or kind == IPV6 or kind < 0:  # noqa: SIM109  the first is nearly all
            return kind, at
        tag = tag_bytes(data, at, end, kind)
        encapsulation = encapsulation_bytes(data, at, end, kind) if tag == 0 else -1
        if tag > 0:
            if at + tag + 2 > end:
                return -TRUNCATED, at
            kind = be16(data, at + tag)
            at += tag + 2
        elif encapsulation >= 0:
            at += encapsulation
            if at + 14 > end:
                return -TRUNCATED, at
            kind = be16(data, at + 12)
            at += 14
        elif kind == PPPOE:
            if at + 8 > end:
                return -TRUNCATED, at
            kind, at = ppp_type(data, at + 6, end)
        elif kind == PPP:
            kind, at = ppp_type(data, at, end)
        elif kind in (MPLS, MPLS_MULTICAST):
            kind, at = mpls_payload(data, at, end)
        elif kind == NSH:
            kind, at = nsh_payload(data, at, end)
        elif kind == MACSEC:
            kind, at = macsec_payload(data, at, end)
        elif kind == BATMAN:
            kind, at = batman_payload(data, at, end)
        elif kind == ARISTA:
            kind, at = arista_payload(data, at, end)
        elif kind == ARP_TYPE:
            return -ARP, at
        elif kind == LLC or 0 < kind < 0x600:
            kind, at = llc_type(data, at, end)
            if kind < 0x600:  # no length but a type, which must not be taken for one
                return -NOT_IP, at
        else:
            return -NOT_IP, at
    return -MALFORMED, at
