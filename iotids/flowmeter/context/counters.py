"""Find the six counters of a flow, and give back those that no flow in the ring names.

A counter of the last kind, of initiator, responder, port and protocol, names the five others. So a flow like an earlier
one costs one look-up, and its leaving one subtraction.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.context.layout import (
    FREE,
    INITIATOR,
    INITIATOR_PORT,
    PAIR,
    PAIR_PORT,
    RESPONDER,
    SERVICE,
)
from iotids.flowmeter.kernels.compiling import kernel


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
def name_counters(hosts, service, wanted, buckets, counters, free, state):
    """Place of the counter of the last kind of a flow, which names the others; one more flow uses it."""
    at = find_last_kind(hosts, service, wanted[PAIR_PORT], buckets, counters)
    if at < 0:
        at = begin_last_kind(hosts, service, wanted, buckets, counters, free, state)
    counters[np.uint64(at)]["users"] += 1
    return at


@kernel
def find_last_kind(hosts, service, bucket, buckets, counters):
    """Place of the counter of initiator, responder, port and protocol, or -1."""
    at = buckets[np.uint64(bucket)]
    while at >= 0:
        counter = counters[np.uint64(at)]
        if counter["kind"] == PAIR_PORT and counter["key_a"] == service:
            source = counters[np.uint64(counter["parents"][0])]
            target = counters[np.uint64(counter["parents"][1])]
            if is_host(source, hosts[0], hosts[1]) and is_host(target, hosts[2], hosts[3]):
                return at
        at = counter["chain"]
    return at


@kernel
def is_host(counter, word_a, word_b):
    """Whether a counter is that of a host."""
    return counter["key_a"] == word_a and counter["key_b"] == word_b


@kernel
def begin_last_kind(hosts, service, wanted, buckets, counters, free, state):
    """A new counter of the last kind, which uses the five others."""

    def use(key_a, key_b, kind):
        return use_counter(
            np.int64(key_a), np.int64(key_b), kind, wanted[kind], buckets, counters, free, state
        )

    source = use(hosts[0], hosts[1], INITIATOR)
    target = use(hosts[2], hosts[3], RESPONDER)
    pair = use(source, target, PAIR)
    parents = source, target, use(target, service, SERVICE), use(source, service, INITIATOR_PORT)
    at = begin_counter(service, np.int64(pair), PAIR_PORT, wanted[PAIR_PORT], buckets, counters, free, state)
    for i in range(4):
        counters[np.uint64(at)]["parents"][i] = parents[i]
    return at


@kernel
def use_counter(key_a, key_b, kind, bucket, buckets, counters, free, state):
    """Place of a key's counter, a new one where there is none; used once more."""
    at = buckets[np.uint64(bucket)]
    while at >= 0:
        counter = counters[np.uint64(at)]
        if counter["key_a"] == key_a and counter["key_b"] == key_b and counter["kind"] == kind:
            break
        at = counter["chain"]
    if at < 0:
        at = begin_counter(key_a, key_b, kind, bucket, buckets, counters, free, state)
    counters[np.uint64(at)]["users"] += 1
    return at


@kernel
def begin_counter(key_a, key_b, kind, bucket, buckets, counters, free, state):
    """Place of a new counter, which nothing uses yet."""
    state[FREE] -= 1
    at = free[state[FREE]]
    counter = counters[np.uint64(at)]
    counter["key_a"], counter["key_b"], counter["kind"], counter["bucket"] = key_a, key_b, kind, bucket
    counter["chain"] = buckets[np.uint64(bucket)]
    buckets[np.uint64(bucket)] = at
    counter["users"] = 0
    counter["newest"] = -1
    return at


@kernel
def release_counters(at, buckets, counters, free, state):
    """A flow that named a counter of the last kind leaves the ring; the last such flow takes the counters along that
    nothing else uses. Their sums are zero then.
    """
    counter = counters[np.uint64(at)]
    counter["users"] -= 1
    if counter["users"] > 0:
        return
    for i in range(4):
        release_counter(counter["parents"][i], buckets, counters, free, state)
    release_counter(counter["key_b"], buckets, counters, free, state)
    give_back(at, buckets, counters, free, state)


@kernel
def release_counter(at, buckets, counters, free, state):
    """A counter is used once less."""
    counter = counters[np.uint64(at)]
    counter["users"] -= 1
    if counter["users"] == 0:
        give_back(at, buckets, counters, free, state)


@kernel
def give_back(at, buckets, counters, free, state):
    """Take a counter out of its bucket."""
    counter = counters[np.uint64(at)]
    bucket = np.uint64(counter["bucket"])
    here = buckets[bucket]
    if here == at:
        buckets[bucket] = counter["chain"]
    else:
        before = here
        while here != at:
            before = here
            here = counters[np.uint64(here)]["chain"]
        counters[np.uint64(before)]["chain"] = counter["chain"]
    free[state[FREE]] = at
    state[FREE] += 1
