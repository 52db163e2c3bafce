"""A count and its noun agree."""

import pytest

from iotids.counted import counted
from iotids.flowmeter.ledger import Ledger, in_words


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


def test_one_capture_of_one_packet_is_said_in_the_singular():
    ledger = Ledger("a.pcap", "clean", packets=1, counts={"metered": 1}, flows=1)
    first, last = in_words([ledger], "f.csv", seconds=1.0)
    assert first == "a.pcap: 1 packet, 1 metered into 1 flow"
    assert last.startswith("f.csv: 1 flow of 1 packet from 1 capture in 1.0 s")
