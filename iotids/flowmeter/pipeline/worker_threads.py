"""Run the steps of the flow meter's pipeline in threads of their own; the results are the same."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def under_batch_scheduling() -> Iterator[None]:
    """Run this thread under SCHED_BATCH, so that it does not preempt others on wake-up (Linux; elsewhere a
    no-op).
    """
    if not hasattr(os, "SCHED_BATCH") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        yield
        return
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Background(Generic[T]):
    """Runs an iterator in a thread of its own, with a queue of at most `depth` items to the reader.

    in_batch: run under SCHED_BATCH: where there are more threads than cores, the others are faster.
    Two queues, items one way and room for them the other: handing over is a tenth of what a queue with a
    bound of its own takes.
    """

    def __init__(self, items: Iterator[T], *, depth: int, in_batch: bool = False) -> None:
        self._items = items
        self._ready: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(depth):
            self._room.put(None)
        self._reader_gone = False
        target = under_batch_scheduling()(self._run) if in_batch else self._run
        self._thread = threading.Thread(target=target, name="flowmeter", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Hand items over; whatever ends the iterator is handed over too."""
        try:
            for item in self._items:
                self._room.get()
                if self._reader_gone:
                    if isinstance(self._items, Generator):
                        self._items.close()  # it may have a thread of its own to end
                    return
                self._ready.put(("item", item))
            self._ready.put(("end", None))
        except BaseException as error:  # noqa: BLE001  raised again where the items are read
            self._ready.put(("error", error))

    def __iter__(self) -> Iterator[T]:
        """Items in order; an error of the thread is raised behind the items before it."""
        try:
            while True:
                kind, content = self._ready.get()
                if kind == "end":
                    return
                if kind == "error":
                    raise content
                self._room.put(None)
                yield content
        finally:
            self._reader_gone = True
            self._room.put(None)
            self._thread.join()
