"""A capture that does not show everything is said to, with what that does to the verdicts."""

import pytest

from iotids.detecting.judging.view import ViewCounter
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import DAY_US, START_US, benign_records, flood_records, scan_records
from tests.packets import Record, write_pcap

HOUR_US = 3_600_000_000
LINUX_COOKED = 113


def said(folder, records, **options):
    """Sentences about a capture of these packets."""
    view = ViewCounter()
    view.add(flows_from_capture(write_pcap(folder / "x.pcap", records, **options), "clean"))
    return " ".join(view.sentences())


def cooked(record):
    """The packet as an interface `any` gives it, whose hardware address is none."""
    return Record(record.time_us, bytes([0, 0, 3, 4, 0, 0, *bytes(8)]) + record.data[12:])


def is_from_client(record):
    """Whether a packet goes to the server, by its IPv4 destination."""
    return record.data[30:34] in (bytes([10, 0, 0, 200]), bytes([10, 0, 0, 1]))


def later(records, us):
    return [Record(record.time_us + us, record.data) for record in records]


@pytest.mark.parametrize("make", [benign_records, scan_records, flood_records])
def test_nothing_is_said_of_a_whole_capture(tmp_path, make):
    assert said(tmp_path, make(flows=300, seed=1)) == ""


@pytest.mark.parametrize("to_server", [True, False])
def test_one_direction_only_is_said(tmp_path, to_server):
    records = [r for r in benign_records(flows=300, seed=1) if is_from_client(r) == to_server]
    words = said(tmp_path, records)
    assert "one direction is missing" in words
    assert "ordinary traffic looks unanswered" in words


def test_one_direction_of_a_third_of_the_traffic_is_said(tmp_path):
    whole = benign_records(flows=200, seed=1)
    half = [
        r for r in benign_records(flows=100, seed=2, start_us=START_US + 2 * HOUR_US) if is_from_client(r)
    ]
    assert "one direction is missing" in said(tmp_path, sorted(whole + half, key=lambda r: r.time_us))


@pytest.mark.parametrize("every", [10, 50])
def test_a_sampled_capture_is_said(tmp_path, every):
    records = benign_records(flows=3000, seed=1)[::every]
    assert "packets are missing (sampled" in said(tmp_path, records)


def test_a_capture_without_hardware_addresses_is_said(tmp_path):
    records = [cooked(r) for r in benign_records(flows=60, seed=1)]
    words = said(tmp_path, records, link=LINUX_COOKED)
    assert "no hardware addresses" in words
    assert "ARP spoofing shows nowhere" in words


@pytest.mark.parametrize(
    ("jump_us", "words"),
    [(-3 * HOUR_US, "the clock was set back by"), (40 * 365 * DAY_US, "nothing for 146")],
)
def test_a_clock_that_jumps_is_said(tmp_path, jump_us, words):
    first = benign_records(flows=100, seed=1, span_us=2 * HOUR_US)
    second = later(
        benign_records(flows=100, seed=2, span_us=2 * HOUR_US, start_us=START_US + 2 * HOUR_US), jump_us
    )
    if jump_us > 0:  # from a start of 1983, before the clock was set
        first = later(first, -40 * 365 * DAY_US)
        second = later(second, -40 * 365 * DAY_US)
    assert words in said(tmp_path, first + second)


def test_a_silent_night_is_no_jump(tmp_path):
    first = benign_records(flows=50, seed=1, span_us=HOUR_US)
    assert (
        said(tmp_path, first + later(benign_records(flows=50, seed=2, span_us=HOUR_US), 14 * HOUR_US)) == ""
    )


def test_one_direction_of_connections_that_are_older_is_no_sample(tmp_path):
    """Connections that never close are cut by the idle timeout: hardly a flow has a SYN."""
    records = [r for r in benign_records(flows=300, seed=1) if not (r.data[23] == 6 and r.data[47] & 2)]
    assert said(tmp_path, records) == ""
    assert "packets are missing (sampled" in said(tmp_path, records[::4])
    for to_server in (True, False):
        words = said(tmp_path, [r for r in records if is_from_client(r) == to_server])
        assert "one direction is missing" in words
