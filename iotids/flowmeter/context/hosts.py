"""Addresses as two words each: exact up to 16 characters, which holds every IPv4 address; a 128-bit hash of
longer ones.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from iotids.flowmeter.kernels.entries import fill_words


def host_words(sources: pa.Array, targets: pa.Array) -> np.ndarray:
    """Two words for each address of two string columns without nulls: (n, 4) int64."""
    words = np.empty((len(sources), 4), np.int64)
    for column, addresses in ((0, sources), (2, targets)):
        array = pa.concat_arrays([addresses]) if addresses.offset else addresses
        _, offsets, text = array.buffers()
        begins = np.frombuffer(offsets, np.int32, len(array) + 1) if len(array) else np.zeros(1, np.int32)
        letters = np.frombuffer(text, np.uint8) if text is not None and text.size else np.zeros(1, np.uint8)
        fill_words(begins, letters, words, column)
    return words
