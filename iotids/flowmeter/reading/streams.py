"""Read a stream of bytes, counted and digested, and unpacked where it is compressed."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from iotids.flowmeter.reading.blocks import READ_BYTES
from iotids.flowmeter.reading.decompressing import LZ4_MAGIC, Unpacked, UnpackedLz4, new_inflater


class Counted:
    """A binary file that keeps the digest and the size of what was read."""

    def __init__(self, file: BinaryIO, *, with_digest: bool) -> None:
        self._file = file
        self._ahead = b""
        self.problem = ""
        self.size = 0
        self.digest = hashlib.sha256() if with_digest else None

    def peek(self, size: int) -> bytes:
        """The next bytes, left in place."""
        while len(self._ahead) < size:
            more = self._file.read(size - len(self._ahead))
            if not more:
                break
            self._note(more)
            self._ahead += more
        return self._ahead[:size]

    def _note(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        if self.digest is not None:
            self.digest.update(data)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        try:
            data = self._file.read(size)
        except OSError as error:
            self.problem = f"cannot be read ({error})"
            return b""
        self._note(data)
        return data

    def readinto(self, target: memoryview) -> int:
        """Fill the target as far as one read goes; 0 at the end."""
        if self._ahead:
            data = self.read(len(target))
            target[: len(data)] = data
            return len(data)
        try:
            size = self._file.readinto(target)  # type: ignore[attr-defined]
        except OSError as error:
            self.problem = f"cannot be read ({error})"
            return 0
        self._note(target[:size])
        return int(size)

    def drain(self) -> None:
        """Read what is left, for the digest."""
        if self.digest is not None:
            buffer = memoryview(bytearray(READ_BYTES))
            while not self.problem and self.readinto(buffer):
                pass


Source = Counted | Unpacked | UnpackedLz4


def opened(counted: Counted, *, max_bytes: int = 0) -> Source:
    """The stream itself, or unpacked where it is compressed."""
    magic = counted.peek(6)
    if magic[:4] == LZ4_MAGIC:
        return UnpackedLz4(counted, max_bytes=max_bytes)
    if new_inflater(magic):
        return Unpacked(counted, counted.read(6), max_bytes=max_bytes)
    return counted
