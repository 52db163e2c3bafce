"""Bytes that look encrypted: slices of one fixed random block, so that the sample stays small when
compressed.
"""

from __future__ import annotations

from random import Random

BLOCK_BYTES = 8192
_BLOCK = Random("ciphertext").getrandbits(8 * BLOCK_BYTES).to_bytes(BLOCK_BYTES, "big")


def ciphertext(rng: Random, size: int) -> bytes:
    """Return `size` bytes of the fixed block, from a random position on.

    Flow features see only lengths; somebody who looks at the content will find the repetition, and
    `docs/sample.md` says so.
    """
    start = rng.randrange(BLOCK_BYTES)
    turns = (start + size) // BLOCK_BYTES + 1
    return (_BLOCK * turns)[start : start + size]
