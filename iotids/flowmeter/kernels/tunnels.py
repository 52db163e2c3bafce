"""What tunnels directly over IP carry: IP in IP, GRE with its payloads (PPP, ERSPAN, WCCP), EtherIP, L2TPv3."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.reading import be16, be32
from iotids.flowmeter.kernels.tags import (
    ETHERNET,
    IPV4,
    IPV6,
    MPLS,
    PPP,
    ip_type,
    is_rest_of_ip,
    ppp_type,
)

IP_IN_IP, IP6_IN_IP, GRE, OLD_IP_IN_IP, ETHER_IP, L2TP3, MPLS_IN_IP, ETHERNET_IN_IP = (
    4,
    41,
    47,
    94,
    97,
    115,
    137,
    143,
)


@kernel
def ip_tunnel_payload(data, at, end, stop, cut, protocol):
    """Ethertype and position of what an IP protocol carries, (0, at) where it is no tunnel that we follow.

    stop : int — where it ends by the IP header.  cut : bool — whether further fragments continue it there.
    """
    if protocol in (IP_IN_IP, OLD_IP_IN_IP):
        return IPV4, at
    if protocol == IP6_IN_IP:
        return IPV6, at
    if protocol == GRE:
        return gre_payload(data, at, end)
    if protocol == ETHER_IP:
        return (ETHERNET, at + 2) if at + 2 <= end and data[at] >> 4 == 3 else (0, at)
    if protocol == MPLS_IN_IP:
        return MPLS, at
    if protocol == ETHERNET_IN_IP:
        return ETHERNET, at
    if protocol == L2TP3 and at + 4 <= end and be32(data, at) != 0:
        return l2tp3_payload(data, at + 4, end, stop, cut)
    return 0, at


@kernel
def l2tp3_payload(data, at, end, stop, cut):
    """Ethertype and position of what an L2TPv3 session carries: an Ethernet frame or IP.

    The sizes of cookie and sublayer header are agreed elsewhere; the first that leads to IP is taken.
    """
    for size in (0, 4, 8, 12):
        if is_rest_of_ip(data, at + size, end, stop - at - size, cut):
            return ip_type(data, at + size, end), at + size
        frame = at + size + 14
        if frame <= end and is_rest_of_ip(data, frame, end, stop - frame, cut):
            if be16(data, frame - 2) == ip_type(data, frame, end):
                return ETHERNET, at + size
        elif frame + 4 <= end and be16(data, frame - 2) == 0x8100 and be16(data, frame + 2) in (IPV4, IPV6):
            return ETHERNET, at + size
    return 0, at


@kernel
def skip_gre_routing(data, at, end):
    """Position behind the list of source routes of a GRE header, beyond the end where it does not stop."""
    while at + 4 <= end:
        size = np.int64(data[at + 3])
        last = be16(data, at) == 0 and size == 0
        at += 4 + size
        if last:
            return at
    return end + 1


@kernel
def gre_payload(data, at, end):
    """Ethertype and position of what a GRE header carries, (0, at) for what we do not follow."""
    if at + 4 > end:
        return 0, at
    bits = be16(data, at)
    kind = be16(data, at + 2)
    version = bits & 7
    at += 4
    if version > 1 or (version == 1 and kind != PPP):
        return 0, at
    if bits & 0xC000:  # check sum and offset of the route
        at += 4
    if bits & 0x2000:
        at += 4
    if bits & 0x1000:
        at += 4
    if version == 1:
        return ppp_type(data, at + (4 if bits & 0x0080 else 0), end)
    if bits & 0x4000:
        at = skip_gre_routing(data, at, end)
    if kind in (0x88BE, 0x22EB):
        return erspan_payload(data, at, end, kind, bits & 0x1000)
    if kind == 0x883E:  # WCCP: the redirected packet, in version 2 behind four bytes
        if ip_type(data, at, end) != IPV4:
            at += 4
        return ip_type(data, at, end), at
    return kind, at


@kernel
def erspan_payload(data, at, end, kind, sequence):
    """Ethertype and position of a mirrored frame: type I has no header, II has 8 bytes, III has 12 or 20."""
    if kind == 0x88BE and not sequence:
        return ETHERNET, at
    if at + 8 > end:
        return 0, at
    version = data[at] >> 4
    if version == 1:
        return ETHERNET, at + 8
    if version != 2 or at + 12 > end:
        return 0, at
    bits = be16(data, at + 10)
    at += 20 if bits & 1 else 12
    return (ip_type(data, at, end), at) if (bits >> 10) & 31 == 2 else (ETHERNET, at)
