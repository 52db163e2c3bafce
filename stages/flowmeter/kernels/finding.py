"""Find the flow of a packet: its hash, and a hash table with open addressing."""

from __future__ import annotations

import numpy as np

from stages.flowmeter.kernels.compiling import entry, kernel


@kernel
def mix(x):
    """Spread the bits of a word (the finaliser of a 64-bit hash)."""
    x ^= x >> 32
    x *= np.int64(-2960836687050489427)
    x ^= x >> 29
    x *= np.int64(-4658895280553007687)
    return x ^ (x >> 32)


@kernel
def symmetric_hash(packet):
    """Hash of a packet's endpoints and protocol, the same in both directions."""
    k = np.int64(-7046029254386353131)
    a = mix(packet["src_lo"] + packet["src_hi"] * k + (np.int64(packet["src_port"]) << 40))
    b = mix(packet["dst_lo"] + packet["dst_hi"] * k + (np.int64(packet["dst_port"]) << 40))
    return mix(a + b + np.int64(packet["protocol"]))


@kernel
def find_slot(slots, keys, packet):
    """Slot of the packet's flow, of either direction, or of the empty place where it belongs; (slot, key or -1, same direction)."""
    mask = len(slots) - 1
    tag = packet["hash"] & 0x7FFFFFFF
    at = tag & mask
    while slots[at] != 0:
        if slots[at] >> 32 == tag:
            index = (slots[at] & 0xFFFFFFFF) - 1
            key = keys[index]
            if key["protocol"] == packet["protocol"] and key["version"] == packet["version"]:
                if (
                    key["a_lo"] == packet["src_lo"]
                    and key["b_lo"] == packet["dst_lo"]
                    and key["a_port"] == packet["src_port"]
                    and key["b_port"] == packet["dst_port"]
                    and key["a_hi"] == packet["src_hi"]
                    and key["b_hi"] == packet["dst_hi"]
                ):
                    return at, index, True
                if (
                    key["a_lo"] == packet["dst_lo"]
                    and key["b_lo"] == packet["src_lo"]
                    and key["a_port"] == packet["dst_port"]
                    and key["b_port"] == packet["src_port"]
                    and key["a_hi"] == packet["dst_hi"]
                    and key["b_hi"] == packet["src_hi"]
                ):
                    return at, index, False
        at = (at + 1) & mask
    return at, np.int64(-1), True


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
def slot_of_key(slots, keys, index):
    """Slot that points to a key."""
    mask = len(slots) - 1
    tag = np.int64(keys[index]["tag"])
    at = tag & mask
    while (slots[at] & 0xFFFFFFFF) - 1 != index:
        at = (at + 1) & mask
    return at


@entry
def refill_slots(slots, old_slots):
    """Enter all flows of a smaller table into a larger, empty one."""
    mask = len(slots) - 1
    for i in range(len(old_slots)):
        if old_slots[i] != 0:
            at = (old_slots[i] >> 32) & mask
            while slots[at] != 0:
                at = (at + 1) & mask
            slots[at] = old_slots[i]
