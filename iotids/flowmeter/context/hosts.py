"""Addresses as two words each: exact up to 16 characters, which holds every IPv4 address; a 128-bit hash of
longer ones.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from iotids.flowmeter.context.kernel import mix
from iotids.flowmeter.kernels.compiling import entry


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
