"""Hash of a packet's endpoints."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel


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
