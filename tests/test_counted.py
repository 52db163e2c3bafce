"""A count and its noun agree."""

import pytest

from iotids.counted import counted


@pytest.mark.parametrize(
    ("n", "noun", "wanted"),
    [
        (0, "flow", "0 flows"),
        (1, "flow", "1 flow"),
        (1_200, "flow", "1,200 flows"),
        (2, "class", "2 classes"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (1, "more capture", "1 more capture"),
    ],
)
def test_a_noun_follows_its_count(n, noun, wanted):
    assert counted(n, noun) == wanted
