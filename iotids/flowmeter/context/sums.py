"""Let flows enter windows and leave them: seven counts for each of four counters.

A flow is one peer or port more for a counter where it is the first flow of a thing in a window, and one less when it
leaves as the last flow of it. The first is known from the number of the thing's newest flow, the second from a bit
that the next flow of the thing sets; so neither looks at the thing's own counter again.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.context.layout import (
    BYTES,
    COUNTS,
    FAULTS,
    INITIATOR,
    LAST,
    LOW,
    N_LISTS,
    NEWEST,
    OLD_INITIATOR_PORT,
    OLD_PAIR,
    OLD_PAIR_PORT,
    OLD_SERVICE,
    OLDEST,
    PAIR,
    RESET,
    RESPONDER,
    SERVICE,
    SHORT,
    SILENT,
    THINGS,
    WINDOW_OLDEST,
    WINDOW_WORDS,
    WORDS,
)
from iotids.flowmeter.kernels.compiling import kernel


@kernel
def words_of(at, window):
    """Place of the first word of a window of a counter."""
    return np.uint64(at) * np.uint64(WORDS) + np.uint64(window) * np.uint64(WINDOW_WORDS)


@kernel
def both(low, high):
    """Two counts in one word. Counts are not negative, so adding and taking out words carries nothing over."""
    return np.int64(low) + (np.int64(high) << 32)


@kernel
def bit(facts, number):
    """One bit of a flow's facts."""
    return np.int64((facts >> number) & 1)


@kernel
def counts_of(facts):
    """What a flow is to a window of a counter, but for peers, ports and bytes: the words of counts and of faults."""
    return both(1, bit(facts, SILENT)), both(bit(facts, RESET), bit(facts, SHORT))


@kernel
def add(at, window, counts, faults, things, n_bytes, wide):
    """Add to a window of a counter; what is taken out is negative."""
    word = words_of(at, window)
    counts += wide[word + np.uint64(COUNTS)]
    faults += wide[word + np.uint64(FAULTS)]
    things += wide[word + np.uint64(THINGS)]
    n_bytes += wide[word + np.uint64(BYTES)]
    wide[word + np.uint64(COUNTS)] = counts
    wide[word + np.uint64(FAULTS)] = faults
    wide[word + np.uint64(THINGS)] = things
    wide[word + np.uint64(BYTES)] = n_bytes


@kernel
def things_of(kind, pair, service, initiator_port, pair_port):
    """Peers and ports of a counter of a kind, where these things are one more or less."""
    if kind == INITIATOR:
        return both(pair, initiator_port)
    if kind == RESPONDER:
        return both(pair, service)
    if kind == PAIR:
        return both(0, pair_port)
    return both(pair_port, 0)


@kernel
def things_lost(flow, kind):
    """Peers and ports that leave a window of a counter with a flow."""
    facts = flow["facts"]
    return things_of(
        kind,
        1 - bit(facts, OLD_PAIR),
        1 - bit(facts, OLD_SERVICE),
        1 - bit(facts, OLD_INITIATOR_PORT),
        1 - bit(facts, OLD_PAIR_PORT),
    )


@kernel
def leave_seconds(flow, window, wide):
    """Let a flow leave a window over seconds."""
    kinds, n_bytes = flow["kinds"], flow["bytes"]
    counts, faults = counts_of(flow["facts"])
    for kind in range(N_LISTS):
        add(kinds[kind], window, -counts, -faults, -things_lost(flow, kind), -n_bytes, wide)


@kernel
def shorten_list(at, kind, ring, counters, wide):
    """Take the oldest flow out of the last flows of a counter."""
    counter, mask = counters[np.uint64(at)], len(ring) - 1
    oldest = counter["oldest"]
    flow = ring[np.uint64(oldest & mask)]
    counts, faults = counts_of(flow["facts"])
    add(at, LAST, -counts, -faults, -things_lost(flow, kind), -flow["bytes"], wide)
    counter["oldest"] = oldest + ((flow["later"][kind] - oldest) & mask)


@kernel
def move_windows(now_us, windows_us, ring, wide, state):
    """Let flows leave the windows over seconds that they are too old for."""
    mask = len(ring) - 1
    for window in range(LAST):
        oldest = state[WINDOW_OLDEST + window]
        while (
            oldest < state[NEWEST] and ring[np.uint64(oldest & mask)]["end_us"] <= now_us - windows_us[window]
        ):
            leave_seconds(ring[np.uint64(oldest & mask)], window, wide)
            oldest += 1
        state[WINDOW_OLDEST + window] = oldest


@kernel
def succeed(counter, old, place, ring, state):
    """Make the flow that enters, at `place`, the newest of a thing.

    Returns the number of the one before, whose bit `old` is set; -1 where none is in the ring.
    """
    before = counter["newest"]
    there = before >= state[OLDEST]
    counter["newest"] = state[NEWEST]
    at = before & (len(ring) - 1) if there else place
    ring[np.uint64(at)]["facts"] |= np.int32(1 << old) if there else np.int32(0)
    return before if there else np.int64(-1)


@kernel
def follow_on(counter, kind, before, place, ring, state):
    """Append the flow that enters to the list of a counter whose newest flow was `before`, or -1."""
    there = before >= 0
    at = before & (len(ring) - 1) if there else place
    ring[np.uint64(at)]["later"][kind] = place
    counter["oldest"] = counter["oldest"] if there else state[NEWEST]


@kernel
def newest_in_ring(counter, state):
    """Make the flow that enters the newest of a counter of which it is no thing; the number of the one before, or -1."""
    before = counter["newest"]
    counter["newest"] = state[NEWEST]
    return before if before >= state[OLDEST] else np.int64(-1)


@kernel
def enter(place, last_flows, ring, counters, wide, state):
    """Let the newest flow, at a place of the ring, enter all windows of its four counters."""
    flow = ring[np.uint64(place)]
    kinds, last = flow["kinds"], counters[np.uint64(flow["pair_port"])]
    initiator, responder = counters[np.uint64(kinds[INITIATOR])], counters[np.uint64(kinds[RESPONDER])]
    pair, service = counters[np.uint64(kinds[PAIR])], counters[np.uint64(kinds[SERVICE])]
    a = succeed(pair, OLD_PAIR, place, ring, state)
    b = succeed(service, OLD_SERVICE, place, ring, state)
    c = succeed(counters[np.uint64(last["parents"][3])], OLD_INITIATOR_PORT, place, ring, state)
    d = succeed(last, OLD_PAIR_PORT, place, ring, state)
    follow_on(initiator, INITIATOR, newest_in_ring(initiator, state), place, ring, state)
    follow_on(responder, RESPONDER, newest_in_ring(responder, state), place, ring, state)
    follow_on(pair, PAIR, a, place, ring, state)
    follow_on(service, SERVICE, b, place, ring, state)
    counts, faults = counts_of(flow["facts"])
    n_bytes = flow["bytes"]
    for window in range(LAST):
        edge = state[WINDOW_OLDEST + window]
        add(kinds[INITIATOR], window, counts, faults, both(a < edge, c < edge), n_bytes, wide)
        add(kinds[RESPONDER], window, counts, faults, both(a < edge, b < edge), n_bytes, wide)
        add(kinds[PAIR], window, counts, faults, both(0, d < edge), n_bytes, wide)
        add(kinds[SERVICE], window, counts, faults, both(d < edge, 0), n_bytes, wide)
    first, second = initiator["oldest"], responder["oldest"]
    add(kinds[INITIATOR], LAST, counts, faults, both(a < first, c < first), n_bytes, wide)
    add(kinds[RESPONDER], LAST, counts, faults, both(a < second, b < second), n_bytes, wide)
    add(kinds[PAIR], LAST, counts, faults, both(0, d < pair["oldest"]), n_bytes, wide)
    add(kinds[SERVICE], LAST, counts, faults, both(d < service["oldest"], 0), n_bytes, wide)
    for kind in range(N_LISTS):
        if wide[words_of(kinds[kind], LAST)] & LOW > last_flows:
            shorten_list(kinds[kind], kind, ring, counters, wide)
