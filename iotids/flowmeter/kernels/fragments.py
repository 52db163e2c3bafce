"""Join later fragments to their first one: a ring of the latest first fragments, of bounded size.

A later fragment belongs to the flow of what its first one carries, also where that is a tunnel. A TCP header that
a first fragment holds only in part is completed from the second; so is the length of its payload.
"""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.hashing import mix
from iotids.flowmeter.kernels.headers import read_tcp_words
from iotids.flowmeter.kernels.layout import (
    LATER_FRAGMENT,
    MALFORMED,
    METERED,
    SCTP,
    SPLIT_HEADER,
    TCP,
    TRUNCATED,
    UDP,
)
from iotids.flowmeter.kernels.reading import be16, be32, be64


@kernel
def fragment_mark(packet, ident, protocol):
    """Hash of what all fragments of a packet have in common."""
    k = np.int64(-7046029254386353131)
    a = mix(packet["src_lo"] + packet["src_hi"] * k)
    b = mix(packet["dst_lo"] + packet["dst_hi"] * k + 1)
    return mix(a + b * 3 + (np.int64(ident) << 16) + protocol)


@kernel
def claim_fragment(packet, ident, protocol, size, fragments, marks):
    """Take the oldest place of the ring for a first fragment; what it carries is written when that is known.

    protocol : int — as the IP header names it, 0 for version 6.  size : int — of its payload by the IP header.
    marks : (1 + n,) int64 — how many first fragments there were, and a hash of each of the ring.
    """
    place = marks[0] % len(fragments)
    entry = fragments[place]
    entry["src_hi"] = packet["src_hi"]
    entry["src_lo"] = packet["src_lo"]
    entry["dst_hi"] = packet["dst_hi"]
    entry["dst_lo"] = packet["dst_lo"]
    entry["ident"] = ident
    entry["protocol"] = protocol
    entry["version"] = packet["version"]
    entry["status"] = LATER_FRAGMENT
    entry["begun"] = 0
    entry["owed"] = 0
    entry["follows"] = size // 8
    marks[1 + place] = fragment_mark(packet, ident, protocol)
    marks[0] += 1


@kernel
def settle_fragments(data, status, owed, packet, since, fragments, marks):
    """Write what a frame carries to the first fragments that it consists of, those claimed after `since`.

    owed : int — bytes of the transport header that later fragments hold; with SPLIT_HEADER the position of the
        eight bytes that there are.
    """
    while since < marks[0]:
        entry = fragments[since % len(fragments)]
        entry["of_src_hi"] = packet["src_hi"]
        entry["of_src_lo"] = packet["src_lo"]
        entry["of_dst_hi"] = packet["dst_hi"]
        entry["of_dst_lo"] = packet["dst_lo"]
        entry["of_protocol"] = packet["protocol"]
        entry["of_version"] = packet["version"]
        entry["src_port"] = packet["src_port"]
        entry["dst_port"] = packet["dst_port"]
        entry["status"] = status
        if status == SPLIT_HEADER:
            entry["begun"] = be64(data, owed)
        elif status == METERED:
            entry["owed"] = owed
        since += 1


@kernel
def find_fragment(packet, ident, protocol, fragments, marks):
    """Place of the first fragment of a later one, -1 when it is not among the latest."""
    mark = fragment_mark(packet, ident, protocol)
    known = min(marks[0], len(fragments))
    for back in range(known):
        place = (marks[0] - 1 - back) % len(fragments)
        if marks[1 + place] != mark:
            continue
        entry = fragments[place]
        if (
            entry["ident"] == ident
            and entry["src_lo"] == packet["src_lo"]
            and entry["dst_lo"] == packet["dst_lo"]
            and entry["src_hi"] == packet["src_hi"]
            and entry["dst_hi"] == packet["dst_hi"]
            and entry["protocol"] == protocol
            and entry["version"] == packet["version"]
        ):
            return place
    return -1


@kernel
def recall_fragment(data, at, end, size, offset, ident, protocol, packet, fragments, marks):
    """Make a later fragment a packet of the flow of its first one; METERED or the reason why not.

    size : int — its length by the IP header.  offset : int — in units of eight bytes.
    """
    place = find_fragment(packet, ident, protocol, fragments, marks)
    if place < 0:
        return LATER_FRAGMENT
    entry = fragments[place]
    if entry["status"] == SPLIT_HEADER:
        return complete_header(data, at, end, size, offset, packet, entry)
    if entry["status"] != METERED:
        return LATER_FRAGMENT
    take_endpoints(packet, entry)
    packet["src_port"] = entry["src_port"]
    packet["dst_port"] = entry["dst_port"]
    if packet["protocol"] in (TCP, UDP, SCTP):
        header = min(np.int64(entry["owed"]), size)
        entry["owed"] -= header
        packet["payload"] = size - header
    return METERED


@kernel
def take_endpoints(packet, entry):
    """Addresses, version and protocol of what a first fragment carries."""
    packet["src_hi"] = entry["of_src_hi"]
    packet["src_lo"] = entry["of_src_lo"]
    packet["dst_hi"] = entry["of_dst_hi"]
    packet["dst_lo"] = entry["of_dst_lo"]
    packet["version"] = entry["of_version"]
    packet["protocol"] = entry["of_protocol"]


@kernel
def complete_header(data, at, end, size, offset, packet, entry):
    """Read a TCP header whose first eight bytes came before; the fragment that continues it is the packet."""
    if offset != entry["follows"] or size < 6:
        return LATER_FRAGMENT
    if at + 6 > end:
        return TRUNCATED
    rest = be32(data, at + 4) if at + 8 <= end else be16(data, at + 4) << 16
    header = (np.int64(data[at + 4]) >> 4) * 4
    if header < 20:
        entry["status"] = MALFORMED
        return MALFORMED
    take_endpoints(packet, entry)
    read_tcp_words(np.int64(entry["begun"]), be32(data, at), rest, packet)
    entry["src_port"] = packet["src_port"]
    entry["dst_port"] = packet["dst_port"]
    entry["status"] = METERED
    entry["owed"] = max(header - 8 - size, 0)
    packet["header"] = header
    packet["payload"] = max(8 + size - header, 0)
    return METERED
