"""Read a stream of bytes: count and digest what was read, and decompress it where it is compressed."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import zlib
from typing import Any, BinaryIO, Protocol

import zstandard

from iotids.flowmeter.reading.blocks import READ_BYTES


class Inflater(Protocol):
    """What zlib, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: Any, /) -> bytes: ...


def new_inflater(magic: bytes) -> tuple[Inflater, int] | None:
    """Decompressor for a file that begins so, and how many packed bytes to feed it at once; None for a plain
    file.
    """
    if magic[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31), 1 << 14
    if magic[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=1 << 28), 1 << 12
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        # at most 128 KiB come out of each block of four bytes: small bites bound the memory that a bomb can
        # claim
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), 1 << 11
    if magic[:3] == b"BZh":
        return bz2.BZ2Decompressor(), 1 << 14
    return None


class Unpacked:
    """Reads a compressed stream; notices when it stops in the middle."""

    def __init__(self, source: Counted, magic: bytes) -> None:
        found = new_inflater(magic)
        assert found is not None
        self._inflater, self._bite = found
        self._source = source
        self._magic = magic
        self._packed = magic
        self._ready = memoryview(b"")
        self.problem = ""

    def readinto(self, target: memoryview) -> int:
        """Fill the target as far as one step goes; 0 at the end, `problem` says whether it was a good end."""
        while not self._ready and not self.problem:
            if self._inflater.eof:
                self._packed = self._inflater.unused_data or self._source.read(self._bite)
                if not self._packed:
                    return 0
                again = new_inflater(self._packed + self._source.read(max(0, 6 - len(self._packed))))
                if again is None:  # padding or rubbish behind the last member is no part of the capture
                    return 0
                self._inflater = again[0]
            elif not self._packed:
                self._packed = self._source.read(self._bite)
                if not self._packed:
                    self.problem = "the compressed file stops in the middle"
                    return 0
            bite, self._packed = self._packed[: self._bite], self._packed[self._bite :]
            try:
                self._ready = memoryview(self._inflater.decompress(bite))
            except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, MemoryError) as error:
                self.problem = f"the compressed data is damaged ({error})"
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


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


Source = Counted | Unpacked


def opened(counted: Counted) -> Source:
    """The stream itself, or unpacked where it is compressed."""
    return Unpacked(counted, counted.read(6)) if new_inflater(counted.peek(6)) else counted
