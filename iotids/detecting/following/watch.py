"""Hear from Linux which files of a folder are being written, and when a writer closes one (inotify).

Elsewhere, and on network drives, nothing is heard; who asks then gets None and goes by sizes and times.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
from pathlib import Path

MODIFY, CLOSE_WRITE, MOVED_TO, CREATE = 0x2, 0x8, 0x80, 0x100
OVERFLOW = 0x4000  # events were lost
NONBLOCK = 0o4000
EVENT = struct.Struct("iIII")
READ_BYTES = 1 << 16


class FolderWatch:
    """What was heard of the files directly below a folder since this was made."""

    def __init__(self, folder: Path) -> None:
        self._closed: dict[str, bool] = {}
        self._closings: dict[str, int] = {}
        self._number = _open_inotify(folder)

    def is_closed(self, name: str) -> bool | None:
        """Whether the last writer of a file has closed it; None when nothing was heard of it."""
        return self._closed.get(name)

    def closings(self, name: str) -> int:
        """How often writers have closed a file since it was made."""
        return self._closings.get(name, 0)

    def forget(self, names: set[str]) -> None:
        """Drop what was heard of all other files, which are no longer there."""
        for heard in (self._closed, self._closings):
            for name in [name for name in heard if name not in names]:
                del heard[name]

    def wait(self, seconds: float) -> None:
        """Wait so long, or until something is heard."""
        if self._number is None:
            time.sleep(seconds)
        elif select.select([self._number], [], [], seconds)[0]:
            self.hear()

    def hear(self) -> None:
        """Take in what has happened until now."""
        while self._number is not None and select.select([self._number], [], [], 0)[0]:
            data, at = os.read(self._number, READ_BYTES), 0
            while at < len(data):
                _, kind, _, size = EVENT.unpack_from(data, at)
                at += EVENT.size + size
                self._note(os.fsdecode(data[at - size : at].rstrip(b"\0")), kind)

    def _note(self, name: str, kind: int) -> None:
        """Take in one event."""
        if kind & OVERFLOW:
            self._closed.clear()
            return
        if kind & (CREATE | MOVED_TO):  # another file under this name
            self._closings[name] = 0
        if kind & (CLOSE_WRITE | MOVED_TO):
            self._closings[name] = self.closings(name) + 1
        self._closed[name] = bool(kind & (CLOSE_WRITE | MOVED_TO))

    def close(self) -> None:
        """Hear no more."""
        if self._number is not None:
            os.close(self._number)
            self._number = None


def _open_inotify(folder: Path) -> int | None:
    """The descriptor to read events from; None where the system has no inotify, or no more of it."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "inotify_init1"):
        return None
    number = library.inotify_init1(NONBLOCK | os.O_CLOEXEC)
    if number < 0:
        return None
    mask = MODIFY | CLOSE_WRITE | MOVED_TO | CREATE
    if library.inotify_add_watch(number, os.fsencode(folder), mask) < 0:
        os.close(number)
        return None
    return int(number)
