"""The first packets of each flow, where they are wanted: payload with a sign for the direction, time since the packet
before, TCP flags.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, inlined, kernel
from iotids.flowmeter.kernels.layout import CLEAN, PER_PACKET, SEQUENCE_CELLS, SEQUENCE_PACKETS

LONGEST_US = 2_147_483_647  # 36 minutes; a longer gap, or one as far back in time, counts as this


@inlined
def wants_sequences(table):
    """Whether the table has memory for the first packets of flows."""
    return len(table.sequences) > 1


@inlined
def sequence_at(table, place):
    """Memory of the first packets of a flow; of no use where they are not wanted."""
    return table.sequences[min(place, len(table.sequences) - 1)]


@kernel
def write_packet(sequence, at, packet, forward, gap_us):
    """Write the packet number `at`, from 0."""
    cell = PER_PACKET * at
    sequence[cell] = packet["payload"] if forward else -packet["payload"]
    sequence[cell + 1] = max(-LONGEST_US, min(gap_us, LONGEST_US))
    sequence[cell + 2] = packet["flags"]


@kernel
def begin_sequence(table, place, packet, forward):
    """Begin with the first packet of a flow."""
    sequence = table.sequences[place]
    for cell in range(SEQUENCE_CELLS):
        sequence[cell] = 0
    write_packet(sequence, 0, packet, forward, np.int64(0))


@kernel
def continue_sequence(table, place, packet, forward, logic):
    """Write a packet of a flow that is about to be booked; the gap is that of the columns flow_iat_*."""
    flow = table.bodies[place]
    at = flow["fwd_packets"] + flow["bwd_packets"]
    if at >= SEQUENCE_PACKETS:
        return
    gap_us = packet["time_us"] - flow["last"]
    if logic == CLEAN:
        gap_us = max(gap_us, np.int64(0)) + max(flow["start"] - packet["time_us"], np.int64(0))
    write_packet(table.sequences[place], at, packet, forward, gap_us)


@kernel
def copy_sequence(source, target):
    """Copy the first packets of a flow."""
    for cell in range(SEQUENCE_CELLS):
        target[cell] = source[cell]


@entry
def fill_sequences(sequences, n, first, sizes, gaps, flags):
    """Turn the first packets of n flows into columns, from row `first` on.

    sizes, gaps : (rows, SEQUENCE_PACKETS) int32, flags : the same, int16 — written.
    """
    for i in range(n):
        sequence = sequences[i]
        for at in range(SEQUENCE_PACKETS):
            sizes[first + i, at] = sequence[PER_PACKET * at]
            gaps[first + i, at] = sequence[PER_PACKET * at + 1]
            flags[first + i, at] = sequence[PER_PACKET * at + 2]
