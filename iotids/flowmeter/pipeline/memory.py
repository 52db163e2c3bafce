"""Memory that grows without being copied, memory that is used again, and temporary files of spilled flows."""

from __future__ import annotations

import math
import mmap
import tempfile
import weakref
from typing import IO, Any

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.bundles import Disk
from iotids.flowmeter.kernels.entries import read_entries

PAIRS_AT_ONCE = 256
CACHE_LINE = 64


class Growing:
    """A structured array that grows without being copied: the system moves its pages (mremap), not its bytes."""

    def __init__(self, dtype: np.dtype, length: int) -> None:
        self._dtype = dtype
        self._memory = mmap.mmap(
            -1, _pages(dtype.itemsize * length), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self.array: np.ndarray = self._view(length)

    def _view(self, length: int) -> np.ndarray:
        """The memory as an array."""
        if len(self._memory) >= 1 << 22 and hasattr(mmap, "MADV_HUGEPAGE"):
            self._memory.madvise(
                mmap.MADV_HUGEPAGE
            )  # flows are met in no order: small pages would cost a table walk each
        return np.frombuffer(self._memory, self._dtype, length)

    def grow(self, length: int) -> np.ndarray:
        """The array, longer; no other view of it may be alive."""
        del self.array
        self._memory.resize(_pages(self._dtype.itemsize * length))
        self.array = self._view(length)
        return self.array


def _pages(size: int) -> int:
    """Size rounded up to whole pages."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def mapped(length: int, kind: Any) -> np.ndarray:
    """Zeros, (length,), whose memory goes back to the system with them; freed by the usual way, it would stay
    with the process.
    """
    size = max(1, length) * np.dtype(kind).itemsize
    return np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), kind, length)


class Reused:
    """Memory that is given out again once nobody holds it any more: fresh pages from the system would cost as
    much as filling them.
    """

    def __init__(self) -> None:
        self._idle: list[mmap.mmap] = []

    def arrays(self, *wanted: tuple[tuple[int, ...], Any]) -> list[np.ndarray]:
        """Arrays of some shapes and types, with anything in them; their memory returns when they and all
        views of them are gone.
        """
        sizes = [
            -(-math.prod(shape) * np.dtype(kind).itemsize // CACHE_LINE) * CACHE_LINE
            for shape, kind in wanted
        ]
        memory = self._idle.pop() if self._idle else None
        if memory is None or len(memory) < sum(sizes):
            memory = mmap.mmap(-1, sum(sizes), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        whole = np.frombuffer(memory, np.uint8)
        weakref.finalize(whole, self._idle.append, memory).atexit = False
        starts = np.cumsum([0, *sizes])
        return [
            np.ndarray(shape, kind, buffer=whole[start : start + size])
            for (shape, kind), start, size in zip(wanted, starts, sizes, strict=False)
        ]


class SpillFiles:
    """Nameless temporary files: spilled flows, what their rows are sorted by, and the TCP segments that they
    have seen.
    """

    def __init__(self) -> None:
        self._opened: list[IO[bytes] | None] = [None] * layout.N_FILES
        self.view = Disk(
            np.full(layout.N_FILES, -1, np.int64),
            np.empty(1, layout.KEY),
            np.empty((PAIRS_AT_ONCE, 2), np.int64),
        )
        self.used = [0] * layout.N_FILES  # entries in each

    def append(self, which: int, entries: np.ndarray) -> None:
        """Write entries behind the others of their file."""
        file = self._opened[which]
        if file is None:
            file = self._opened[which] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  lives as long as the table
            self.view.files[which] = file.fileno()
        data = memoryview(entries.reshape(-1).view(np.uint8).data)
        while len(data):  # an unbuffered file may take them in parts
            data = data[file.write(data) :]
        self.used[which] += len(entries)

    def flows(self, places: np.ndarray) -> np.ndarray:
        """Flows from disk, with their keys. places : (n,) int.  Returns (n,) RECORD."""
        return self._entries(layout.RECORDS, places, layout.RECORD)

    def sequences(self, places: np.ndarray) -> np.ndarray:
        """First packets of flows from disk. places : (n,) int.  Returns (n, SEQUENCE_CELLS) int32."""
        return self._entries(layout.SEQUENCES, places, layout.SEQUENCE)["cells"]

    def _entries(self, which: int, places: np.ndarray, kind: np.dtype) -> np.ndarray:
        """Entries of a file. places : (n,) int.  Returns (n,) of the kind."""
        entries = np.empty(len(places), kind)
        whole = entries.view(np.uint8)
        if len(places) and read_entries(self.view.files[which], places, kind.itemsize, whole) < len(places):
            self.raise_unreadable()
        return entries

    def sort_words(self) -> np.ndarray:
        """What the rows of all flows that were ever spilled are sorted by. Returns (n,) int64."""
        file, words = self._opened[layout.SORT_WORDS], mapped(self.used[layout.SORT_WORDS], np.int64)
        if file is not None:
            file.seek(0)
            if file.readinto(words.view(np.uint8)) < words.nbytes:  # type: ignore[attr-defined]
                self.raise_unreadable()
        return words

    def raise_unreadable(self) -> None:
        """Raise that what was written is not there any more."""
        raise OSError("a temporary file of flows cannot be read back")
