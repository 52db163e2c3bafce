"""Find flows that have been silent for too long, and take flows out of the table in a given order."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.booking import emit_flow, release_flow
from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry
from iotids.flowmeter.kernels.finding import slot_of_place
from iotids.flowmeter.kernels.layout import FLOW_LINES, NEVER
from iotids.flowmeter.kernels.sequences import sequence_at


@entry
def silent_places(due, bodies, watermark_us, idle_us, silent, numbers):
    """Places of the flows silent for longer than idle_us at a time, and their flow numbers; returns how many.

    due : (places,) int64 — no flow's latest packet is earlier; renewed for those looked at.
    """
    n = 0
    for i in range(len(due)):
        if due[i] != NEVER and watermark_us - due[i] > idle_us:  # absurd times may overflow
            flow = bodies[i]
            if watermark_us - flow["last"] > idle_us:
                silent[n] = i
                numbers[n] = flow["number"]
                n += 1
            else:
                due[i] = flow["last"]
    return n


@entry
def emit_flows(table, places, records, sequences, logic):
    """Emit live flows in the order of `places`; those below 0 are the next of `records`, and of
    `sequences` where they are wanted, from disk."""
    keys = table.keys
    bodies = table.bodies
    read = 0
    for i in range(len(places)):
        if i + 8 < len(places) and places[i + 8] >= 0:
            prefetch(keys, np.int64(places[i + 8]), 0)
            for line in range(FLOW_LINES):
                prefetch(bodies, np.int64(places[i + 8]), line * 64)
        if places[i] < 0:
            sequence = sequences[min(read, len(sequences) - 1)]
            emit_flow(records[read]["flow"], records[read]["key"], sequence, logic, table)
            read += 1
        else:
            place = np.int64(places[i])
            emit_flow(bodies[place], keys[place], sequence_at(table, place), logic, table)


@entry
def release_flows(table, places):
    """Take flows out of the table."""
    slots = table.slots
    keys = table.keys
    for i in range(len(places)):
        if i + 8 < len(places):
            prefetch(slots, np.int64(keys[places[i + 8]]["tag"]) & (len(slots) - 1), 0)
        release_flow(slot_of_place(slots, keys, places[i]), places[i], table)
