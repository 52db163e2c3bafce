"""Work ahead in a thread: reading and decoding beside metering, metering beside writing; the results are the same."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from queue import Full, Queue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
LOOK_S = 0.2  # how often a waiting thread looks whether the other side has given up


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Ahead(Generic[T]):
    """Runs an iterator in a thread, at most `depth` items ahead of the reader."""

    def __init__(self, items: Iterator[T], *, depth: int) -> None:
        self._items = items
        self._queue: Queue[tuple[str, Any]] = Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Fill the queue; whatever ends the iterator is handed over to the reader."""
        try:
            for item in self._items:
                if not self._put(("item", item)):
                    if isinstance(self._items, Generator):
                        self._items.close()  # it may have a thread of its own to end
                    return
            self._put(("end", None))
        except BaseException as error:  # noqa: BLE001  raised again where the items are read
            self._put(("error", error))

    def _put(self, entry: tuple[str, Any]) -> bool:
        """Queue an entry; False when the reader has gone."""
        while not self._stopped.is_set():
            try:
                self._queue.put(entry, timeout=LOOK_S)
                return True
            except Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        """Items in order; an error of the thread is raised behind the items before it."""
        try:
            while True:
                kind, content = self._queue.get()
                if kind == "end":
                    return
                if kind == "error":
                    raise content
                yield content
        finally:
            self._stopped.set()
            self._thread.join()
