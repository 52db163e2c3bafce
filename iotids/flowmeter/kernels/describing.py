"""What a frame says at the link layer and above, for labelling rules."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.headers import clear_packet, read_ipv4
from iotids.flowmeter.kernels.layout import ICMP, METERED, SCTP, TCP, UDP
from iotids.flowmeter.kernels.links import link_payload, to_ip
from iotids.flowmeter.kernels.reading import be16, be32, be48

N_VIEWS = 19  # columns of packets.py that describe_frames writes


@entry
def describe_frames(data, frames, n_frames, scratch, views):
    """What a frame says at the link layer and above, whatever a profile makes of it.

    scratch : (1,) PACKET — overwritten.
    views : (N_VIEWS, >= n_frames) int64 — written, in the order of packets.PACKET_COLUMNS behind flow_number.
        The outermost
    IPv4 header counts, tunnels are not followed.
    """
    packet = scratch[0]
    for i in range(n_frames):
        frame = frames[i]
        at = frame["offset"]
        captured = np.int64(frame["captured"])
        end = at + captured
        for j in range(N_VIEWS):
            views[j, i] = -1
        views[0, i] = captured
        views[1, i] = frame["wire"]
        clear_packet(packet)
        packet["src_mac"] = 0
        packet["dst_mac"] = 0
        kind, at = link_payload(data, at, end, frame["link"], packet)
        views[2, i] = packet["src_mac"]
        views[3, i] = packet["dst_mac"]
        views[4, i] = max(kind, 0)
        for j in (5, 6, 15, 16, 17, 18):
            views[j, i] = 0
        if kind < 0:
            continue
        while kind in (0x8100, 0x88A8, 0x9100, 0x9200) and at + 4 <= end:
            kind = be16(data, at + 2)
            at += 4
        if kind == 0x0806:
            describe_arp(data, at, end, views, i)
            continue
        kind, at = to_ip(data, at, end, kind)
        if kind == 0x0800:
            describe_ip(
                data, at, end, frame["offset"] + max(captured, np.int64(frame["wire"])), packet, views, i
            )


@kernel
def describe_arp(data, at, end, views, i):
    """Operation, addresses of an ARP packet for Ethernet and IPv4."""
    if at + 28 <= end and be16(data, at + 2) == 0x0800 and data[at + 4] == 6 and data[at + 5] == 4:
        views[14, i] = be16(data, at + 6)
        views[15, i] = be48(data, at + 8)
        views[17, i] = be32(data, at + 14)
        views[16, i] = be48(data, at + 18)
        views[18, i] = be32(data, at + 24)


@kernel
def describe_ip(data, at, end, wire_end, packet, views, i):
    """Addresses, ports, flags, window and ICMP type behind an IPv4 header."""
    status, at, _, protocol, offset, _, _ = read_ipv4(data, at, end, wire_end, packet)
    if status != METERED:
        return
    views[5, i] = packet["src_lo"]
    views[6, i] = packet["dst_lo"]
    views[7, i] = protocol
    if offset != 0:
        return
    if protocol in (TCP, UDP, SCTP) and at + 4 <= end:
        views[8, i] = be16(data, at)
        views[9, i] = be16(data, at + 2)
    if protocol == TCP and at + 16 <= end:
        views[10, i] = data[at + 13]
        views[11, i] = be16(data, at + 14)
    if protocol == ICMP and at + 2 <= end:
        views[12, i] = data[at]
        views[13, i] = data[at + 1]
