"""Steps in threads of their own: order, errors, bounds, and that nothing is left running."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from iotids.flowmeter.pipeline.worker_threads import Background, under_batch_scheduling

WAIT_S = 10.0


def threads_left() -> int:
    """How many threads of the flow meter run."""
    return sum(thread.name == "flowmeter" for thread in threading.enumerate())


def test_items_come_in_order_through_several_threads() -> None:
    doubled = Background((2 * i for i in Background(iter(range(1_000)), depth=3)), depth=2, in_batch=True)
    assert list(doubled) == list(range(0, 2_000, 2))
    assert threads_left() == 0


def test_an_error_comes_behind_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("no third")

    seen = []
    with pytest.raises(OSError, match="no third"):
        for item in Background(broken(), depth=5):
            seen.append(item)
    assert seen == [1, 2]
    assert threads_left() == 0


def test_no_more_than_depth_items_wait_beside_the_one_in_the_making() -> None:
    made = []

    def items() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    reader = iter(Background(items(), depth=4))
    assert next(reader) == 0
    deadline = time.monotonic() + WAIT_S
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(made) == 6  # one taken, four waiting, one in the making
    reader.close()  # type: ignore[attr-defined]
    assert threads_left() == 0


def test_a_reader_that_leaves_ends_all_threads_before_it() -> None:
    closed = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    def passed_on(items: Background[int]) -> Iterator[int]:
        yield from items

    reader = iter(Background(passed_on(Background(endless(), depth=2)), depth=2))
    assert next(reader) == 1
    reader.close()  # type: ignore[attr-defined]
    assert closed == [True]
    assert threads_left() == 0


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="scheduling classes are Linux's")
def test_the_way_a_thread_is_scheduled_is_restored() -> None:
    before = os.sched_getscheduler(0)
    with pytest.raises(KeyError), under_batch_scheduling():
        assert os.sched_getscheduler(0) == (os.SCHED_BATCH if before == os.SCHED_OTHER else before)
        raise KeyError
    assert os.sched_getscheduler(0) == before


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="scheduling classes are Linux's")
def test_only_threads_that_are_asked_to_run_in_batch_do() -> None:
    def policy() -> Iterator[int]:
        yield os.sched_getscheduler(0)

    before = os.sched_getscheduler(0)
    assert list(Background(policy(), depth=1)) == [before]
    assert list(Background(policy(), depth=1, in_batch=True)) == [
        os.SCHED_BATCH if before == os.SCHED_OTHER else before
    ]
