"""802.11: what stands before a radio frame, its header, and the frames aggregated in one."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.layout import (
    ENCRYPTED,
    LINK_AVS,
    LINK_PRISM,
    LINK_RADIO,
    LINK_RADIOTAP,
    LINK_SUBFRAME,
    MALFORMED,
    NOT_DATA,
    TRUNCATED,
    UNSUPPORTED_LINK,
)
from iotids.flowmeter.kernels.nested_links import nested_link
from iotids.flowmeter.kernels.reading import be16, be32, be48, le16, le32
from iotids.flowmeter.kernels.tags import llc_type, or_not_ip


@kernel
def radiotap_flags(data, at, size):
    """The flags of a radiotap header of `size` bytes, 0 without."""
    present = le32(data, at + 4)
    field = at + 8
    more = present
    while more & 0x80000000 and field + 4 <= at + size:
        more = le32(data, field)
        field += 4
    if present & 1:  # the time stamp, aligned to its eight bytes
        field += (at - field) % 8 + 8
    return data[field] if present & 2 and field < at + size else np.uint8(0)


@kernel
def radio_start(data, at, end, link):
    """Position of an 802.11 frame behind the header of its link type, and whether the frame's own header is padded
    to four bytes; below 0: minus the reason why there is none.
    """
    if link == LINK_RADIOTAP:
        if at + 8 > end:
            return -TRUNCATED, False
        size = le16(data, at + 2)
        if size < 8:
            return -MALFORMED, False
        if at + size > end:
            return -TRUNCATED, False
        return at + size, radiotap_flags(data, at, size) & 0x20 != 0
    if link in (LINK_PRISM, LINK_AVS):
        if at + 8 > end:
            return -TRUNCATED, False
        if be32(data, at) & 0xFFFFF000 == 0x80211000:  # AVS, which drivers name Prism too
            size = be32(data, at + 4)
        else:
            size = le32(data, at + 4)
            if size > 0xFFFF:
                size = be32(data, at + 4)
        if size < 8 or size > 0xFFFF:
            return -MALFORMED, False
        return at + size, False
    return at, False


@kernel
def radio_body(data, at, end, padded, packet):
    """Position behind the header of an 802.11 frame, and whether several frames are aggregated there; below 0:
    minus the reason why there is none.
    """
    if at + 2 > end:
        return -TRUNCATED, False
    control = np.int64(data[at])
    bits = np.int64(data[at + 1])
    if (control >> 2) & 3 != 2 or control & 0x40:
        return -NOT_DATA, False
    if bits & 0x40:
        return -ENCRYPTED, False
    to_ds = bits & 1
    from_ds = (bits >> 1) & 1
    body = at + (30 if to_ds and from_ds else 24)
    if body > end:
        return -TRUNCATED, False
    packet["dst_mac"] = be48(data, at + 16) if to_ds else be48(data, at + 4)
    packet["src_mac"] = be48(data, at + 16) if from_ds else be48(data, at + 10)
    if to_ds and from_ds:
        packet["src_mac"] = be48(data, at + 24)
    aggregated = False
    mesh = False
    if control & 0x80:
        if body + 2 > end:
            return -TRUNCATED, False
        aggregated = data[body] & 0x80 != 0
        mesh = to_ds and from_ds and data[body + 1] & 1 != 0
        body += 6 if bits & 0x80 else 2
    if padded:
        body += (at - body) & 3
    if mesh and not aggregated and body < end:  # flags, time to live, number, and up to two more addresses
        body += 6 + 6 * (np.int64(data[body]) & 3)
    return body, aggregated


@kernel
def radio_payload(data, at, end, link, packet):
    """Ethertype and position behind 802.11 and LLC."""
    start, padded = radio_start(data, at, end, link)
    if start < 0:
        return start, at
    body, aggregated = radio_body(data, start, end, padded, packet)
    if body < 0:
        return body, at
    if aggregated:  # not taken apart, see radio.take_apart
        return -UNSUPPORTED_LINK, at
    kind, inner = llc_type(data, body, end)
    return or_not_ip(kind, inner)


@kernel
def body_of_frame(data, at, end, link, packet):
    """As radio_body, for a frame of any link type."""
    link, at = nested_link(data, at, end, link)
    if at >= end or link not in (LINK_RADIO, LINK_RADIOTAP, LINK_PRISM, LINK_AVS):
        return -NOT_DATA, False
    start, padded = radio_start(data, at, end, link)
    if start < 0:
        return start, False
    return radio_body(data, start, end, padded, packet)


@entry
def take_apart(data, frames, n_frames, at_frame, at_byte, scratch, out, more):
    """Copy frames, and of an 802.11 frame that aggregates several, each of these; (next frame, next byte in it,
    frames written).

    at_frame, at_byte : int — where to begin: what an earlier call returned, because `out` was full; 0, 0 at first.
    scratch : (1,) PACKET — overwritten.
    out : (n,) FRAME — written; frames out of others have link type LINK_SUBFRAME.
    more : (n,) uint8 — written: 1 for a frame that came out of the same one as the frame before it.
    """
    m = 0
    for i in range(at_frame, n_frames):
        frame = frames[i]
        offset = frame["offset"]
        end = offset + np.int64(frame["captured"])
        wire_end = offset + max(np.int64(frame["captured"]), np.int64(frame["wire"]))
        body, aggregated = body_of_frame(data, offset, end, np.int64(frame["link"]), scratch[0])
        at = at_byte if at_byte > 0 else body
        at_byte = 0
        if not aggregated or body + 14 > end:
            if m == len(out):
                return i, 0, m
            out[m] = frame
            more[m] = 0
            m += 1
            continue
        while at + 14 <= end:
            if m == len(out):
                return i, at, m
            size = 14 + be16(data, at + 12)
            out[m] = frame
            out[m]["offset"] = at
            out[m]["captured"] = min(size, end - at)
            out[m]["wire"] = min(size, wire_end - at)
            out[m]["link"] = LINK_SUBFRAME
            more[m] = at > body
            m += 1
            at += size
            at += (body - at) & 3
    return n_frames, 0, m
