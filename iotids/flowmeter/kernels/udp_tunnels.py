"""What tunnels over UDP carry: VXLAN, VXLAN-GPE, Geneve, GTP-U, Teredo, L2TP, LISP, MPLS, GRE and GUE, TZSP."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.reading import be16, be32
from iotids.flowmeter.kernels.tags import (
    ETHERNET,
    IPV4,
    IPV6,
    MPLS,
    ip_type,
    next_protocol_type,
    ppp_type,
)
from iotids.flowmeter.kernels.tunnels import gre_payload, l2tp3_payload

L2TP, GTP_U, TEREDO, LISP, GRE_IN_UDP, VXLAN, VXLAN_GPE = 1701, 2152, 3544, 4341, 4754, 4789, 4790
GUE, GENEVE, MPLS_IN_UDP, OTV, TZSP, ACI_VXLAN = 6080, 6081, 6635, 8472, 37008, 48879
# a port can only be one of these where its lowest six bits are set here
PORT_BITS = np.uint64(
    sum(
        {
            1 << (port & 63)
            for port in (
                *(L2TP, GTP_U, TEREDO, LISP, GRE_IN_UDP, VXLAN, VXLAN_GPE),
                *(GUE, GENEVE, MPLS_IN_UDP, OTV, TZSP, ACI_VXLAN),
            )
        }
    )
)


@kernel
def is_tunnel_port(port):
    """Whether a UDP port is one of a tunnel that we follow."""
    if (PORT_BITS >> np.uint64(port & 63)) & np.uint64(1) == 0:
        return False
    return port in (
        L2TP,
        GTP_U,
        TEREDO,
        LISP,
        GRE_IN_UDP,
        VXLAN,
        VXLAN_GPE,
        GUE,
        GENEVE,
        MPLS_IN_UDP,
        OTV,
        TZSP,
        ACI_VXLAN,
    )


@kernel
def udp_tunnel_payload(data, at, end, stop, cut):
    """Ethertype and position of what a UDP datagram of a tunnel carries, (0, at) where it is none.

    stop : int — where it ends by the IP header.  cut : bool — whether further fragments continue it there.
    The destination's port counts first. That there is IP inside remains to be looked at: other programs use these
    ports too.
    """
    if at + 16 > end:
        return 0, at
    for place in (at + 2, at):
        port = be16(data, place)
        if is_tunnel_port(port):
            kind, inner = payload_by_port(data, at + 8, end, stop, cut, port)
            if kind > 0:
                return kind, inner
    return 0, at


@kernel
def payload_by_port(data, at, end, stop, cut, port):
    """Ethertype and position of what a datagram carries for a port; at least eight bytes are there."""
    if port in (VXLAN, OTV, ACI_VXLAN):
        return (ETHERNET, at + 8) if data[at] & 0x08 else (0, at)
    if port == VXLAN_GPE:
        return vxlan_gpe_payload(data, at)
    if port == GENEVE:
        return geneve_payload(data, at)
    if port == GTP_U:
        return gtp_payload(data, at, end)
    if port == TEREDO:
        return teredo_payload(data, at, end)
    if port == L2TP:
        return l2tp_payload(data, at, end, stop, cut)
    if port == MPLS_IN_UDP:
        return MPLS, at
    if port == GRE_IN_UDP:
        return gre_payload(data, at, end)
    if port == GUE:
        return gue_payload(data, at, end)
    if port == LISP:
        return ip_type(data, at + 8, end), at + 8
    if port == TZSP:
        return tzsp_payload(data, at, end)
    return 0, at


@kernel
def vxlan_gpe_payload(data, at):
    """VXLAN with a next protocol where its flag is set."""
    if data[at] & 0x08 == 0:
        return 0, at
    return (next_protocol_type(data[at + 3]) if data[at] & 0x04 else ETHERNET), at + 8


@kernel
def geneve_payload(data, at):
    """Geneve, with its options; control messages are no packets."""
    if data[at] >> 6 != 0 or data[at + 1] & 0x80:
        return 0, at
    return be16(data, at + 2), at + 8 + 4 * (np.int64(data[at]) & 0x3F)


@kernel
def gtp_payload(data, at, end):
    """A packet of a user in GTP version 1, behind optional fields and extension headers."""
    if data[at] >> 4 != 3 or data[at + 1] != 0xFF:
        return 0, at
    bits = data[at]
    at += 8
    if bits & 7:
        if at + 4 > end:
            return 0, at
        following = data[at + 3] if bits & 4 else 0
        at += 4
        while following != 0:
            if at >= end or data[at] == 0 or at + 4 * np.int64(data[at]) > end:
                return 0, at
            at += 4 * np.int64(data[at])
            following = data[at - 1]
    kind = ip_type(data, at, end)
    return (kind if kind > 0 else ETHERNET), at


@kernel
def teredo_payload(data, at, end):
    """IPv6 behind the indications of authentication and of the origin."""
    if at + 4 <= end and be16(data, at) == 1:
        at += 13 + np.int64(data[at + 2]) + np.int64(data[at + 3])
    if at + 8 <= end and be16(data, at) == 0:
        at += 8
    return (IPV6, at) if ip_type(data, at, end) == IPV6 else (0, at)


@kernel
def l2tp_payload(data, at, end, stop, cut):
    """PPP in a data message of L2TP version 2, Ethernet or IP in one of version 3."""
    bits = be16(data, at)
    version = bits & 15
    if bits & 0x8000 or version not in (2, 3):
        return 0, at
    if version == 3:
        return l2tp3_payload(data, at + 8, end, stop, cut) if be32(data, at + 4) != 0 else (0, at)
    at += 8 if bits & 0x4000 else 6
    if bits & 0x0800:
        at += 4
    if bits & 0x0200:
        if at + 2 > end:
            return 0, at
        at += 2 + be16(data, at)
    return ppp_type(data, at, end)


@kernel
def gue_payload(data, at, end):
    """Generic UDP encapsulation: an IP packet as it is, or behind a header that names its protocol."""
    version = data[at] >> 6
    if version == 1:
        return ip_type(data, at, end), at
    if version != 0 or data[at] & 0x20:
        return 0, at
    protocol = data[at + 1]
    at += 4 + 4 * (np.int64(data[at]) & 31)
    if protocol == 4:
        return IPV4, at
    if protocol == 41:
        return IPV6, at
    if protocol == 47:
        return gre_payload(data, at, end)
    return 0, at


@kernel
def tzsp_payload(data, at, end):
    """A sniffed Ethernet frame behind a list of tagged fields."""
    if data[at] != 1 or data[at + 1] > 1 or be16(data, at + 2) != 1:
        return 0, at
    at += 4
    while at < end:
        tag = data[at]
        at += 1
        if tag == 1:
            return ETHERNET, at
        if tag != 0:
            if at >= end:
                return 0, at
            at += 1 + np.int64(data[at])
    return 0, at
