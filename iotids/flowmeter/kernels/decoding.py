"""Decode frames to packets, under their true link type or as CICFlowMeter does."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cicflowmeter import decode_as_cicflowmeter
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.hashing import symmetric_hash
from iotids.flowmeter.kernels.headers import (
    clear_packet,
    read_ipv4,
    read_ipv6,
    read_ports,
    read_tcp,
    read_transport,
    recall_fragment,
    remember_fragment,
)
from iotids.flowmeter.kernels.layout import ABSURD_TIME, CORRECTED, MALFORMED, METERED, TCP, UDP
from iotids.flowmeter.kernels.links import gre_payload, ip_type, link_payload, to_ip
from iotids.flowmeter.kernels.reading import be16, be32, be48


@kernel
def decode_truly(data, frame, size, wire_size, link, inner, packet, fragments, n_fragments):
    """Decode a frame by its link type, lengths by the headers; METERED or the reason to set it aside."""
    end = frame + size
    wire_end = frame + max(size, wire_size)
    kind, at = link_payload(data, frame, end, link, packet)
    if kind >= 0:
        kind, at = to_ip(data, at, end, kind)
    if kind < 0:
        return -kind
    for depth in range(9):
        if kind == 0x0800:
            status, at, length, protocol, offset, more, ident = read_ipv4(data, at, end, wire_end, packet)
        else:
            status, at, length, protocol, offset, more, ident = read_ipv6(data, at, end, wire_end, packet)
        if status != METERED:
            return status
        packet["protocol"] = protocol
        if offset != 0:
            return recall_fragment(packet, ident, length, fragments, n_fragments)
        kind = np.int64(0)
        next_at = at
        if inner and depth < 8:
            if protocol == 4:
                kind = np.int64(0x0800)
            elif protocol == 41:
                kind = np.int64(0x86DD)
            elif protocol == 47:
                kind, next_at = gre_payload(data, at, end)
                kind, next_at = to_ip(data, next_at, end, kind)
        if (kind != 0x0800 and kind != 0x86DD) or ip_type(data, next_at, end) != kind or next_at + 20 > end:
            status = read_transport(data, at, end, length, packet)
            if status == METERED and more:
                remember_fragment(packet, ident, fragments, n_fragments)
            return status
        wire_end = min(wire_end, at + length)
        at = next_at
    return MALFORMED


@kernel
def decode_plain(data, frame, size, wire_size, packet):
    """Decode the frame nearly all frames are: Ethernet, IPv4 without options and fragments, whole TCP or UDP
    header.

    Returns False, with nothing written, for any other frame; decode_truly would give the same.
    """
    if (
        size < 42
        or be16(data, frame + 12) != 0x0800
        or data[frame + 14] != 0x45
        or be16(data, frame + 20) & 0x3FFF != 0
    ):
        return False
    protocol = np.int64(data[frame + 23])
    length = min(be16(data, frame + 16), max(size, wire_size) - 14) - 20
    if protocol == TCP:
        if size < 54:
            return False
        header = (np.int64(data[frame + 46]) >> 4) * 4
        if header < 20 or header > length:
            return False
        read_tcp(data, frame + 34, packet)
    elif protocol == UDP:
        header = np.int64(8)
        if header > length:
            return False
        read_ports(data, frame + 34, packet)
        packet["protocol"] = UDP
    else:
        return False
    packet["dst_mac"] = be48(data, frame)
    packet["src_mac"] = be48(data, frame + 6)
    packet["src_lo"] = be32(data, frame + 26)
    packet["dst_lo"] = be32(data, frame + 30)
    packet["header"] = header
    packet["payload"] = length - header
    return True


@entry
def decode_frames(data, frames, n_frames, rules, packets, fragments, n_fragments, counts):
    """Decode frames to packets and count each by where it went.

    data : (n,) uint8 — block of the capture that the frames point into.
    packets : (>= n_frames,) PACKET — written.  counts : (N_STATUS,) int64 — added to.
    """
    for i in range(n_frames):
        frame = frames[i]
        packet = packets[i]
        clear_packet(packet)
        packet["time_us"] = frame["time_us"]
        packet["src_mac"] = -1
        packet["dst_mac"] = -1
        offset = frame["offset"]
        captured = np.int64(frame["captured"])
        wire = np.int64(frame["wire"])
        if rules.true_links:
            if frame["fault"] != 0:
                status = ABSURD_TIME
            elif frame["link"] == 1 and decode_plain(data, offset, captured, wire, packet):
                status = METERED
            else:
                status = decode_truly(
                    data, offset, captured, wire, frame["link"], rules.inner, packet, fragments, n_fragments
                )
        else:
            size = min(captured, wire)
            if frame["link"] == 1 and size >= 14:
                packet["dst_mac"] = be48(data, offset)
                packet["src_mac"] = be48(data, offset + 6)
            status = decode_as_cicflowmeter(data, offset, size, rules.logic == CORRECTED, packet)
        packet["status"] = status
        counts[status] += 1
        if status == METERED:
            packet["hash"] = symmetric_hash(packet, rules.secret)
