"""Work ahead in a thread: reading and decoding beside metering, metering beside writing; the results are the same."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
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


class Behind:
    """Calls a function in a thread, in order, at most `depth` calls behind."""

    def __init__(self, function: Callable[[Any], object], *, depth: int) -> None:
        self._function = function
        self._queue: Queue[Any] = Queue(depth)
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Work off the queue until told to stop; after an error the rest is thrown away."""
        while True:
            try:
                item = self._queue.get(timeout=LOOK_S)
            except Empty:
                if self._done.is_set():
                    return
                continue
            if self._error is None:
                try:
                    self._function(item)
                except BaseException as error:  # noqa: BLE001  raised again by the next call
                    self._error = error

    def __call__(self, item: Any) -> None:
        """Queue a call; raises the error of an earlier one."""
        if self._error is not None:
            raise self._error
        self._queue.put(item)

    def close(self) -> None:
        """Wait for all calls; raises the error of one."""
        self._done.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
