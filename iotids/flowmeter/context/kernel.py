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
    COUNTS,
    FAULTS,
    FREE,
    INITIATOR,
    INITIATOR_PORT,
    LAST,
    LATEST_US,
    LOW,
    N_KINDS,
    N_LISTS,
    NEWEST,
    OLDEST,
    PAIR,
    PAIR_PORT,
    RESPONDER,
    SERVICE,
    STARTED,
    THINGS,
    WINDOW_OLDEST,
    WINDOW_WORDS,
    WORDS,
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
def words_of(at, window):
    """Place of the first word of a window of a counter; unsigned, so that no index is taken for one from the end."""
    return np.uint64(at) * np.uint64(WORDS) + np.uint64(window) * np.uint64(WINDOW_WORDS)


@kernel
def both(low, high):
    """Two counts in one word. Counts are not negative, so adding and taking out words carries nothing over."""
    return np.int64(low) + (np.int64(high) << 32)


@kernel
def add(word, sign, facts, n_bytes, things, wide):
    """Add a flow to a window of a counter, or take it out; `things` are peers and ports more or less."""
    wide[word + np.uint64(COUNTS)] += sign * both(1, facts & 1)
    wide[word + np.uint64(FAULTS)] += sign * both((facts >> 1) & 1, (facts >> 2) & 1)
    wide[word + np.uint64(THINGS)] += things
    wide[word + np.uint64(BYTES)] += sign * n_bytes


@kernel
def flows_in(word, wide):
    """Flows in a window of a counter."""
    return wide[word + np.uint64(COUNTS)] & LOW


@kernel
def move_in_seconds(flow, window, sign, counters, wide):
    """Let a flow enter (sign 1) or leave (sign -1) a window over seconds."""
    edge = 1 if sign > 0 else 0  # flows of the counter that make it one thing more, or one less
    kinds, facts, n_bytes = flow["kinds"], np.int64(flow["facts"]), flow["bytes"]
    pair, service = words_of(kinds[PAIR], window), words_of(kinds[SERVICE], window)
    new_pair = sign if flows_in(pair, wide) + sign == edge else 0
    new_service = sign if flows_in(service, wide) + sign == edge else 0
    new_port = enter_port(counters[np.uint64(kinds[INITIATOR_PORT])], window, sign, edge)
    new_pair_port = enter_port(counters[np.uint64(kinds[PAIR_PORT])], window, sign, edge)
    add(pair, sign, facts, n_bytes, both(0, new_pair_port), wide)
    add(service, sign, facts, n_bytes, both(new_pair_port, 0), wide)
    add(words_of(kinds[INITIATOR], window), sign, facts, n_bytes, both(new_pair, new_port), wide)
    add(words_of(kinds[RESPONDER], window), sign, facts, n_bytes, both(new_pair, new_service), wide)


@kernel
def enter_port(counter, window, sign, edge):
    """Count a flow of a counter in a window over seconds; `sign` where that is one thing more or less."""
    counter["in_seconds"][window] += sign
    return sign if counter["in_seconds"][window] == edge else 0


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
def move_in_list(flow, kind, sign, counters, wide):
    """Let a flow enter or leave the last flows of its counter of a kind."""
    kinds = flow["kinds"]
    peers = ports = 0
    if kind == INITIATOR:
        peers = count_first(counters, kinds[PAIR], sign)
        ports = count_first(counters, kinds[INITIATOR_PORT], sign)
    elif kind == RESPONDER:
        peers = count_second(counters, kinds[PAIR], sign)
        ports = count_first(counters, kinds[SERVICE], sign)
    elif kind == PAIR:
        ports = count_first(counters, kinds[PAIR_PORT], sign)
    else:
        peers = count_second(counters, kinds[PAIR_PORT], sign)
    add(words_of(kinds[kind], LAST), sign, np.int64(flow["facts"]), flow["bytes"], both(peers, ports), wide)


@kernel
def shorten_list(at, kind, ring, counters, wide):
    """Take the oldest flow out of the last flows of a counter."""
    counter = counters[at]
    flow = ring[counter["oldest"]]
    move_in_list(flow, kind, -1, counters, wide)
    counter["oldest"] = flow["later"][kind]


@kernel
def append_to_lists(place, last_flows, ring, counters, wide):
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
        move_in_list(flow, kind, 1, counters, wide)
        if flows_in(words_of(at, LAST), wide) > last_flows:
            shorten_list(at, kind, ring, counters, wide)


@kernel
def forget_oldest(ring, counters, buckets, free, wide, state):
    """Take the oldest flow out of the ring, and out of every window that still has it."""
    place = state[OLDEST] & (len(ring) - 1)
    flow = ring[place]
    for window in range(LAST):
        if state[WINDOW_OLDEST + window] == state[OLDEST]:
            move_in_seconds(flow, window, -1, counters, wide)
            state[WINDOW_OLDEST + window] += 1
    for kind in range(N_LISTS):
        if counters[flow["kinds"][kind]]["oldest"] == place:
            shorten_list(flow["kinds"][kind], kind, ring, counters, wide)
    for kind in range(N_KINDS):
        release_counter(flow["kinds"][kind], buckets, counters, free, state)
    state[OLDEST] += 1


@kernel
def move_windows(now_us, windows_us, ring, counters, wide, state):
    """Let flows leave the windows over seconds that they are too old for."""
    mask = len(ring) - 1
    for window in range(LAST):
        oldest = state[WINDOW_OLDEST + window]
        while oldest < state[NEWEST] and ring[oldest & mask]["end_us"] <= now_us - windows_us[window]:
            move_in_seconds(ring[oldest & mask], window, -1, counters, wide)
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
def fetch_next(row, wanted, ring, counters, buckets, wide, state):
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
                prefetch(wide, at * WORDS, 0)
                prefetch(wide, at * WORDS, 64)
    mask = len(ring) - 1
    for window in range(LAST):
        kinds = ring[(state[WINDOW_OLDEST + window] + 4) & mask]["kinds"]
        for kind in range(N_LISTS):
            prefetch(wide, np.int64(kinds[kind]) * WORDS, 64 * (window >> 1))
        prefetch(counters, np.int64(kinds[INITIATOR_PORT]), 0)
        prefetch(counters, np.int64(kinds[PAIR_PORT]), 0)
    if state[NEWEST] - state[OLDEST] == len(ring):
        kinds = ring[(state[OLDEST] + 4) & mask]["kinds"]
        for kind in range(N_KINDS):
            prefetch(counters, np.int64(kinds[kind]), 0)
            if kind < N_LISTS:
                prefetch(wide, np.int64(kinds[kind]) * WORDS, 64)


@kernel
def write_row(flow, row, wide, numbers, shares, n_bytes):
    """Write the context of the newest flow to a row: columns of columns/context.py in their order, 32 bits here, bytes there."""
    column, byte_column, row = np.uint64(0), np.uint64(0), np.uint64(row)
    one = np.uint64(1)
    for kind in range(N_LISTS):
        for window in range(LAST + 1):
            word = words_of(flow["kinds"][kind], window)
            counts, faults, things = (
                wide[word],
                wide[word + np.uint64(FAULTS)],
                wide[word + np.uint64(THINGS)],
            )
            flows = counts & LOW
            numbers[column, row] = flows
            column += one
            if kind != PAIR:
                numbers[column, row] = things & LOW
                column += one
            if kind != SERVICE:
                numbers[column, row] = things >> 32
                column += one
            inverse = 1.0 / flows
            shares[column, row] = (counts >> 32) * inverse
            shares[column + one, row] = (faults & LOW) * inverse
            shares[column + np.uint64(2), row] = (faults >> 32) * inverse
            column += np.uint64(3)
            n_bytes[byte_column, row] = wide[word + np.uint64(BYTES)]
            byte_column += one


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
    rows,
    numbers,
    shares,
    n_bytes,
):
    """Let flows enter one after another and write the context of each.

    ends_us (n,), hosts (n, 4): two words of the initiator, two of the responder, services (n,): port and
    protocol, facts (n,): bit 0 silent, 1 reset, 2 short, payloads (n,) in bytes; wanted (n, 6) is scratch;
    rows (n,): where the context of each goes; out: numbers and shares, two views of the same cells, and n_bytes, each (columns, rows).
    A flow that ends before the latest one counts as ending with it; where it is more than `late_us` earlier,
    the clock was set back, and all begins anew.
    """
    write_buckets(hosts, services, len(buckets) - 1, wanted)
    for row in range(len(ends_us)):
        fetch_next(row, wanted, ring, counters, buckets, wide, state)
        now_us = advance_clock(ends_us[row], late_us, ring, counters, buckets, free, wide, state)
        if state[NEWEST] - state[OLDEST] == len(ring):
            forget_oldest(ring, counters, buckets, free, wide, state)
        place = state[NEWEST] & (len(ring) - 1)
        flow = ring[place]
        flow["end_us"], flow["bytes"], flow["facts"] = now_us, payloads[row], facts[row]
        name_counters(flow, hosts[row], services[row], wanted[row], buckets, counters, free, state)
        state[NEWEST] += 1
        for window in range(LAST):
            move_in_seconds(flow, window, 1, counters, wide)
        append_to_lists(place, last_flows, ring, counters, wide)
        move_windows(now_us, windows_us, ring, counters, wide, state)
        write_row(flow, rows[row], wide, numbers, shares, n_bytes)


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
