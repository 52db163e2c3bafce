"""Write whole pieces or nothing: on a full disk a file ends with the last piece that fitted."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO


class CannotWriteError(OSError):
    """Nothing more can be written: a full disk, or nobody reads. What was written before is whole."""


class DiskFile:
    """A new file; its folders are made.

    Raises
    ------
    OSError
        It cannot be created there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # unbuffered: what is not written at once must not come later
        self.stream: BinaryIO = path.open("wb", buffering=0)

    def add(self, data: bytes) -> None:
        """Write all of it, or cut the file back to where it ended and raise CannotWriteError."""
        end, left = self.stream.tell(), memoryview(data)
        try:
            while left:
                left = left[self.stream.write(left) :]
        except OSError as error:
            self.stream.seek(end)
            self.stream.truncate()
            raise CannotWriteError(error.errno, error.strerror, str(self.path)) from error

    def promise(self, size: int) -> None:
        """Have the disk keep so many bytes behind what is written, for a writer that cannot go back; or raise
        CannotWriteError.
        """
        end = self.stream.tell()
        try:
            os.posix_fallocate(self.stream.fileno(), end, size)
        except OSError as error:
            raise CannotWriteError(error.errno, error.strerror, str(self.path)) from error

    def close(self) -> None:
        """Give back what was promised and not used."""
        self.stream.truncate()
        self.stream.close()


class Standard:
    """Standard output."""

    stream: BinaryIO

    def __init__(self) -> None:
        self.stream = sys.stdout.buffer

    def add(self, data: bytes) -> None:
        """Write at once; CannotWriteError when nobody reads any more."""
        try:
            self.stream.write(data)
            self.stream.flush()
        except OSError as error:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), self.stream.fileno()
            )  # or Python complains once more when it ends
            raise CannotWriteError(error.errno, error.strerror, "standard output") from error

    def promise(self, size: int) -> None:
        """A pipe has no room to keep."""

    def close(self) -> None:
        """It stays open."""


def check_place(path: Path) -> None:
    """Find out before hours of work whether a file can be written there; what is there already stays.

    Raises
    ------
    OSError
        It cannot.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    was_there = path.exists()
    path.open("ab").close()
    if not was_there:
        path.unlink()
