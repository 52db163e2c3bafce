"""Decode frames to packets, under their true link type or as CICFlowMeter does."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cicflowmeter import decode_as_cicflowmeter
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.fragments import claim_fragment, recall_fragment, settle_fragments
from iotids.flowmeter.kernels.hashing import symmetric_hash
from iotids.flowmeter.kernels.headers import (
    clear_packet,
    read_ipv4,
    read_ipv6,
    read_ports,
    read_tcp,
    read_transport,
    skip_authentication,
)
from iotids.flowmeter.kernels.layout import (
    ABSURD_TIME,
    CORRECTED,
    LATEST,
    MALFORMED,
    METERED,
    OUT_OF_ORDER,
    TCP,
    UDP,
)
from iotids.flowmeter.kernels.links import link_payload
from iotids.flowmeter.kernels.reading import be16, be32, be48
from iotids.flowmeter.kernels.tags import ip_type, looks_like_ip, to_ip
from iotids.flowmeter.kernels.tunnels import ip_tunnel_payload
from iotids.flowmeter.kernels.udp_tunnels import is_tunnel_port, udp_tunnel_payload

MAX_TUNNELS = 8  # further ones are metered by themselves


@kernel
def tunnel_payload(data, at, end, length, cut, packet):
    """Ethertype IPv4 or IPv6 and position of the packet inside a tunnel, (0, at) where there is none.

    length : int — of the payload by the IP header.  cut : bool — whether further fragments continue it there.
    """
    protocol = np.int64(packet["protocol"])
    if protocol == TCP:
        return 0, at
    if protocol == UDP:
        kind, inner = udp_tunnel_payload(data, at, end, at + length, cut)
    else:
        kind, inner = ip_tunnel_payload(data, at, end, at + length, cut, protocol)
    if kind <= 0:
        return 0, at
    kind, inner = to_ip(data, inner, end, kind)
    if kind <= 0 or ip_type(data, inner, end) != kind or inner + 20 > end:
        return 0, at
    if protocol == UDP and not cut and not looks_like_ip(data, inner, end, at + length - inner):
        return 0, at
    return kind, inner


@kernel
def decode_layers(data, at, end, wire_end, kind, inner, packet, fragments, marks):
    """Decode from an IP header on, through tunnels; (METERED or the reason, see read_transport)."""
    cut = False  # by this or an outer header, further fragments continue the payload
    for depth in range(MAX_TUNNELS + 1):
        if kind == 0x0800:
            status, at, length, named, offset, more, ident = read_ipv4(data, at, end, wire_end, packet)
        else:
            status, at, length, named, offset, more, ident = read_ipv6(data, at, end, wire_end, packet)
        if status != METERED:
            return status, np.int64(0)
        packet["protocol"] = named
        known_by = named if kind == 0x0800 else np.int64(0)
        if offset != 0:
            return recall_fragment(
                data, at, end, length, offset, ident, known_by, packet, fragments, marks
            ), np.int64(0)
        if more:
            claim_fragment(packet, ident, known_by, length, fragments, marks)
        cut = cut or more
        status, at, length, protocol = skip_authentication(data, at, end, length, named)
        if status != METERED:
            return status, np.int64(0)
        packet["protocol"] = protocol
        kind = np.int64(0)
        inner_at = at
        if inner and depth < MAX_TUNNELS:
            kind, inner_at = tunnel_payload(data, at, end, length, cut, packet)
        if kind == 0:
            return read_transport(data, at, end, length, cut, packet)
        wire_end = min(wire_end, at + length)
        at = inner_at
    return MALFORMED, np.int64(0)


@kernel
def decode_truly(data, frame, size, wire_size, link, inner, packet, fragments, marks):
    """Decode a frame by its link type, lengths by the headers; METERED or the reason to set it aside."""
    end = frame + size
    wire_end = frame + max(size, wire_size)
    kind, at = link_payload(data, frame, end, link, packet)
    if kind >= 0:
        kind, at = to_ip(data, at, end, kind)
    if kind < 0:
        return -kind
    since = marks[0]
    status, owed = decode_layers(data, at, end, wire_end, kind, inner, packet, fragments, marks)
    if marks[0] != since:
        settle_fragments(data, status, owed, packet, since, fragments, marks)
    return status


@kernel
def decode_plain(data, frame, size, wire_size, inner, packet):
    """Decode the frame nearly all frames are: Ethernet, IPv4 without options and fragments, whole TCP or UDP
    header, no tunnel.

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
        read_tcp(data, frame + 34, frame + size, packet)
    elif protocol == UDP:
        header = np.int64(8)
        if header > length:
            return False
        if inner and (is_tunnel_port(be16(data, frame + 34)) or is_tunnel_port(be16(data, frame + 36))):
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
def decode_frames(data, frames, n_frames, rules, packets, remembered):
    """Decode frames to packets and count each by where it went, and those out of order.

    data : (n,) uint8 — block of the capture that the frames point into.
    packets : (>= n_frames,) PACKET — written.
    """
    fragments = remembered.fragments
    marks = remembered.marks
    latest_us = remembered.order[LATEST]
    for i in range(n_frames):
        frame = frames[i]
        if frame["fault"] == 0:
            if frame["time_us"] < latest_us:
                remembered.order[OUT_OF_ORDER] += 1
            latest_us = max(latest_us, frame["time_us"])
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
            elif frame["link"] == 1 and decode_plain(data, offset, captured, wire, rules.inner, packet):
                status = METERED
            else:
                status = decode_truly(
                    data, offset, captured, wire, frame["link"], rules.inner, packet, fragments, marks
                )
        else:
            size = min(captured, wire)
            if frame["link"] == 1 and size >= 14:
                packet["dst_mac"] = be48(data, offset)
                packet["src_mac"] = be48(data, offset + 6)
            status = decode_as_cicflowmeter(data, offset, size, rules.logic == CORRECTED, packet)
        packet["status"] = status
        remembered.counts[status] += 1
        if status == METERED:
            packet["hash"] = symmetric_hash(packet, rules.secret)
    remembered.order[LATEST] = latest_us
