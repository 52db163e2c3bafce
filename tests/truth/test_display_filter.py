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
TALK6 = packets(
    tcp("2001:db8::1", "2001:db8:1::2", 1000, 23, SYN),
    udp("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", 5353, 53),
    icmp("fe80::1", "ff02::1", 135),
    tcp("10.0.0.1", "10.0.0.2", 1000, 23, SYN),
    {**udp("::1", "::1", 7, 9), "ip_protocol": 132},
)


def numbers(tree, table) -> list[int]:
    return [number for number, hit in enumerate(match_packets(tree, table), start=1) if hit]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ipv6", [1, 2, 3, 5]),
        ("ip", [4]),
        ("tcp.port == 23", [1, 4]),
        ("ipv6.addr == 2001:db8::/32", [1, 2]),
        ("ipv6.src == 2001:db8::/48", [1]),
        ("ipv6.dst == 2001:0DB8:0001:0:0:0:0:2", [1]),
        ("ipv6.addr != 2001:db8::1", [2, 3, 5]),
        ("ipv6.addr in {fe80::/10, ::1}", [3, 5]),
        ("ipv6.src in {2001:db8::..2001:db8::ffff}", [1]),
        ("ipv6.dst > 2001:db8::", [1, 2, 3]),
        ("ipv6.src <= ::1", [5]),
        ("icmpv6", [3]),
        ("icmp", []),
        ("icmpv6.type == 135 and icmpv6.code == 0", [3]),
        ("ipv6.nxt == 6", [1]),
        ("ip.proto == 6", [4]),
        ("sctp.port == 9", [5]),
        ("sctp", [5]),
        ("!ipv6", [4]),
    ],
)
def test_filter_sees_ipv6_as_it_sees_ipv4(text: str, wanted: list[int]) -> None:
    assert numbers(parse_filter(text), TALK6) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ip6", [1, 2, 3, 5]),
        ("icmp6", [3]),
        ("port 23", [1, 4]),
        ("ip6 and port 23", [1]),
        ("ip6 port 23", [1]),
        ("tcp dst port 23", [1, 4]),
        ("net 2001:db8::/32", [1, 2]),
        ("src net 2001:db8::/48", [1]),
        ("ip6 host 2001:db8::1", [1]),
        ("host 2001:db8::1 or 10.0.0.1", [1, 4]),
        ("src host 2001:db8::1 and dst port 23", [1]),
        ("src or dst host fe80::1", [3]),
        ("src and dst host ::1", [5]),
        ("sctp port 9", [5]),
        ("port 9 or 53", [2, 5]),
        ("ip6 proto 6", [1]),
        ("proto tcp", [1, 4]),
        ("ip proto tcp", [4]),
        ("icmp6 and host ff02::1", [3]),
        ("less 60", [1, 2, 3, 4, 5]),
        ("greater 61", []),
        ("net 10", [4]),
        ("net 10.0.0.0 mask 255.255.255.0", [4]),
    ],
)
def test_capture_filter_sees_ipv6_as_it_sees_ipv4(text: str, wanted: list[int]) -> None:
    assert numbers(parse_bpf(text), TALK6) == wanted


def test_capture_filter_means_arp_where_it_says_arp_and_where_it_says_nothing() -> None:
    assert numbers(parse_bpf("arp host 10.0.0.9"), TALK) == [5]
    assert numbers(parse_bpf("arp src host 10.0.0.1"), TALK) == []
    assert numbers(parse_bpf("dst net 10.0.0.0/28"), TALK) == [1, 2, 4, 5]
    assert numbers(parse_bpf("ip net 10.0.0.0/28"), TALK) == [1, 2, 3, 4]


def test_a_filter_of_thousands_of_alternatives_is_read_and_matched() -> None:
    hosts = [f"10.{i // 256}.{i % 256}.1" for i in range(1, 5000)]
    assert numbers(parse_filter(" or ".join(f"ip.src == {host}" for host in hosts)), TALK) == [4]
    assert numbers(parse_bpf(" or ".join(["src host 10.0.0.1", *hosts])), TALK) == [1, 3, 4]


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
        ("ip.src == 2001:db8::1", "IPv6 addresses are values of ipv6.src"),
        ("ipv6.src == 10.0.0.1", "wanted an IPv6 address such as 2001:db8::13"),
        ("ipv6.src == fe80::1%eth0", "cannot read"),
        ("tcp.port == 99999999999999999999", "wanted a number such as 23"),
        ("tcp.port == 1_0", "wanted a number such as 23"),
        ("frame.time == 1e9", "wanted a time such as"),
        ("(" * 5000 + "tcp" + ")" * 5000, "at most 100 parentheses"),
        ("!" * 5000 + "tcp", "at most 100 parentheses"),
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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "fish 10.0.0.1",
        "tcp and",
        "(tcp",
        "arp port 3",
        "tcp tcp",
        "tcp & udp",
        "host 10.0.0.1 |",
        "ip6 host 10.0.0.1",
        "ip host ::1",
        "port http",
        "not",
        "(" * 5000,
        "vlan 10 and tcp",
        "tcp[13] == 2",
        "tcp proto 6",
    ],
)
def test_what_is_no_capture_filter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bpf '") as caught:
        parse_bpf(text)
    assert len(str(caught.value)) < 600
