"""Trainings in turn on several threads, an epoch at a time: cores stay busy to the end, and none has to wait for another's training."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from threading import Event
from typing import NamedTuple, TypeVar

from iotids.learning.data.folds import Fold

T = TypeVar("T")


class Member(NamedTuple):
    """A fold of a split, as part of a stack."""

    split: str
    fold: Fold

    def __str__(self) -> str:
        """As messages name it."""
        return f"split {self.split}, fold {self.fold.number}"


def stacks_of(members: Sequence[Member], size: int) -> list[list[Member]]:
    """Divide folds into stacks of `size`, the last one with the rest.

    Folds of like size share a stack, because a stack takes as many steps as its largest fold needs. The
    division depends on the folds and the size alone, so results do not depend on the machine's cores.
    """
    by_size = sorted(members, key=lambda member: -len(member.fold.train_rows))
    return [by_size[begin : begin + size] for begin in range(0, len(by_size), size)]


def run_in_turn(
    trainings: Sequence[Generator[None, None, T]], places: Sequence[Callable[[], AbstractContextManager]]
) -> list[T]:
    """Advance all trainings to their ends and give what they return; each is advanced by one thread at a time.

    There is a thread for each of `places`, the contexts in which they compute.

    Every step should take long against the hand-over of a thread, and leave Python's lock in between. The
    first exception stops the others after their current step and is raised.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for number in range(len(trainings)):
        waiting.put(number)
    stop, results = Event(), dict[int, T]()
    with ThreadPoolExecutor(len(places)) as threads:
        workers = [threads.submit(_work, place, trainings, waiting, results, stop) for place in places]
        try:
            for worker in workers:
                worker.result()
        finally:
            stop.set()
    return [results[number] for number in range(len(trainings))]


def _work(
    place: Callable[[], AbstractContextManager],
    trainings: Sequence[Generator[None, None, T]],
    waiting: SimpleQueue[int],
    results: dict[int, T],
    stop: Event,
) -> None:
    """Advance whatever waits longest by one step, until nothing waits: the rest is in the hands of other threads."""
    with place():
        while not stop.is_set():
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            try:
                next(trainings[number])
            except StopIteration as end:
                results[number] = end.value
                continue
            except BaseException:
                stop.set()
                raise
            waiting.put(number)
