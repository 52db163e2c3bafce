"""Numbers of texts are those of their bytes, wherever the texts stand in memory."""

from zlib import crc32

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.summary.texts import crc32_of, fnv_of

WORDS = ["10.0.0.1", "", "fe80::1", "straße", "a" * 300, "10.0.0.2"]


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_numbers_are_those_of_the_bytes(kind):
    texts = pa.array(WORDS, kind)
    for part in (texts, texts[2:], texts[1:4], texts[:0], texts[3:3]):
        words = part.to_pylist()
        assert crc32_of(part).tolist() == [crc32(word.encode()) for word in words]
        assert fnv_of(part).tolist() == [fnv(word) for word in words]


def test_an_absent_text_is_empty():
    assert crc32_of(pa.array([None, "x"], pa.string())).tolist() == [0, crc32(b"x")]
    assert crc32_of(pa.array([], pa.string())).size == 0


def test_many_addresses_hardly_share_a_hash():
    texts = pa.array([f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(200_000)])
    assert np.unique(fnv_of(texts)).size == 200_000
