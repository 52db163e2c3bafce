"""Read flows back that were spilled to disk: a key to compare, a flow to go on with."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import ctypes
import os

import numpy as np
from numba import config, types

from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.layout import (
    FLOW_BYTES,
    FREE_PLACES,
    FREE_SEGMENTS,
    KEY_BYTES,
    METER_DONE,
    METER_SEGMENTS_FULL,
    METER_UNREADABLE,
    ON_DISK,
    PAIRS,
    RECORD_BYTES,
    RECORDS,
    SEQUENCE_BYTES,
    SEQUENCES,
    WANTED_SEGMENTS,
)
from iotids.flowmeter.kernels.segments import remember_segment
from iotids.flowmeter.kernels.sequences import wants_sequences


def pread(file, address, size, offset):
    """Read from a file to a place in memory; stands in for the system's function outside compiled code."""
    return os.preadv(file, [(ctypes.c_char * size).from_address(address)], offset)


if not config.DISABLE_JIT:
    pread = types.ExternalFunction("pread", types.int64(types.int32, types.uintp, types.uintp, types.int64))


@kernel
def read_key(disk, place):
    """Read the key of a flow on disk into disk.key[0]; whether it came whole."""
    return (
        pread(np.int32(disk.files[RECORDS]), disk.key.ctypes.data, KEY_BYTES, place * RECORD_BYTES)
        == KEY_BYTES
    )


@entry
def read_entries(file, places, size, entries):
    """Read entries of a size from disk; returns how many came whole. entries : (len(places) * size,) uint8 —
    written.
    """
    for i in range(len(places)):
        if pread(file, entries[i * size :].ctypes.data, size, np.int64(places[i]) * size) != size:
            return i
    return len(places)


@kernel
def read_sequence(disk, place, table, at):
    """Read the first packets of a flow from disk to a place in memory; whether they came whole."""
    file = np.int32(disk.files[SEQUENCES])
    address = table.sequences[at:].ctypes.data
    return pread(file, address, SEQUENCE_BYTES, place * SEQUENCE_BYTES) == SEQUENCE_BYTES


@kernel
def read_flow(disk, place, table, at):
    """Read a flow from disk to a place in memory; whether it came whole."""
    file = np.int32(disk.files[RECORDS])
    if wants_sequences(table) and not read_sequence(disk, place, table, at):
        return False
    whole = pread(file, table.keys[at:].ctypes.data, KEY_BYTES, place * RECORD_BYTES) == KEY_BYTES
    return (
        whole
        and pread(file, table.bodies[at:].ctypes.data, FLOW_BYTES, place * RECORD_BYTES + KEY_BYTES)
        == FLOW_BYTES
    )


@kernel
def read_segments(disk, flow, connection, tag, segments):
    """Remember the TCP segments of a flow again that was on disk; whether they came whole."""
    flow["segments"] = -1
    pairs = disk.pairs
    file = np.int32(disk.files[PAIRS])
    n = np.int64(flow["segments_n"])
    for first in range(0, n, len(pairs)):
        some = min(np.int64(len(pairs)), n - first)
        if pread(file, pairs.ctypes.data, 16 * some, 16 * (flow["segments_at"] + first)) != 16 * some:
            return False
        for i in range(some):
            remember_segment(connection, tag, pairs[i, 0], pairs[i, 1], flow, segments)
    return True


@kernel
def restore_flow(slot, table, with_segments, segments, disk):
    """Read a flow from disk into a free place; METER_DONE, or why not, and then nothing has changed but what
    was free.
    """
    at = np.int64(table.free[table.counters[FREE_PLACES] - 1])
    if not read_flow(disk, (table.slots[slot] & 0xFFFFFFFF) - ON_DISK, table, at):
        return METER_UNREADABLE
    flow = table.bodies[at]
    if with_segments:
        if table.counters[FREE_SEGMENTS] <= flow["segments_n"]:
            table.counters[WANTED_SEGMENTS] = flow["segments_n"] + 1
            return METER_SEGMENTS_FULL
        if not read_segments(disk, flow, at, table.keys[at]["tag"], segments):
            return METER_UNREADABLE
    table.counters[FREE_PLACES] -= 1
    table.due[at] = flow["start"]
    table.slots[slot] = (table.slots[slot] >> 32 << 32) | (at + 1)
    return METER_DONE
