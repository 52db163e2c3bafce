"""Decode a frame as CICFlowMeter and its library jnetpcap do, mistakes included."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.headers import clear_packet, read_ports, read_tcp
from iotids.flowmeter.kernels.layout import ICMP, METERED, NO_IPV4, SCTP, TCP, UDP
from iotids.flowmeter.kernels.reading import be16, be32


@kernel
def known_to_jnetpcap(protocol):
    """Whether jnetpcap has a name for an IP protocol; without one the corrected tool drops the packet."""
    return protocol <= 61 or protocol in (94, 103, 111, 118, 132, 133, 137)


@kernel
def l2tp_ipv4(data, frame, at, end):
    """Position of the IPv4 header inside an L2TP data message, -1 without one."""
    if at + 6 > end:
        return -1
    bits = be16(data, frame + at)
    if bits & 0x8000:
        return -1
    at += 6
    if bits & 0x4000:
        at += 2
    if bits & 0x0800:
        at += 4
    if bits & 0x0200:
        at += 4
    if at + 4 > end or be16(data, frame + at + 2) != 0x0021:
        return -1
    return at + 4


@kernel
def accepted_header_length(header, total, available, fragment):
    """Length of an IPv4 header as jnetpcap takes it, 0 when it refuses the header."""
    payload = available - header if fragment else total - header
    if payload == 0:
        payload = max(0, available - header)
    if header + payload > available and header > available:
        header = available
    if header < 20 or header > available:
        return 0
    return header


@kernel
def decode_jnetpcap_ipv4(data, frame, at, end, plain, corrected, packet):
    """Decode from an IPv4 header on as jnetpcap and CICFlowMeter do; positions relative to `frame`.

    plain: the header follows an untagged Ethernet header, the only case in which padding is cut off.
    """
    outer_protocol = -1
    tcp = -1
    udp = -1
    sctp = -1
    icmp = -1
    while at + 20 <= end:
        start = frame + at
        total = be16(data, start + 2)
        fragment = be16(data, start + 6)
        is_fragment = (fragment & 0x2000) != 0 or (corrected and (fragment & 0x1FFF) != 0)
        header = accepted_header_length((np.int64(data[start]) & 15) * 4, total, end - at, is_fragment)
        if header == 0:
            break
        protocol = np.int64(data[start + 9])
        if outer_protocol < 0:
            outer_protocol = protocol
            packet["src_lo"] = be32(data, start + 12)
            packet["dst_lo"] = be32(data, start + 16)
            if plain and total <= end and not (corrected and total == 0):
                end = min(end, at + total)
        at += header
        left = end - at
        if (fragment & 0x1FFF) != 0 or left <= 0:
            break
        if protocol == 4:
            continue
        if protocol == ICMP:
            if left < 4:
                break
            kind = np.int64(data[frame + at])
            if icmp < 0:
                icmp = at
            if kind == 3 or kind == 12:
                at += 8
                continue
        elif protocol == TCP:
            if left >= 20 and data[frame + at + 12] >> 4 != 0:
                tcp = at
        elif protocol == UDP:
            if left >= 8:
                if udp < 0:
                    udp = at
                if be16(data, frame + at) == 1701 or be16(data, frame + at + 2) == 1701:
                    inner = l2tp_ipv4(data, frame, at + 8, end)
                    if inner > 0:
                        at = inner
                        continue
        elif protocol == SCTP and left >= 12:
            sctp = at
        break
    if outer_protocol < 0:
        return NO_IPV4
    if corrected and icmp >= 0:
        packet["protocol"] = ICMP
        packet["icmp_type"] = data[frame + icmp]
        packet["icmp_code"] = data[frame + icmp + 1]
    elif tcp >= 0:
        header = (np.int64(data[frame + tcp + 12]) >> 4) * 4
        if header < 16:
            return NO_IPV4
        read_tcp(data, frame + tcp, frame + end, packet)
        packet["header"] = min(header, end - tcp)
        packet["payload"] = end - tcp - packet["header"]
    elif udp >= 0:
        read_ports(data, frame + udp, packet)
        packet["protocol"] = UDP
        packet["header"] = 8
        packet["payload"] = end - udp - 8
    elif corrected and sctp >= 0:
        read_ports(data, frame + sctp, packet)
        packet["protocol"] = SCTP
        packet["header"] = 12
        packet["payload"] = end - sctp - 12
    elif corrected and outer_protocol == 2:
        packet["protocol"] = 2
    elif corrected and not known_to_jnetpcap(outer_protocol):
        return NO_IPV4
    return METERED


@kernel
def carries_snap_ipv4(data, frame, size):
    """Whether LLC and SNAP headers behind an 802.3 length announce IPv4."""
    return (
        size >= 22
        and be16(data, frame + 14) == 0xAAAA
        and data[frame + 16] == 3
        and be16(data, frame + 20) == 0x0800
    )


@kernel
def decode_as_cicflowmeter(data, frame, size, corrected, packet):
    """Decode a frame as CICFlowMeter does, whatever its link type; METERED or NO_IPV4."""
    status = NO_IPV4
    if size >= 14:
        at = 14
        end = size
        plain = True
        kind = be16(data, frame + 12)
        while kind in (0x8100, 0x88A8, 0x9100) and at + 4 <= size:
            kind = be16(data, frame + at + 2)
            at += 4
            plain = False
        if kind == 0x86DD and at + 40 <= size and data[frame + at + 6] == 4:
            kind = 0x0800
            at += 40
            plain = False
        elif kind < 0x600 and plain and carries_snap_ipv4(data, frame, size):
            end = min(kind, size)
            kind = 0x0800
            at = 22
            plain = False
        if kind == 0x0800:
            status = decode_jnetpcap_ipv4(data, frame, at, end, plain, corrected, packet)
    if status != METERED:
        # without IPv4 the tool reads the frame from its first byte as if it were an IPv4 header
        clear_packet(packet)
        status = decode_jnetpcap_ipv4(data, frame, 0, size, False, corrected, packet)
    return status
