"""The table of flows: whatever is entered is found, also after the table has grown and after others have
gone.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iotids.flowmeter.kernels.compiling import entry
from iotids.flowmeter.kernels.finding import free_slot, spread_slots


@entry
def enter(slots, tag, pointer):
    """Enter a flow at the first empty slot from its own on."""
    at = tag & (len(slots) - 1)
    while slots[at] != 0:
        at = (at + 1) & (len(slots) - 1)
    slots[at] = (tag << 32) | pointer


@entry
def leave(slots, at):
    """Empty a slot as the flow meter does."""
    free_slot(slots, at)


def found(slots: np.ndarray) -> list[tuple[int, int]]:
    """All flows that a search meets which starts at the flow's own slot and ends at the first empty one."""
    n, met = len(slots), set()
    for tag in {int(slot) >> 32 for slot in slots if slot}:
        at = tag & (n - 1)
        while slots[at]:
            if int(slots[at]) >> 32 == tag:
                met.add((tag, int(slots[at]) & 0xFFFFFFFF))
            at = (at + 1) & (n - 1)
    return sorted(met)


# tags near the ends of the table, so that runs of flows reach over the end
TAGS = st.lists(
    st.one_of(st.integers(0, 2**31 - 1), st.integers(0, 40), st.integers(20, 34).map(lambda tag: 1024 - tag)),
    min_size=1,
    max_size=31,
)


@given(TAGS, st.sampled_from([2, 4, 16]))
@settings(max_examples=300, deadline=None)
def test_all_flows_are_found_after_the_table_has_grown(tags: list[int], times: int) -> None:
    slots = np.zeros(64 * times, np.int64)
    for pointer, tag in enumerate(tags, 1):
        enter(slots[:64], tag, pointer)
    spread_slots(slots, 64)
    assert found(slots) == sorted((tag, pointer) for pointer, tag in enumerate(tags, 1))
    assert np.count_nonzero(slots) == len(tags)


@given(TAGS, st.data())
@settings(max_examples=200, deadline=None)
def test_all_others_are_found_when_flows_have_left(tags: list[int], data: st.DataObject) -> None:
    slots = np.zeros(64, np.int64)
    for pointer, tag in enumerate(tags, 1):
        enter(slots, tag, pointer)
    left = {(tag, pointer) for pointer, tag in enumerate(tags, 1)}
    for gone in data.draw(st.lists(st.sampled_from(sorted(left)), unique=True)):
        (at,) = np.flatnonzero(slots == (gone[0] << 32) | gone[1])
        leave(slots, at)
        left.discard(gone)
        assert found(slots) == sorted(left)
