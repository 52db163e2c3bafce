"""Protobuf messages as bytes: their fields with a length, one after the other, and how to write one.

`detect` works without the library onnx, whose messages take a hundred times as much memory as the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# numbers one after another, and the names of a tree's nodes: forests have millions; a bounded run keeps the memory of `re` bounded
NUMBERS = re.compile(
    rb"(?:[\x08\x10\x18\x20\x28\x30\x38\x40\x48\x50\x58\x60\x68\x70\x78][\x80-\xff]{0,9}[\x00-\x7f]"
    rb"|[\x0d\x15\x1d\x25\x2d\x35\x3d\x45\x4d\x55\x5d\x65\x6d\x75\x7d].{4}|\x4a(?:\x0aBRANCH_LEQ|\x04LEAF)){1,1000}",
    re.DOTALL,
)


class Field(NamedTuple):
    """A field with a length: its number, its content, and where in the message it begins and ends."""

    number: int
    content: memoryview
    start: int
    stop: int


def fields_of(message: memoryview) -> Iterator[Field]:
    """Every field with a length; IndexError where the message ends within a field."""
    at = 0
    while at < len(message):
        if numbers := NUMBERS.match(message, at):
            at = numbers.end()
            continue
        start = at
        key, at = _varint(message, at)
        size = {0: 0, 1: 8, 5: 4}.get(key & 7, len(message))  # groups: nothing writes them
        if key & 7 in (0, 2):
            number, at = _varint(message, at)
            size = number if key & 7 == 2 else 0
        if at + size > len(message) or key >> 32:
            raise IndexError(at)
        if key & 7 == 2:
            yield Field(key >> 3, message[at : at + size], start, at + size)
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and the place after it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128 or shift > 63:
            return value, at


def written(number: int, content: bytes | memoryview) -> bytes:
    """A field with a length, below number 16."""
    return bytes([number << 3 | 2]) + varint_bytes(len(content)) + bytes(content)


def varint_bytes(value: int) -> bytes:
    """A number as protobuf writes it."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
