"""Open text files of ground truth and tables, unpacked by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

_ARCHIVES = {b"PK\x03\x04": "zip", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}


class _Zstd(io.RawIOBase):
    """A zstd file as a stream; zstandard's own ends without an error where the file is cut short."""

    def __init__(self, path: Path) -> None:
        self.file, self.ready, self.packed = path.open("rb"), b"", b""
        self.frame = zstandard.ZstdDecompressor().decompressobj()
        self.whole = False

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Give the next bytes."""
        while not self.ready:
            self.packed = self.packed or self.file.read(1 << 17)
            if not self.packed and self.whole:
                return 0
            if not self.packed:
                raise EOFError("it ends in the middle")
            if self.whole:
                self.frame, self.whole = zstandard.ZstdDecompressor().decompressobj(), False
            self.ready = self.frame.decompress(self.packed)
            self.whole, self.packed = self.frame.eof, self.frame.unused_data
        n_bytes = min(len(target), len(self.ready))
        target[:n_bytes], self.ready = self.ready[:n_bytes], self.ready[n_bytes:]
        return n_bytes

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()


def _open_zstd(path: Path) -> IO[bytes]:
    """Open a zstd file."""
    return io.BufferedReader(_Zstd(path))


_OPENERS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
    (b"\x28\xb5\x2f\xfd", _open_zstd),
)


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, plain or compressed with gzip, bzip2, xz or zstd.

    Raises
    ------
    ValueError
        An archive of several files, or damaged compression.
    """
    with path.open("rb") as stream:
        begin = stream.read(6)
    if kind := next((kind for magic, kind in _ARCHIVES.items() if begin.startswith(magic)), None):
        raise ValueError(f"{path}: a {kind} archive; unpack it and give the file inside")
    opener = next((opener for magic, opener in _OPENERS if begin.startswith(magic)), None)
    try:
        with opener(path) if opener else path.open("rb") as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError) as error:
        raise ValueError(f"{path}: the compressed file is damaged ({error})") from error
    except OSError as error:
        if opener is bz2.open and error.errno is None:
            raise ValueError(f"{path}: the compressed file is damaged ({error})") from error
        raise
