"""Move flows out of the memory of live flows: those that are over, silent, or set down on disk."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import ctypes
import os

import numpy as np
from numba import config, types

from stages.flowmeter.kernels.booking import hand_out, release_flow
from stages.flowmeter.kernels.compiling import entry
from stages.flowmeter.kernels.finding import slot_of_key
from stages.flowmeter.kernels.layout import FLOW_BYTES, FREE_BODIES
from stages.flowmeter.kernels.prefetching import prefetch


def pread(file, address, size, offset):
    """Read from a file to a place in memory; stands in for the system's function outside compiled code."""
    return os.preadv(file, [(ctypes.c_char * size).from_address(address)], offset)


if not config.DISABLE_JIT:
    pread = types.ExternalFunction("pread", types.int64(types.int32, types.uintp, types.uintp, types.int64))


@entry
def gather_flows(keys, bodies, indexes, from_disk, logic, finished, finished_keys, counters):
    """Hand out live flows in the order of `indexes`; those on disk are in `from_disk`, in the same order."""
    read = 0
    for i in range(len(indexes)):
        key = keys[indexes[i]]
        if i + 8 < len(indexes):
            ahead = np.int64(keys[indexes[i + 8]]["body"])
            if ahead >= 0:
                for line in range(11):
                    prefetch(bodies, ahead, line * 64)
        if key["body"] < 0:
            hand_out(from_disk[read], key, logic, finished, finished_keys, counters)
            read += 1
        else:
            hand_out(bodies[key["body"]], key, logic, finished, finished_keys, counters)


@entry
def read_flows(file, places, flows):
    """Read flows from a file; returns how many came whole. flows : (len(places),) FLOW — written."""
    size = FLOW_BYTES
    for i in range(len(places)):
        if pread(file, flows[i:].ctypes.data, size, places[i] * size) != size:
            return i
    return len(places)


@entry
def live_keys(slots, live):
    """Indexes of the keys in use. live : (at least that many,) int64 — written; returns how many."""
    n = 0
    for i in range(len(slots)):
        if slots[i] != 0:
            live[n] = (slots[i] & 0xFFFFFFFF) - 1
            n += 1
    return n


@entry
def silent_keys(bodies, watermark_us, idle_us, over, numbers):
    """Keys of the flows silent for longer than idle_us at a time, and their flow numbers; returns how many."""
    n = 0
    for i in range(len(bodies)):
        prefetch(bodies, i + 16, 0)
        flow = bodies[i]
        if flow["owner"] > 0 and watermark_us - flow["last"] > idle_us:
            over[n] = flow["owner"] - 1
            numbers[n] = flow["number"]
            n += 1
    return n


@entry
def old_keys(bodies, watermark_us, flow_us, old):
    """Keys of the flows in memory whose timeout has passed at a time; returns how many."""
    n = 0
    for i in range(len(bodies)):
        prefetch(bodies, i + 16, 0)
        flow = bodies[i]
        if flow["owner"] > 0 and watermark_us - flow["start"] > flow_us:
            old[n] = flow["owner"] - 1
            n += 1
    return n


@entry
def move_out(keys, bodies, indexes, flows, first_place, free_bodies, counters):
    """Copy the flows of some keys out of memory, free their places and note in the keys where they will stand on disk."""
    for i in range(len(indexes)):
        if i + 4 < len(indexes):
            for line in range(11):
                prefetch(bodies, np.int64(keys[indexes[i + 4]]["body"]), line * 64)
        key = keys[indexes[i]]
        body = key["body"]
        flows[i] = bodies[body]
        bodies[body]["owner"] = 0
        key["body"] = -1 - (first_place + i)
        free_bodies[counters[FREE_BODIES]] = body
        counters[FREE_BODIES] += 1


@entry
def release_keys(slots, keys, indexes, bodies, free_keys, free_bodies, counters):
    """Take flows out of the table."""
    for i in range(len(indexes)):
        if i + 8 < len(indexes):
            prefetch(slots, np.int64(keys[indexes[i + 8]]["tag"]) & (len(slots) - 1), 0)
        release_flow(slots, slot_of_key(slots, keys, indexes[i]), keys, indexes[i], bodies, free_keys, free_bodies, counters)
