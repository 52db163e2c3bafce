"""Find the flow of a packet: a hash table with open addressing, in which some flows are on disk."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, inlined, kernel
from iotids.flowmeter.kernels.disk import read_key
from iotids.flowmeter.kernels.layout import ON_DISK


@inlined
def direction_of(packet, key):
    """1 when a packet goes from a key's first endpoint to its second, -1 when it comes back, 0 when it
    belongs to another flow.
    """
    if key["protocol"] == packet["protocol"] and key["version"] == packet["version"]:
        if (
            key["a_lo"] == packet["src_lo"]
            and key["b_lo"] == packet["dst_lo"]
            and key["a_port"] == packet["src_port"]
            and key["b_port"] == packet["dst_port"]
            and key["a_hi"] == packet["src_hi"]
            and key["b_hi"] == packet["dst_hi"]
        ):
            return 1
        if (
            key["a_lo"] == packet["dst_lo"]
            and key["b_lo"] == packet["src_lo"]
            and key["a_port"] == packet["dst_port"]
            and key["b_port"] == packet["src_port"]
            and key["a_hi"] == packet["dst_hi"]
            and key["b_hi"] == packet["src_hi"]
        ):
            return -1
    return 0


@inlined
def find_slot(table, packet, disk):
    """Slot of the packet's flow, of either direction, or of the empty place where it belongs.

    Returns slot; place plus one, ON_DISK plus place, 0 for a new flow, -1 when the disk
    cannot be read; whether the packet has the direction of the key.
    """
    slots = table.slots
    mask = len(slots) - 1
    tag = packet["hash"] & 0x7FFFFFFF
    at = tag & mask
    while slots[at] != 0:
        if slots[at] >> 32 == tag:
            pointer = slots[at] & 0xFFFFFFFF
            if pointer >= ON_DISK:
                if not read_key(disk, pointer - ON_DISK):
                    return at, np.int64(-1), True
                direction = direction_of(packet, disk.key[0])
            else:
                direction = direction_of(packet, table.keys[pointer - 1])
            if direction != 0:
                return at, pointer, direction > 0
        at = (at + 1) & mask
    return at, np.int64(0), True


@kernel
def free_slot(slots, at):
    """Empty a slot and move those behind it up, so that no search is cut short."""
    mask = len(slots) - 1
    hole = at
    at = (at + 1) & mask
    while slots[at] != 0:
        home = (slots[at] >> 32) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            slots[hole] = slots[at]
            hole = at
        at = (at + 1) & mask
    slots[hole] = 0


@kernel
def slot_of_place(slots, keys, place):
    """Slot that points to a place in memory."""
    mask = len(slots) - 1
    at = np.int64(keys[place]["tag"]) & mask
    while (slots[at] & 0xFFFFFFFF) - 1 != place:
        at = (at + 1) & mask
    return at


@entry
def spread_slots(slots, old_length):
    """Put the flows of a table that has become longer where they belong now.

    slots : (n,) int64 — changed; empty from `old_length` on; both powers of two.  Who is put back too far
        because slots before were
    still taken is met again further on: also those behind the old end, as far as they lie without a gap.
    """
    mask = len(slots) - 1
    at = 0
    while at < old_length or slots[at & mask] != 0:
        slot = slots[at & mask]
        if slot != 0:
            slots[at & mask] = 0
            to = (slot >> 32) & mask
            while slots[to] != 0:
                to = (to + 1) & mask
            slots[to] = slot
        at += 1
