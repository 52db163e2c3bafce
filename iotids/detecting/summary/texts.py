"""Numbers of the texts of a column, without a Python object for each: a flood with forged senders has a new address in every flow."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from iotids.flowmeter.kernels.entries import kernel_named

crc32_of_each = kernel_named("text_kernels", "crc32_of_each", "iotids.detecting.summary")
hash_each = kernel_named("text_kernels", "hash_each", "iotids.detecting.summary")
POLYNOMIAL = 0xEDB88320


def crc32_of(texts: pa.Array) -> np.ndarray:
    """(n,) int64 CRC-32 of texts, as `zlib.crc32` of their UTF-8."""
    crc = np.empty(len(texts), np.int64)
    crc32_of_each(*_in_memory(texts), _table(), crc)
    return crc


def fnv_of(texts: pa.Array) -> np.ndarray:
    """(n,) uint64 FNV-1a of texts in UTF-8."""
    hashes = np.empty(len(texts), np.uint64)
    hash_each(*_in_memory(texts), hashes)
    return hashes


def _in_memory(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of all texts, and where each begins and ends; an absent one is empty."""
    texts = texts.cast(pa.string()).fill_null("")
    _, offsets, data = texts.buffers() if len(texts) else (None, None, None)
    ends = np.zeros(1, np.int32) if offsets is None else np.frombuffer(offsets, np.int32)
    content = np.zeros(1, np.uint8) if not data else np.frombuffer(data, np.uint8)
    return content, ends[texts.offset : texts.offset + len(texts) + 1]


@cache
def _table() -> np.ndarray:
    """(256,) int64 what a byte does to a CRC-32."""
    values = np.arange(256)
    for _ in range(8):
        values = np.where(values & 1, values >> 1 ^ POLYNOMIAL, values >> 1)
    return values
