"""Display filters say what Wireshark says."""

from __future__ import annotations

import pytest

from iotids.truth.filters.bpf_filter import parse_bpf
from iotids.truth.filters.display_filter import parse_filter
from iotids.truth.filters.matching import match_packets
from tests.truth.tables import ACK, SYN, arp, icmp, packets, tcp, udp

TALK = packets(
    tcp("10.0.0.1", "10.0.0.2", 1000, 80, SYN, window=1024, time_us=1_558_876_266_000_000, wire_bytes=74),
    tcp("10.0.0.2", "10.0.0.1", 80, 1000, SYN | ACK, time_us=1_558_876_267_500_000),
    udp("10.0.0.1", "10.9.0.1", 5353, 53),
    icmp("10.9.0.1", "10.0.0.1", 3),
    arp("02:00:00:00:00:09", "00:00:00:00:00:00", "10.0.0.9", "10.0.0.1"),
)


def matching(text: str) -> list[int]:
    return [number for number, hit in enumerate(match_packets(parse_filter(text), TALK), start=1) if hit]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tcp", [1, 2]),
        ("udp", [3]),
        ("icmp", [4]),
        ("arp", [5]),
        ("ip", [1, 2, 3, 4]),
        ("frame", [1, 2, 3, 4, 5]),
        ("eth", [1, 2, 3, 4, 5]),
        ("ip.addr == 10.0.0.2", [1, 2]),
        ("ip.src == 10.0.0.0/24", [1, 2, 3]),
        ("ip.src == 10.0.0.77/24", [1, 2, 3]),
        ("ip.dst != 10.0.0.1", [1, 3]),
        ("tcp.port == 80 && tcp.dstport != 80", [2]),
        ("tcp.flags.syn == 1 and tcp.flags.ack == 0", [1]),
        ("tcp.flags.syn == True && !(tcp.flags.ack == true)", [1]),
        ("tcp.flags == 0x12", [2]),
        ("tcp.flags & 0x02", [1, 2]),
        ("tcp.flags & 0x12 == 0x02", [1]),
        ("tcp.flags.syn", [1, 2]),
        ("tcp.window_size == 1024 or tcp.window_size_value eq 1024", [1]),
        ("frame.number < 3", [1, 2]),
        ("frame.number >= 4", [4, 5]),
        ("frame.len gt 60", [1]),
        ("udp.port in {53, 123}", [3]),
        ("tcp.port in {70..90 443}", [1, 2]),
        ("ip.src in {10.9.0.0/16 10.0.0.2}", [2, 4]),
        ("not ip", [5]),
        ("arp.src.proto_ipv4 == 10.0.0.0/28 and eth.dst == ff:ff:ff:ff:ff:ff", [5]),
        ("arp.src.hw_mac == 02-00-00-00-00-09", [5]),
        ("eth.addr == 02:00:00:00:00:09", [5]),
        ("frame.time_epoch >= 1558876267.5", [2]),
        ("frame.time >= 2019-05-26T13:11:06Z", [1, 2]),
        ("udp || tcp && ip.src == 10.0.0.2", [2, 3]),
        ("(udp || tcp) && ip.src == 10.0.0.2", [2]),
    ],
)
def test_filter_matches_these_packets(text: str, wanted: list[int]) -> None:
    assert matching(text) == wanted


def test_unequal_on_a_field_with_two_values_means_neither_is_equal() -> None:
    assert matching("ip.addr != 10.0.0.2") == [3, 4]


def test_unequal_is_false_and_not_equal_is_true_where_the_field_is_absent() -> None:
    assert matching("tcp.srcport != 80") == [1]
    assert matching("!(tcp.srcport == 80)") == [1, 3, 4, 5]


def test_absent_port_does_not_count_as_a_small_number() -> None:
    assert matching("udp.port < 100000") == [3]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tcp.flux == 1", "'tcp.flux' at character 1, wanted a field or protocol"),
        ("ip.src ==", "came the end, wanted a value"),
        ("(tcp", "came the end, wanted `)`"),
        ("tcp udp", "'udp' at character 5, wanted an operator"),
        ("tcp and and udp", "at character 9"),
        ("ip.src == fridge", "wanted an IPv4 address"),
        ("eth.src == 02:00", "is no MAC address"),
        ("tcp.port == http", "wanted a number such as 23"),
        ("tcp == 3", "tcp is a protocol and has no value"),
        ("", "came the end"),
        ("ip.src == 1.2.3.4 ~", "cannot read '~' at character 19"),
        ("tcp.port in {}", "has no members"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="filter") as caught:
        parse_filter(text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("bpf", "display"),
    [
        ("host 10.0.0.2", "ip.addr == 10.0.0.2"),
        ("src host 10.0.0.2", "ip.src == 10.0.0.2"),
        ("dst net 10.9.0.0/16", "ip.dst == 10.9.0.0/16"),
        ("tcp dst port 80", "tcp.dstport == 80"),
        ("port 53", "tcp.port == 53 or udp.port == 53"),
        ("tcp portrange 70-90", "tcp.port in {70..90}"),
        ("ether src 02:00:00:00:00:09", "eth.src == 02:00:00:00:00:09"),
        ("udp or tcp and src host 10.0.0.2", "(udp or tcp) and ip.src == 10.0.0.2"),
        ("not (tcp or udp)", "!(tcp or udp)"),
        ("udp host 10.9.0.1", "udp and ip.addr == 10.9.0.1"),
        ("src 10.0.0.1", "ip.src == 10.0.0.1"),
        ("arp", "arp"),
    ],
)
def test_capture_filter_matches_like_its_display_filter(bpf: str, display: str) -> None:
    hits = match_packets(parse_bpf(bpf), TALK)
    assert hits.any()
    assert hits.tolist() == match_packets(parse_filter(display), TALK).tolist()


@pytest.mark.parametrize("text", ["", "host", "fish 10.0.0.1", "tcp and", "(tcp", "arp port 3", "tcp tcp"])
def test_what_is_no_capture_filter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"bpf|port"):
        parse_bpf(text)
