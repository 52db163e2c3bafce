"""Kernels of texts.py, which calls them by their names and does not load the compiler: numbers of many texts that stand one
after the other in memory, `data[offsets[i]:offsets[i + 1]]`.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry


@entry
def crc32_of_each(data, offsets, table, crc):  # type: ignore[no-untyped-def]
    """crc[i] = CRC-32 of text i, as zlib's; data (m,) uint8, offsets (n + 1,) int32, table (256,) and crc (n,) int64."""
    for i in range(crc.shape[0]):
        value = 0xFFFFFFFF
        for j in range(offsets[i], offsets[i + 1]):
            value = table[(value ^ data[j]) & 0xFF] ^ (value >> 8)
        crc[i] = value ^ 0xFFFFFFFF


@entry
def hash_each(data, offsets, hashes):  # type: ignore[no-untyped-def]
    """hashes[i] = FNV-1a of text i, (n,) uint64; whoever uses it mixes the bits."""
    for i in range(hashes.shape[0]):
        value = np.uint64(0xCBF29CE484222325)
        for j in range(offsets[i], offsets[i + 1]):
            value = (value ^ np.uint64(data[j])) * np.uint64(0x100000001B3)
        hashes[i] = value
