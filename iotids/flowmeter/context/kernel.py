"""Sliding counts over flows in order of their end: six kinds of counters, four windows, memory of fixed size.

The ring holds the last flows of the network. Each names six counters: of its initiator, responder, pair and
service, of its initiator with the port, and of its pair with the port (counters.py). A counter of the first four
kinds holds for each window flows, silent, reset, short, peers, ports and bytes (sums.py); the others are there to
count distinct things. A counter lives as long as a flow in the ring names it. The windows over seconds follow one
pointer each into the ring, the last flows of a counter a list through the ring. So a flow costs the same whatever
the windows hold. Kernels never allocate: all memory comes with the arguments (memory.py), its places in powers of two.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.context.counters import mix, name_counters, release_counters, write_buckets
from iotids.flowmeter.context.layout import (
    BLOCK,
    EARLY,
    INITIATOR,
    LAST,
    LATEST_US,
    N_KINDS,
    N_LISTS,
    NEWEST,
    OLDEST,
    PAIR,
    PAIR_PORT,
    RESPONDER,
    SERVICE,
    STARTED,
    WINDOW_OLDEST,
    WORDS,
)
from iotids.flowmeter.context.sums import enter, leave_seconds, move_windows, shorten_list
from iotids.flowmeter.context.writing import copy_sums, write_rows
from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel


@kernel
def forget_oldest(ring, counters, buckets, free, wide, state):
    """Take the oldest flow out of the ring, and out of every window that still has it."""
    oldest = state[OLDEST]
    flow = ring[np.uint64(oldest & (len(ring) - 1))]
    for window in range(LAST):
        if state[WINDOW_OLDEST + window] == oldest:
            leave_seconds(flow, window, wide)
            state[WINDOW_OLDEST + window] += 1
    for kind in range(N_LISTS):
        if counters[np.uint64(flow["kinds"][kind])]["oldest"] == oldest:
            shorten_list(flow["kinds"][kind], kind, ring, counters, wide)
    release_counters(flow["pair_port"], buckets, counters, free, state)
    state[OLDEST] += 1


@kernel
def advance_clock(end_us, late_us, ring, counters, buckets, free, wide, state):
    """Time at which a flow enters: its end, but not before the latest one; far before it, all begins anew."""
    if state[STARTED] and end_us < state[LATEST_US]:
        if end_us >= state[LATEST_US] - late_us:
            return state[LATEST_US]
        while state[OLDEST] < state[NEWEST]:
            forget_oldest(ring, counters, buckets, free, wide, state)
    state[STARTED], state[LATEST_US] = 1, end_us
    return end_us


@kernel
def put_in_ring(end_us, n_bytes, facts, pair_port, ring, counters, state):
    """Write the flow that enters into the ring; returns its place."""
    place = state[NEWEST] & (len(ring) - 1)
    flow, counter = ring[np.uint64(place)], counters[np.uint64(pair_port)]
    flow["end_us"], flow["bytes"], flow["facts"], flow["pair_port"] = end_us, n_bytes, facts, pair_port
    kinds, parents = flow["kinds"], counter["parents"]
    kinds[INITIATOR], kinds[RESPONDER], kinds[SERVICE] = parents[0], parents[1], parents[2]
    kinds[PAIR] = counter["key_b"]
    return place


@kernel
def fetch_counters(row, wanted, buckets, counters):
    """Fetch into the cache what finding the counters of later flows will need."""
    later = np.uint64(min(row + 8, len(wanted) - 1))
    for kind in range(N_KINDS):
        prefetch(buckets, np.int64(wanted[later, np.uint64(kind)]), 0)
    later = np.uint64(min(row + 4, len(wanted) - 1))
    for kind in range(N_KINDS):
        at = np.int64(buckets[np.uint64(wanted[later, np.uint64(kind)])])
        prefetch(counters, max(at, np.int64(0)), 0)


@kernel
def fetch_sums(at, ring, counters, wide):
    """Fetch the sums of a flow that enters soon, and the oldest of its counters' last flows."""
    counter, mask = counters[np.uint64(at)], len(ring) - 1
    parents = counter["parents"]
    prefetch(counters, np.int64(parents[3]), 0)
    prefetch(ring, counter["newest"] & mask, 0)
    for kind in range(N_LISTS):
        place = np.int64(
            parents[2] if kind == SERVICE else counter["key_b"] if kind == PAIR else parents[kind]
        )
        prefetch(wide, place * WORDS, 0)
        prefetch(wide, place * WORDS, 64)
        named = counters[np.uint64(place)]
        prefetch(ring, named["oldest"] & mask, 0)
        prefetch(ring, named["newest"] & mask, 0)


@kernel
def fetch_newest_of_port(at, ring, counters):
    """Fetch the newest flow of the initiator with the port of a flow that enters next."""
    named = counters[np.uint64(counters[np.uint64(at)]["parents"][3])]
    prefetch(ring, named["newest"] & (len(ring) - 1), 0)


@kernel
def fetch_leaving(ring, counters, buckets, wide, state):
    """Fetch what flows that leave windows or the ring soon will need."""
    mask = len(ring) - 1
    for window in range(LAST):
        kinds = ring[np.uint64((state[WINDOW_OLDEST + window] + 4) & mask)]["kinds"]
        for kind in range(N_LISTS):
            prefetch(wide, np.int64(kinds[kind]) * WORDS, 64 * (window >> 1))
    if state[NEWEST] - state[OLDEST] == len(ring):
        prefetch(counters, np.int64(ring[np.uint64((state[OLDEST] + 12) & mask)]["pair_port"]), 0)
        flow = ring[np.uint64((state[OLDEST] + 8) & mask)]
        last = counters[np.uint64(flow["pair_port"])]
        prefetch(counters, np.int64(last["parents"][3]), 0)
        for kind in range(N_LISTS):
            prefetch(counters, np.int64(flow["kinds"][kind]), 0)
        fetch_buckets(ring[np.uint64((state[OLDEST] + 4) & mask)], counters, buckets)


@kernel
def fetch_buckets(flow, counters, buckets):
    """Fetch the buckets of the counters that a flow takes along when it leaves the ring."""
    last = counters[np.uint64(flow["pair_port"])]
    if last["users"] == 1:
        prefetch(buckets, np.int64(last["bucket"]), 0)
        prefetch(buckets, np.int64(counters[np.uint64(last["parents"][3])]["bucket"]), 0)
        for kind in range(N_LISTS):
            prefetch(buckets, np.int64(counters[np.uint64(flow["kinds"][kind])]["bucket"]), 0)


@kernel
def fetch_cells(row, rows, numbers, n_bytes):
    """Fetch a sixteenth of the cells that the next block of flows will be written to."""
    i = row % BLOCK
    later = np.int64(rows[np.uint64(min(row - i + 2 * BLOCK - 1, len(rows) - 1))])
    for column in range(i, len(numbers), BLOCK):
        prefetch(numbers[column], later, 0)
    for column in range(i, len(n_bytes), BLOCK):
        prefetch(n_bytes[column], later, 0)
        prefetch(n_bytes[column], later, -64)


@entry
def follow_flows(
    ends_us,
    hosts,
    services,
    facts,
    payloads,
    windows_us,
    last_flows,
    late_us,
    ring,
    counters,
    buckets,
    free,
    wide,
    state,
    wanted,
    block,
    rows,
    numbers,
    shares,
    n_bytes,
):
    """Let flows enter one after another and write the context of each.

    ends_us (n,), hosts (n, 4): two words of the initiator, two of the responder, services (n,): port and
    protocol, facts (n,): bit 0 silent, 1 reset, 2 short, payloads (n,) in bytes; wanted (n, 6) and block (16, BLOCK, 4)
    are scratch; rows (n,): where the context of each goes; out: numbers and shares, two views of the same cells,
    and n_bytes, each (columns, rows).
    A flow that ends before the latest one counts as ending with it; where it is more than `late_us` earlier,
    the clock was set back, and all begins anew.
    """
    n = len(ends_us)
    write_buckets(hosts, services, len(buckets) - 1, wanted)
    for number in range(n + EARLY):
        if number < n:
            fetch_counters(number, wanted, buckets, counters)
            at = name_counters(
                hosts[number], services[number], wanted[number], buckets, counters, free, state
            )
            wanted[number, PAIR_PORT] = at
        row = number - EARLY
        if row < 0:
            continue
        fetch_sums(wanted[min(row + EARLY // 2, n - 1), PAIR_PORT], ring, counters, wide)
        fetch_cells(row, rows, numbers, n_bytes)
        fetch_newest_of_port(wanted[min(row + 3, n - 1), PAIR_PORT], ring, counters)
        fetch_leaving(ring, counters, buckets, wide, state)
        now_us = advance_clock(ends_us[row], late_us, ring, counters, buckets, free, wide, state)
        if state[NEWEST] - state[OLDEST] == len(ring):
            forget_oldest(ring, counters, buckets, free, wide, state)
        move_windows(now_us, windows_us, ring, wide, state)
        place = put_in_ring(now_us, payloads[row], facts[row], wanted[row, PAIR_PORT], ring, counters, state)
        enter(place, last_flows, ring, counters, wide, state)
        state[NEWEST] += 1
        copy_sums(ring[place], row % BLOCK, wide, block)
        if row % BLOCK == BLOCK - 1 or row == n - 1:
            write_rows(row - row % BLOCK, row + 1, rows, block, numbers, shares, n_bytes)


@entry
def fill_words(offsets, text, words, column):
    """Write the two words of each string to words[:, column] and words[:, column + 1]."""
    for row in range(len(offsets) - 1):
        first, last = offsets[row], offsets[row + 1]
        a = b = np.int64(0)
        if last - first <= 16:
            for at in range(first, min(last, first + 8)):
                a |= np.int64(text[at]) << (8 * (at - first))
            for at in range(first + 8, last):
                b |= np.int64(text[at]) << (8 * (at - first - 8))
        else:
            for at in range(first, last):
                a = mix(a + np.int64(text[at]) + 1)
                b = mix(b ^ (np.int64(text[at]) * np.int64(-7046029254386353131)))
        words[row, column], words[row, column + 1] = a, b
