"""Decompress a stream as it is read: gzip, bzip2, xz, zstd and lz4, in one member or several."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Any, Protocol

import pyarrow as pa
import zstandard

LZ4_MAGIC = b"\x04\x22\x4d\x18"


class Inflater(Protocol):
    """What zlib, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: Any, /) -> bytes: ...


class Stepwise:
    """bzip2 or xz, at most 1 MiB out at once: a bzip2 block of 45 bytes can expand to 46 million."""

    def __init__(self, inflater: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inflater = inflater

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    @property
    def has_more(self) -> bool:
        """Whether more comes out of what was put in."""
        return not (self._inflater.needs_input or self._inflater.eof)

    def decompress(self, data: bytes, /) -> bytes:
        return self._inflater.decompress(data, 1 << 20)


def new_inflater(magic: bytes) -> tuple[Inflater, int] | None:
    """Decompressor for a file that begins so, and how many packed bytes to feed it at once; None for a plain
    file.
    """
    if magic[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31), 1 << 13
    if magic[:6] == b"\xfd7zXZ\x00":
        return Stepwise(lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=1 << 28)), 1 << 14
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        # at most 128 KiB come out of each block of four bytes: small bites bound the memory that a bomb can
        # claim
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), 1 << 11
    if magic[:3] == b"BZh":
        return Stepwise(bz2.BZ2Decompressor()), 1 << 14
    return None


class Readable(Protocol):
    """A stream of packed bytes."""

    def read(self, size: int, /) -> bytes: ...


class Budget:
    """How much a compressed stream may still expand to."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._spent = max_bytes, 0

    def grant(self, size: int) -> int:
        """How many of so many bytes may come out."""
        if self._max_bytes:
            size = min(size, self._max_bytes - self._spent)
        self._spent += size
        return size

    def exceeded(self) -> str:
        """What is wrong when bytes come and none is granted."""
        return f"it expands to more than {self._max_bytes:,} bytes, the limit; raise --max-bytes if the file can be trusted"


class Unpacked:
    """Reads a compressed stream; notices when it stops in the middle, or expands to more than `max_bytes` (0: any
    number).
    """

    def __init__(self, source: Readable, magic: bytes, *, max_bytes: int = 0) -> None:
        found = new_inflater(magic)
        assert found is not None
        self._inflater, self._bite = found
        self._source = source
        self._packed = magic
        self._ready = memoryview(b"")
        self._budget = Budget(max_bytes)
        self.problem = ""

    def readinto(self, target: memoryview) -> int:
        """Fill the target as far as one step goes; 0 at the end, `problem` says whether it was a good end."""
        while not self._ready and not self.problem:
            if self._inflater.eof:
                self._packed = self._inflater.unused_data or self._source.read(self._bite)
                if not self._packed:
                    return 0
                self._packed += self._source.read(max(0, 6 - len(self._packed)))
                again = new_inflater(self._packed)
                if again is None:  # padding or rubbish behind the last member is no part of the capture
                    return 0
                self._inflater, self._bite = again
            elif not self._packed and not self._has_more():
                self._packed = self._source.read(self._bite)
                if not self._packed:
                    self.problem = "the compressed file stops in the middle"
                    return 0
            size = 0 if self._has_more() else self._bite
            bite, self._packed = self._packed[:size], self._packed[size:]
            try:
                self._ready = memoryview(self._inflater.decompress(bite))
            except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, MemoryError) as error:
                self.problem = f"the compressed data is damaged ({error})"
        if self.problem:
            return 0
        size = self._budget.grant(min(len(target), len(self._ready)))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        self.problem = self._budget.exceeded() if target and not size else ""
        return size

    def _has_more(self) -> bool:
        """Whether more comes out of the packed bytes that the decompressor holds."""
        return isinstance(self._inflater, Stepwise) and self._inflater.has_more


class UnpackedLz4:
    """Reads a stream compressed with lz4, as Unpacked does."""

    def __init__(self, source: Readable, *, max_bytes: int = 0) -> None:
        file = pa.PythonFile(ReadOnly(source), mode="r")
        self._stream = pa.CompressedInputStream(file, "lz4")
        self._budget = Budget(max_bytes)
        self.problem = ""

    def readinto(self, target: memoryview) -> int:
        """Fill the target as far as one step goes; 0 at the end, `problem` says whether it was a good end."""
        try:
            size = self._stream.readinto(
                target[: 1 << 16]
            )  # pyarrow's `read` never frees its bytes after an error
        except (OSError, pa.ArrowException) as error:
            cut = "Truncated" in str(error)
            self.problem = (
                "the compressed file stops in the middle"
                if cut
                else f"the compressed data is damaged ({error})"
            )
            return 0
        granted = self._budget.grant(size)
        self.problem = self._budget.exceeded() if size and not granted else ""
        return granted


class ReadOnly:
    """A counted stream as pyarrow wants a file to be."""

    closed = False

    def __init__(self, source: Readable) -> None:
        self.read = source.read

    def close(self) -> None:
        """Nothing: who opened the file closes it."""
