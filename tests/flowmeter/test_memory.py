"""Memory that is used again is never taken from who still looks at it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.expiring import silent_places
from iotids.flowmeter.kernels.spilling import late_places
from iotids.flowmeter.output.rows import wrapped
from iotids.flowmeter.pipeline.memory import Growing, Reused
from iotids.flowmeter.pipeline.table import sorted_by


def address(array: np.ndarray) -> int:
    """Where an array lies."""
    return int(array.ctypes.data)


def test_memory_returns_when_the_last_view_is_gone() -> None:
    memory = Reused()
    numbers, letters = memory.arrays(((3, 4), np.int64), ((5,), np.uint8))
    place = address(numbers)
    assert numbers.shape == (3, 4)
    assert letters.shape == (5,)
    assert address(letters) >= place + numbers.nbytes
    assert place % 64 == address(letters) % 64 == 0
    view = letters[2:]
    del numbers, letters
    assert address(memory.arrays(((3, 4), np.int64))[0]) != place
    del view
    found = [memory.arrays(((3, 4), np.int64))[0] for _ in range(2)]
    assert place in map(address, found)


def test_memory_that_arrow_holds_is_left_alone() -> None:
    memory = Reused()
    (first,) = memory.arrays(((1_000,), np.int64))
    first[:] = 7
    kept = pa.RecordBatch.from_arrays([wrapped(first[:10])], names=["x"])
    del first
    for _ in range(3):
        (other,) = memory.arrays(((1_000,), np.int64))
        other[:] = 0
        del other
    assert kept.column("x").to_pylist() == [7] * 10


def test_a_larger_wish_is_met() -> None:
    memory = Reused()
    memory.arrays(((8,), np.int8))
    (large,) = memory.arrays(((1 << 20,), np.int64))
    large[:] = 1
    assert large.sum() == 1 << 20


def test_growing_keeps_what_was_there() -> None:
    memory = Growing(np.dtype(np.int64), 1_000)
    memory.array[:] = np.arange(1_000)
    longer = memory.grow(1_000_000)
    assert longer[:1_000].tolist() == list(range(1_000))
    assert len(longer) == 1_000_000
    assert not longer[1_000:].any()


@pytest.mark.parametrize("n", [0, 1, 5, 4_096, 50_000])
def test_sorting_a_part_at_a_time_sorts(n: int) -> None:
    random = np.random.default_rng(n)
    words = random.permutation(np.unique(random.integers(0, 1 << 62, 2 * n + 1)))[:n]
    values = np.arange(n, dtype=np.int32)
    assert sorted_by(words, values).tolist() == np.argsort(words).tolist()


def test_few_words_that_lie_together_sort() -> None:
    words = np.random.default_rng(1).permutation(np.r_[np.arange(9_000), (1 << 62) + np.arange(9_000)])
    assert (np.diff(words[sorted_by(words, np.arange(len(words)))]) > 0).all()


@pytest.mark.parametrize("watermark_us", [-(1 << 62) - 10, -(1 << 63), 0, (1 << 63) - 1])
def test_free_places_are_never_due_however_absurd_the_time(watermark_us: int) -> None:
    due = np.array([layout.NEVER, 5, layout.NEVER])
    bodies = np.zeros(3, layout.FLOW)
    found, numbers = np.empty(3, np.int64), np.empty(3, np.int64)
    for n in (
        late_places(due, watermark_us, 10, found),
        silent_places(due, bodies, watermark_us, 10, found, numbers),
    ):
        assert set(found[:n].tolist()) <= {1}
