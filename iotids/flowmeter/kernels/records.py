"""Cut a block of capture bytes into frames: pcap and pcapng."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.layout import (
    INTERFACE_DIVISOR,
    INTERFACE_LINK,
    INTERFACE_OFFSET_US,
    INTERFACE_SHIFT,
    INTERFACE_SNAP,
    INTERFACE_TIMES,
    LATEST_US,
    MAX_BLOCK,
    NEVER,
    TIME_CARRIED,
    TIME_INHERITED,
    TIME_OWN,
    WALK_BAD_BLOCK,
    WALK_BAD_INTERFACE,
    WALK_BAD_LENGTH,
    WALK_FULL,
    WALK_MORE,
    WALK_SECTION,
)
from iotids.flowmeter.kernels.reading import be16, word

SIMPLE_PACKET, OLD_PACKET, ENHANCED_PACKET = 3, 2, 6


@entry
def walk_pcap(data, start, end, big, ticks_per_us, link, max_record, header, frames, n_frames):
    """Cut a block of a classic pcap file into frames; (frames, position behind the last one, WALK_*).

    header : int — bytes before each record's packet: 16, in the modified format 24.
    A fraction of a second or more is carried into the seconds.
    """
    at = start
    n = n_frames
    while at + header <= end:
        if n == len(frames):
            return n, at, WALK_FULL
        captured = word(data, at + 8, big)
        if captured > max_record:
            return n, at, WALK_BAD_LENGTH
        if at + header + captured > end:
            break
        fraction = word(data, at + 4, big)
        frame = frames[n]
        frame["time_us"] = word(data, at, big) * 1_000_000 + fraction // ticks_per_us
        frame["offset"] = at + header
        frame["captured"] = captured
        frame["wire"] = min(word(data, at + 12, big), 0x7FFFFFFF)
        frame["link"] = link
        frame["fault"] = 0
        frame["clock"] = TIME_CARRIED if fraction >= 1_000_000 * ticks_per_us else TIME_OWN
        n += 1
        at += header + captured
    return n, at, WALK_MORE


@entry
def survey_frames(frames, n_frames, latest_us, stop_at_fault, tallies):
    """Mark frames later than `latest_us` as faulty; how many come before the first faulty one, if wanted,
    their earliest time and link type.

    The link type is -1 when there are several.
    tallies : (N_TALLIES,) int64 — added to.
    """
    oldest_us = frames[0]["time_us"]
    link = frames[0]["link"]
    for i in range(n_frames):
        frame = frames[i]
        if frame["time_us"] > latest_us:
            frame["fault"] = 1
            if stop_at_fault:
                return i, oldest_us, link
        oldest_us = min(oldest_us, frame["time_us"])
        if frame["link"] != link:
            link = -1
        if frame["clock"] != TIME_OWN:
            tallies[frame["clock"]] += 1
    return n_frames, oldest_us, link


@kernel
def binary_ticks_to_us(ticks, shift):
    """Ticks of 2^-shift s in microseconds, rounded towards the past; NEVER where that does not fit."""
    low = np.uint64(0xFFFFFFFF)
    seconds = np.uint64(0)
    rest = ticks
    if shift < 64:
        seconds = ticks >> np.uint64(shift)
        rest = ticks & ((np.uint64(1) << np.uint64(shift)) - np.uint64(1))
    if seconds > np.uint64(1 << 42):
        return np.int64(NEVER)
    if shift <= 44:
        fraction = (rest * np.uint64(1_000_000)) >> np.uint64(shift)
    else:  # 10^6 / 2^shift is 5^6 / 2^(shift - 6); in two halves, as the product has more than 64 bits
        high = (rest >> np.uint64(32)) * np.uint64(15_625)
        high += ((rest & low) * np.uint64(15_625)) >> np.uint64(32)
        fraction = high >> np.uint64(min(shift - 38, 63))
    return np.int64(seconds) * 1_000_000 + np.int64(fraction)


@kernel
def ticks_to_us(ticks, interfaces, interface):
    """Time stamp of a pcapng packet in microseconds, rounded towards the past; NEVER where that does not fit.

    ticks : uint64.
    """
    shift = interfaces[interface, INTERFACE_SHIFT]
    if shift >= 0:
        return binary_ticks_to_us(ticks, shift)
    divisor = interfaces[interface, INTERFACE_DIVISOR]
    if divisor > 1:
        ticks = ticks // np.uint64(divisor)
    times = interfaces[interface, INTERFACE_TIMES]
    if ticks > np.uint64(NEVER) // np.uint64(times):
        return np.int64(NEVER)
    return np.int64(ticks) * times


@kernel
def inherit_time(frames, n, clock):
    """Time of a packet without one: its predecessor's. Packets before the first time of a block wait for it."""
    frames[n]["clock"] = TIME_INHERITED
    return clock[0]


@kernel
def pass_time_on(frames, n, time_us, clock):
    """Remember a packet's time, and give the capture's first one to the packets before it in its block."""
    if time_us > LATEST_US:
        return
    if clock[1] == 0:
        for i in range(n):
            frames[i]["time_us"] = time_us
    clock[0] = time_us
    clock[1] = 1


@kernel
def block_bytes(data, at, end, size, big):
    """How many bytes a pcapng block of a stated length takes: that length, rounded up to four.

    Some programs state the length without padding, some do not pad either. 0 when the length's copy at the end
    differs, -1 when the block is not yet there in full.
    """
    padded = size + (-size & 3)
    if at + padded <= end:
        copy = word(data, at + padded - 4, big)
        if copy in (size, padded):
            return padded
    if at + size <= end and padded != size and word(data, at + size - 4, big) == size:
        return size
    return 0 if at + padded <= end else -1


@entry
def walk_pcapng(data, start, end, big, interfaces, n_interfaces, clock, frames, n_frames):
    """Cut a block of a pcapng file into frames; (frames, position behind the last one, WALK_*).

    interfaces : (>= n_interfaces, N_INTERFACE) int64 — the interfaces of the section.
    clock : (2,) int64 — time of the last packet that has one, and whether there was any; kept between calls.
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
        if size < 12 or size > MAX_BLOCK:
            return n, at, WALK_BAD_BLOCK
        step = block_bytes(data, at, end, size, big)
        if step < 0:
            break
        if step == 0:
            return n, at, WALK_BAD_BLOCK
        if kind in (ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET):
            interface = 0
            room = size - 32
            body = at + 28
            if kind == SIMPLE_PACKET:
                if size < 16:
                    return n, at, WALK_BAD_BLOCK
                room = size - 16
                body = at + 12
                wire = word(data, at + 8, big)
            else:
                if size < 32:
                    return n, at, WALK_BAD_BLOCK
                interface = word(data, at + 8, big)
                if kind == OLD_PACKET:  # 16 bits of interface and 16 of drops
                    interface = (
                        be16(data, at + 8) if big else (np.int64(data[at + 9]) << 8) | np.int64(data[at + 8])
                    )
                wire = word(data, at + 24, big)
            if interface >= n_interfaces:
                return n, at, WALK_BAD_INTERFACE
            captured = word(data, at + 20, big)
            if kind == SIMPLE_PACKET:
                captured = wire
                if interfaces[interface, INTERFACE_SNAP] > 0:
                    captured = min(captured, interfaces[interface, INTERFACE_SNAP])
                captured = min(captured, room)
            if captured > room:
                return n, at, WALK_BAD_LENGTH
            frame = frames[n]
            if kind == SIMPLE_PACKET:
                frame["time_us"] = inherit_time(frames, n, clock)
            else:
                ticks = (np.uint64(word(data, at + 12, big)) << np.uint64(32)) | np.uint64(
                    word(data, at + 16, big)
                )
                time_us = (
                    ticks_to_us(ticks, interfaces, interface) + interfaces[interface, INTERFACE_OFFSET_US]
                )
                pass_time_on(frames, n, time_us, clock)
                frame["time_us"] = time_us
                frame["clock"] = TIME_OWN
            frame["offset"] = body
            frame["captured"] = captured
            frame["wire"] = min(wire, 0x7FFFFFFF)
            frame["link"] = interfaces[interface, INTERFACE_LINK]
            frame["fault"] = 0
            n += 1
        at += step
    return n, at, WALK_MORE
