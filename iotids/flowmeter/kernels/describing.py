"""What a packet says at the link layer and above, for labelling rules: the meter's own decoding."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.headers import clear_packet, read_ipv4
from iotids.flowmeter.kernels.layout import ARP, ICMP, METERED, N_VIEWS, SCTP, TCP, UDP
from iotids.flowmeter.kernels.links import link_payload
from iotids.flowmeter.kernels.reading import be16, be32, be48
from iotids.flowmeter.kernels.tags import to_ip

ZERO_WITHOUT = (
    5,
    6,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
)  # addresses and the version of IP; all others are -1


@entry
def describe_frames(data, frames, n_frames, packets, scratch, views):
    """What a frame says at the link layer, of ARP, and as a packet the way the meter decodes it.

    packets : (>= n_frames,) PACKET — the frames as decode_frames decoded them.
    scratch : (1,) PACKET — overwritten.
    views : (N_VIEWS, >= n_frames) int64 — written, in the order of packets.PACKET_COLUMNS behind flow_number.
    """
    for i in range(n_frames):
        frame = frames[i]
        at = frame["offset"]
        captured = np.int64(frame["captured"])
        end = at + captured
        for j in range(N_VIEWS):
            views[j, i] = -1
        for j in ZERO_WITHOUT:
            views[j, i] = 0
        views[0, i] = captured
        views[1, i] = frame["wire"]
        link = scratch[0]
        clear_packet(link)
        link["src_mac"] = 0
        link["dst_mac"] = 0
        kind, at = link_payload(data, at, end, frame["link"], link)
        views[2, i] = max(np.int64(link["src_mac"]), 0)
        views[3, i] = max(np.int64(link["dst_mac"]), 0)
        views[4, i] = max(kind, 0)
        if kind >= 0:
            kind, at = to_ip(data, at, end, kind)
        if kind == -ARP:
            describe_arp(data, at, end, views, i)
        elif packets[i]["status"] != METERED and kind == 0x0800:
            wire_end = frame["offset"] + max(captured, np.int64(frame["wire"]))
            describe_unmetered(data, at, end, wire_end, link, views, i)
        else:
            describe_packet(packets[i], views, i)


@kernel
def describe_packet(packet, views, i):
    """Addresses, protocol, ports, flags, window and ICMP type of a decoded packet; only addresses of one set
    aside.
    """
    if packet["version"] == 6:
        views[20, i] = packet["src_hi"]
        views[21, i] = packet["src_lo"]
        views[22, i] = packet["dst_hi"]
        views[23, i] = packet["dst_lo"]
    else:
        views[5, i] = packet["src_lo"]
        views[6, i] = packet["dst_lo"]
    status = packet["status"]
    if status == METERED or packet["src_hi"] | packet["src_lo"] | packet["dst_hi"] | packet["dst_lo"] != 0:
        views[19, i] = packet["version"]
        views[7, i] = packet["protocol"]
    if status != METERED:
        return
    if packet["protocol"] in (TCP, UDP, SCTP):
        views[8, i] = packet["src_port"]
        views[9, i] = packet["dst_port"]
    if packet["protocol"] == TCP and packet["header"] > 0:  # a later fragment has the ports only
        views[10, i] = packet["flags"]
        views[11, i] = packet["window"]
    views[12, i] = packet["icmp_type"]
    views[13, i] = packet["icmp_code"]


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
def describe_unmetered(data, at, end, wire_end, packet, views, i):
    """What can be read of an IPv4 packet that true decoding sets aside; profiles that imitate CICFlowMeter
    meter some.
    """
    status, at, _, protocol, offset, _, _ = read_ipv4(data, at, end, wire_end, packet)
    if status != METERED:
        return
    views[5, i] = packet["src_lo"]
    views[6, i] = packet["dst_lo"]
    views[7, i] = protocol
    views[19, i] = 4
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
