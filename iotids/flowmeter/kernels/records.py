"""Cut a block of capture bytes into frames: pcap and pcapng."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.layout import (
    MAX_BLOCK,
    WALK_BAD_BLOCK,
    WALK_BAD_INTERFACE,
    WALK_BAD_LENGTH,
    WALK_FULL,
    WALK_MORE,
    WALK_SECTION,
)
from iotids.flowmeter.kernels.reading import be16, word


@entry
def walk_pcap(data, start, end, big, ticks_per_us, link, max_record, frames, n_frames):
    """Cut a block of a classic pcap file into frames; (frames, position behind the last one, WALK_*)."""
    at = start
    n = n_frames
    while at + 16 <= end:
        if n == len(frames):
            return n, at, WALK_FULL
        captured = word(data, at + 8, big)
        if captured > max_record:
            return n, at, WALK_BAD_LENGTH
        if at + 16 + captured > end:
            break
        fraction = word(data, at + 4, big)
        frame = frames[n]
        frame["time_us"] = word(data, at, big) * 1_000_000 + fraction // ticks_per_us
        frame["offset"] = at + 16
        frame["captured"] = captured
        frame["wire"] = min(word(data, at + 12, big), 0x7FFFFFFF)
        frame["link"] = link
        frame["fault"] = 1 if fraction >= 1_000_000 * ticks_per_us else 0
        n += 1
        at += 16 + captured
    return n, at, WALK_MORE


@entry
def survey_frames(frames, n_frames, latest_us, stop_at_fault):
    """Mark frames later than `latest_us` as faulty; how many come before the first faulty one, if wanted,
    their earliest time and link type.

    The link type is -1 when there are several.
    """
    oldest_us = frames[0]["time_us"]
    link = frames[0]["link"]
    for i in range(n_frames):
        frame = frames[i]
        if frame["time_us"] > latest_us:
            frame["fault"] = 1
        if stop_at_fault and frame["fault"] != 0:
            return i, oldest_us, link
        oldest_us = min(oldest_us, frame["time_us"])
        if frame["link"] != link:
            link = -1
    return n_frames, oldest_us, link


@entry
def count_out_of_order(frames, n_frames, latest_us):
    """How many frames are earlier than one before them, and the latest time so far; faulty times do not count."""
    n = 0
    for i in range(n_frames):
        if frames[i]["fault"] == 0:
            time_us = frames[i]["time_us"]
            if time_us < latest_us:
                n += 1
            latest_us = max(latest_us, time_us)
    return n, latest_us


@kernel
def ticks_to_us(ticks, ticks_per_s):
    """Time stamp of a pcapng packet in microseconds, rounded towards the past."""
    seconds = ticks // ticks_per_s
    rest = ticks - seconds * ticks_per_s
    if ticks_per_s > 1_000_000_000_000:  # rest * 10^6 would not fit
        rest //= ticks_per_s // 1_000_000
        return seconds * 1_000_000 + min(rest, 999_999)
    return seconds * 1_000_000 + rest * 1_000_000 // ticks_per_s


@entry
def walk_pcapng(data, start, end, big, interfaces, n_interfaces, frames, n_frames):
    """Cut a block of a pcapng file into frames; (frames, position behind the last one, WALK_*).

    interfaces : (n, 4) int64 — link type, ticks per second, time offset in s, snapshot length of each
        interface of the section.
    """
    at = start
    n = n_frames
    while at + 12 <= end:
        if n == len(frames):
            return n, at, WALK_FULL
        kind = word(data, at, big)
        if kind == 0x0A0D0D0A or kind == 1:
            return n, at, WALK_SECTION
        size = word(data, at + 4, big)
        if size < 12 or size % 4 != 0 or size > MAX_BLOCK:
            return n, at, WALK_BAD_BLOCK
        if at + size > end:
            break
        if word(data, at + size - 4, big) != size:
            return n, at, WALK_BAD_BLOCK
        if kind == 6 or kind == 2 or kind == 3:
            interface = 0
            ticks = 0
            room = size - 32
            body = at + 28
            if kind == 3:
                if size < 16:
                    return n, at, WALK_BAD_BLOCK
                room = size - 16
                body = at + 12
                wire = word(data, at + 8, big)
            else:
                if size < 32:
                    return n, at, WALK_BAD_BLOCK
                interface = word(data, at + 8, big)
                if kind == 2:  # the obsolete packet block has 16 bits of interface and 16 of drops
                    interface = (
                        be16(data, at + 8) if big else (np.int64(data[at + 9]) << 8) | np.int64(data[at + 8])
                    )
                ticks = (word(data, at + 12, big) << 32) | word(data, at + 16, big)
                wire = word(data, at + 24, big)
            if interface >= n_interfaces:
                return n, at, WALK_BAD_INTERFACE
            captured = word(data, at + 20, big)
            if kind == 3:
                captured = wire
                if interfaces[interface, 3] > 0:
                    captured = min(captured, interfaces[interface, 3])
                captured = min(captured, room)
            if captured > room:
                return n, at, WALK_BAD_LENGTH
            frame = frames[n]
            frame["time_us"] = (
                ticks_to_us(ticks, interfaces[interface, 1]) + interfaces[interface, 2] * 1_000_000
            )
            frame["offset"] = body
            frame["captured"] = captured
            frame["wire"] = min(wire, 0x7FFFFFFF)
            frame["link"] = interfaces[interface, 0]
            frame["fault"] = 1 if ticks < 0 else 0
            n += 1
        at += size
    return n, at, WALK_MORE
