"""The order of the rows of flows left at the end: as they began, or as Java's HashMap would list them."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel
from iotids.flowmeter.kernels.layout import HASH_MASK, ON_DISK, ORDER_BITS
from iotids.flowmeter.kernels.text import java_hash


@entry
def live_places(slots, places):
    """Places of all flows; -1 - place for those on disk. places : (at least that many,) int32 — written;
    returns how many.
    """
    n = 0
    for i in range(len(slots)):
        if slots[i] != 0:
            pointer = slots[i] & 0xFFFFFFFF
            places[n] = pointer - 1 if pointer < ON_DISK else ON_DISK - 1 - pointer
            n += 1
    return n


@kernel
def sort_word(key, text):
    """What Java's HashMap would list a flow by, whatever its capacity: bits of the hash of its id above,
    which insertion below.
    """
    return ((java_hash(key, text) & HASH_MASK) << ORDER_BITS) | key["order"]


@entry
def sort_words_of(places, keys, on_disk, capacity, text, words):
    """What rows are sorted by at the end: bucket of a HashMap of some capacity, then insertion; with a
    capacity of 1 insertion alone.

    on_disk : (n,) int64 — the words of flows on disk.  words : (len(places),) int64 — written.
    """
    keep = ((capacity - 1) << ORDER_BITS) | ((1 << ORDER_BITS) - 1)
    for i in range(len(places)):
        if i + 8 < len(places) and places[i + 8] >= 0:
            prefetch(keys, np.int64(places[i + 8]), 0)
        if places[i] < 0:
            words[i] = on_disk[-1 - places[i]] & keep
        elif capacity == 1:
            words[i] = keys[places[i]]["order"]
        else:
            words[i] = sort_word(keys[places[i]], text) & keep
