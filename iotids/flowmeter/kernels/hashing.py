"""Hashes under a secret that every run draws anew, so that nobody can choose packets that share one.

A linear function of 32-bit words with secret odd coefficients (two given inputs collide in at most one of 2^32
secrets: Lemire, Kaser, "Strongly universal string hashing is fast", 2014), then a bijection that spreads its
bits. Results of the flow meter do not depend on the secret.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import inlined, kernel

SECRET_WORDS = 12
LOW_32 = 0xFFFFFFFF


@kernel
def mix(x):
    """Spread the bits of a word (the finaliser of a 64-bit hash)."""
    x ^= x >> 32
    x *= np.int64(-2960836687050489427)
    x ^= x >> 29
    x *= np.int64(-4658895280553007687)
    return x ^ (x >> 32)


@inlined
def endpoint_sum(hi, lo, port, is_ipv6, secret):
    """Secret sum of an address and a port."""
    total = secret[0] + secret[1] * (lo & LOW_32) + secret[2] * port
    if is_ipv6:
        total += secret[3] * ((lo >> 32) & LOW_32)
        total += secret[4] * (hi & LOW_32) + secret[5] * ((hi >> 32) & LOW_32)
    return total


@kernel
def symmetric_hash(packet, secret):
    """Hash of a packet's endpoints and protocol, the same in both directions."""
    is_ipv6 = packet["version"] == 6
    a = endpoint_sum(packet["src_hi"], packet["src_lo"], np.int64(packet["src_port"]), is_ipv6, secret)
    b = endpoint_sum(packet["dst_hi"], packet["dst_lo"], np.int64(packet["dst_port"]), is_ipv6, secret)
    return mix(a) + mix(b) + secret[6] * packet["protocol"]


@kernel
def segment_hash(seq_ack, size_side, tag, secret):
    """Hash of a TCP segment of the connection with a tag; see segments.segment_words."""
    return mix(
        secret[7] * (seq_ack & LOW_32)
        + secret[8] * ((seq_ack >> 32) & LOW_32)
        + secret[9] * (size_side & LOW_32)
        + secret[10] * ((size_side >> 32) & LOW_32)
        + secret[11] * np.int64(tag)
    )
