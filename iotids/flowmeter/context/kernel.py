"""Sliding counts over flows in order of their end: six kinds of counters, four windows, memory of fixed size.

The ring holds the last flows of the network. Each names six counters: of its initiator, responder, pair and
service, of its initiator with the port, and of its pair with the port. The last two exist to count distinct
things: the first flow of a pair in a window is one peer more for its initiator and for its responder. A
counter of the first four kinds holds for each window flows, silent, reset, short, peers, ports and bytes; it
lives as long as a flow in the ring names it. The windows over seconds follow one pointer each into the ring,
the last flows of a counter a list through the ring. So a flow costs the same whatever the windows hold.
Kernels never allocate: all memory comes with the arguments (memory.py), its places in powers of two.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.context.layout import (
    BYTES,
    CELLS,
    FLOWS,
    FREE,
    INITIATOR,
    INITIATOR_PORT,
    LAST,
    LATEST_US,
    N_KINDS,
    N_LISTS,
    NEWEST,
    OLDEST,
    PAIR,
    PAIR_PORT,
    PEERS,
    PORTS,
    RESET,
    RESPONDER,
    SERVICE,
    SHORT,
    SILENT,
    STARTED,
    WIDE,
    WINDOW_CELLS,
    WINDOW_OLDEST,
    WINDOW_WIDE,
)
from iotids.flowmeter.kernels.cache_lines import prefetch
from iotids.flowmeter.kernels.compiling import entry, kernel


@kernel
def mix(x):
    """Spread the bits of a word (the finaliser of a 64-bit hash)."""
    x ^= (x >> 32) & 0xFFFFFFFF
    x *= np.int64(-2960836687050489427)
    x ^= (x >> 29) & 0x7FFFFFFFF
    x *= np.int64(-4658895280553007687)
    return x ^ ((x >> 32) & 0xFFFFFFFF)


@kernel
def write_buckets(hosts, services, mask, wanted):
    """Write the buckets of the six counters of each flow; wanted: (n, 6) int32."""
    for row in range(len(services)):
        odd = np.int64(-7046029254386353131)
        source = mix(hosts[row, 0] + mix(hosts[row, 1] + odd))
        target = mix(hosts[row, 2] * odd + mix(hosts[row, 3] - odd))
        pair = mix(source * odd + target)
        service = services[row] * odd
        wanted[row, INITIATOR] = source & mask
        wanted[row, RESPONDER] = target & mask
        wanted[row, PAIR] = pair & mask
        wanted[row, SERVICE] = mix(target + service) & mask
        wanted[row, INITIATOR_PORT] = mix(source - service) & mask
        wanted[row, PAIR_PORT] = mix(pair + service) & mask


@kernel
def find_counter(key_a, key_b, kind, bucket, buckets, counters, free, state):
    """Place of a key's counter, a new one where there is none; the flow that asks is counted in."""
    at = buckets[bucket]
    while at >= 0:
        counter = counters[at]
        if counter["key_a"] == key_a and counter["key_b"] == key_b and counter["kind"] == kind:
            counter["flows"] += 1
            return at
        at = counter["chain"]
    state[FREE] -= 1
    at = free[state[FREE]]
    counter = counters[at]
    counter["key_a"], counter["key_b"], counter["kind"], counter["bucket"] = key_a, key_b, kind, bucket
    counter["chain"] = buckets[bucket]
    buckets[bucket] = at
    counter["flows"] = 1
    counter["oldest"] = counter["youngest"] = -1
    return at


@kernel
def release_counter(at, buckets, counters, free, state):
    """A flow that named this counter leaves the ring; the last one takes it along. Its sums are zero then."""
    counter = counters[at]
    counter["flows"] -= 1
    if counter["flows"] > 0:
        return
    bucket = counter["bucket"]
    before = np.int32(-1)
    here = buckets[bucket]
    while here != at:
        before = here
        here = counters[here]["chain"]
    if before < 0:
        buckets[bucket] = counter["chain"]
    else:
        counters[before]["chain"] = counter["chain"]
    free[state[FREE]] = at
    state[FREE] += 1


@kernel
def add(at, window, sign, facts, n_bytes, sums, wide):
    """Add a flow to a window of a counter, or take it out; returns the flows there afterwards."""
    cell = np.int64(at) * CELLS + window * WINDOW_CELLS
    sums[cell + FLOWS] += sign
    sums[cell + SILENT] += sign * (facts & 1)
    sums[cell + RESET] += sign * ((facts >> 1) & 1)
    sums[cell + SHORT] += sign * ((facts >> 2) & 1)
    wide[np.int64(at) * WIDE + window * WINDOW_WIDE + BYTES] += sign * n_bytes
    return sums[cell + FLOWS]


@kernel
def change(at, window, what, by, sums):
    """Change one cell of a window of a counter."""
    sums[np.int64(at) * CELLS + window * WINDOW_CELLS + what] += by


@kernel
def move_in_seconds(flow, window, sign, counters, sums, wide):
    """Let a flow enter (sign 1) or leave (sign -1) a window over seconds."""
    edge = 1 if sign > 0 else 0  # flows of the counter that make it one thing more, or one less
    kinds, facts, n_bytes = flow["kinds"], flow["facts"], flow["bytes"]
    initiator, responder, pair, service = kinds[INITIATOR], kinds[RESPONDER], kinds[PAIR], kinds[SERVICE]
    add(initiator, window, sign, facts, n_bytes, sums, wide)
    add(responder, window, sign, facts, n_bytes, sums, wide)
    if add(pair, window, sign, facts, n_bytes, sums, wide) == edge:
        change(initiator, window, PEERS, sign, sums)
        change(responder, window, PEERS, sign, sums)
    if add(service, window, sign, facts, n_bytes, sums, wide) == edge:
        change(responder, window, PORTS, sign, sums)
    in_seconds = counters[kinds[INITIATOR_PORT]]["in_seconds"]
    in_seconds[window] += sign
    if in_seconds[window] == edge:
        change(initiator, window, PORTS, sign, sums)
    in_seconds = counters[kinds[PAIR_PORT]]["in_seconds"]
    in_seconds[window] += sign
    if in_seconds[window] == edge:
        change(pair, window, PORTS, sign, sums)
        change(service, window, PEERS, sign, sums)


@kernel
def count_first(counters, at, sign):
    """Count a flow in the list of the first parent of a counter; 1 or -1 where that is one thing more or
    less there.
    """
    counter = counters[at]
    counter["in_list_a"] += sign
    return sign if counter["in_list_a"] == (1 if sign > 0 else 0) else 0


@kernel
def count_second(counters, at, sign):
    """As count_first, for the second parent."""
    counter = counters[at]
    counter["in_list_b"] += sign
    return sign if counter["in_list_b"] == (1 if sign > 0 else 0) else 0


@kernel
def move_in_list(flow, kind, sign, counters, sums, wide):
    """Let a flow enter or leave the last flows of its counter of a kind."""
    kinds = flow["kinds"]
    at = kinds[kind]
    add(at, LAST, sign, flow["facts"], flow["bytes"], sums, wide)
    if kind == INITIATOR:
        change(at, LAST, PEERS, count_first(counters, kinds[PAIR], sign), sums)
        change(at, LAST, PORTS, count_first(counters, kinds[INITIATOR_PORT], sign), sums)
    elif kind == RESPONDER:
        change(at, LAST, PEERS, count_second(counters, kinds[PAIR], sign), sums)
        change(at, LAST, PORTS, count_first(counters, kinds[SERVICE], sign), sums)
    elif kind == PAIR:
        change(at, LAST, PORTS, count_first(counters, kinds[PAIR_PORT], sign), sums)
    else:
        change(at, LAST, PEERS, count_second(counters, kinds[PAIR_PORT], sign), sums)


@kernel
def shorten_list(at, kind, ring, counters, sums, wide):
    """Take the oldest flow out of the last flows of a counter."""
    counter = counters[at]
    flow = ring[counter["oldest"]]
    move_in_list(flow, kind, -1, counters, sums, wide)
    counter["oldest"] = flow["later"][kind]


@kernel
def append_to_lists(place, last_flows, ring, counters, sums, wide):
    """Append the newest flow to its four lists, each of at most `last_flows`."""
    flow = ring[place]
    for kind in range(N_LISTS):
        at = flow["kinds"][kind]
        counter = counters[at]
        flow["later"][kind] = -1
        if counter["oldest"] < 0:
            counter["oldest"] = place
        else:
            ring[counter["youngest"]]["later"][kind] = place
        counter["youngest"] = place
        move_in_list(flow, kind, 1, counters, sums, wide)
        if sums[np.int64(at) * CELLS + LAST * WINDOW_CELLS + FLOWS] > last_flows:
            shorten_list(at, kind, ring, counters, sums, wide)


@kernel
def forget_oldest(ring, counters, buckets, free, sums, wide, state):
    """Take the oldest flow out of the ring, and out of every window that still has it."""
    place = state[OLDEST] & (len(ring) - 1)
    flow = ring[place]
    for window in range(LAST):
        if state[WINDOW_OLDEST + window] == state[OLDEST]:
            move_in_seconds(flow, window, -1, counters, sums, wide)
            state[WINDOW_OLDEST + window] += 1
    for kind in range(N_LISTS):
        if counters[flow["kinds"][kind]]["oldest"] == place:
            shorten_list(flow["kinds"][kind], kind, ring, counters, sums, wide)
    for kind in range(N_KINDS):
        release_counter(flow["kinds"][kind], buckets, counters, free, state)
    state[OLDEST] += 1


@kernel
def move_windows(now_us, windows_us, ring, counters, sums, wide, state):
    """Let flows leave the windows over seconds that they are too old for."""
    mask = len(ring) - 1
    for window in range(LAST):
        oldest = state[WINDOW_OLDEST + window]
        while oldest < state[NEWEST] and ring[oldest & mask]["end_us"] <= now_us - windows_us[window]:
            move_in_seconds(ring[oldest & mask], window, -1, counters, sums, wide)
            oldest += 1
        state[WINDOW_OLDEST + window] = oldest


@kernel
def name_counters(flow, hosts, service, wanted, buckets, counters, free, state):
    """Find the six counters of a flow. A service is port and protocol; a host is two words."""

    def find(key_a, key_b, kind):
        return find_counter(
            np.int64(key_a), np.int64(key_b), kind, wanted[kind], buckets, counters, free, state
        )

    kinds = flow["kinds"]
    kinds[INITIATOR] = find(hosts[0], hosts[1], INITIATOR)
    kinds[RESPONDER] = find(hosts[2], hosts[3], RESPONDER)
    kinds[PAIR] = find(kinds[INITIATOR], kinds[RESPONDER], PAIR)
    kinds[SERVICE] = find(kinds[RESPONDER], service, SERVICE)
    kinds[INITIATOR_PORT] = find(kinds[INITIATOR], service, INITIATOR_PORT)
    kinds[PAIR_PORT] = find(kinds[PAIR], service, PAIR_PORT)


@kernel
def fetch_next(row, wanted, ring, counters, buckets, sums, state):
    """Fetch into the cache what flows soon to enter and soon to leave will need; waiting for memory would
    take most of the time.
    """
    later = min(row + 12, len(wanted) - 1)
    for kind in range(N_KINDS):
        prefetch(buckets, np.int64(wanted[later, kind]), 0)
    later = min(row + 6, len(wanted) - 1)
    for kind in range(N_KINDS):
        at = np.int64(buckets[wanted[later, kind]])
        if at >= 0:
            prefetch(counters, at, 0)
            if kind < N_LISTS:
                prefetch(sums, at * CELLS, 0)
                prefetch(sums, at * CELLS, 64)
    mask = len(ring) - 1
    for window in range(LAST):
        kinds = ring[(state[WINDOW_OLDEST + window] + 4) & mask]["kinds"]
        for kind in range(N_LISTS):
            prefetch(sums, np.int64(kinds[kind]) * CELLS, 64 * (window >> 1))
        prefetch(counters, np.int64(kinds[INITIATOR_PORT]), 0)
        prefetch(counters, np.int64(kinds[PAIR_PORT]), 0)
    if state[NEWEST] - state[OLDEST] == len(ring):
        kinds = ring[(state[OLDEST] + 4) & mask]["kinds"]
        for kind in range(N_KINDS):
            prefetch(counters, np.int64(kinds[kind]), 0)
            if kind < N_LISTS:
                prefetch(sums, np.int64(kinds[kind]) * CELLS, 64)


@kernel
def write_row(flow, row, sums, wide, numbers, shares, n_bytes):
    """Write the context of the newest flow to a row: columns of columns/context.py in their order, 32 bits here, bytes there."""
    column, byte_column = 0, 0
    for kind in range(N_LISTS):
        at = np.int64(flow["kinds"][kind])
        for window in range(LAST + 1):
            cell = at * CELLS + window * WINDOW_CELLS
            flows = sums[cell + FLOWS]
            numbers[column, row] = flows
            column += 1
            if kind != PAIR:
                numbers[column, row] = sums[cell + PEERS]
                column += 1
            if kind != SERVICE:
                numbers[column, row] = sums[cell + PORTS]
                column += 1
            inverse = 1.0 / flows
            shares[column, row] = sums[cell + SILENT] * inverse
            shares[column + 1, row] = sums[cell + RESET] * inverse
            shares[column + 2, row] = sums[cell + SHORT] * inverse
            column += 3
            n_bytes[byte_column, row] = wide[at * WIDE + window * WINDOW_WIDE + BYTES]
            byte_column += 1


@kernel
def advance_clock(end_us, late_us, ring, counters, buckets, free, sums, wide, state):
    """Time at which a flow enters: its end, but not before the latest one; far before it, all begins anew."""
    if state[STARTED] and end_us < state[LATEST_US]:
        if end_us >= state[LATEST_US] - late_us:
            return state[LATEST_US]
        while state[OLDEST] < state[NEWEST]:
            forget_oldest(ring, counters, buckets, free, sums, wide, state)
    state[STARTED], state[LATEST_US] = 1, end_us
    return end_us


@entry
def follow_flows(
    ends_us, hosts, services, facts, payloads, windows_us, last_flows, late_us,
    ring, counters, buckets, free, sums, wide, state, wanted, rows, numbers, shares, n_bytes,
):  # fmt: skip
    """Let flows enter one after another and write the context of each.

    ends_us (n,), hosts (n, 4): two words of the initiator, two of the responder, services (n,): port and
    protocol, facts (n,): bit 0 silent, 1 reset, 2 short, payloads (n,) in bytes; wanted (n, 6) is scratch;
    rows (n,): where the context of each goes; out: numbers and shares, two views of the same cells, and n_bytes, each (columns, rows).
    A flow that ends before the latest one counts as ending with it; where it is more than `late_us` earlier,
    the clock was set back, and all begins anew.
    """
    write_buckets(hosts, services, len(buckets) - 1, wanted)
    for row in range(len(ends_us)):
        fetch_next(row, wanted, ring, counters, buckets, sums, state)
        now_us = advance_clock(ends_us[row], late_us, ring, counters, buckets, free, sums, wide, state)
        if state[NEWEST] - state[OLDEST] == len(ring):
            forget_oldest(ring, counters, buckets, free, sums, wide, state)
        place = state[NEWEST] & (len(ring) - 1)
        flow = ring[place]
        flow["end_us"], flow["bytes"], flow["facts"] = now_us, payloads[row], facts[row]
        name_counters(flow, hosts[row], services[row], wanted[row], buckets, counters, free, state)
        state[NEWEST] += 1
        for window in range(LAST):
            move_in_seconds(flow, window, 1, counters, sums, wide)
        append_to_lists(place, last_flows, ring, counters, sums, wide)
        move_windows(now_us, windows_us, ring, counters, sums, wide, state)
        write_row(flow, rows[row], sums, wide, numbers, shares, n_bytes)


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
