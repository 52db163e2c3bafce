"""Whole batches match like one packet after the other, for filters made by chance."""

from __future__ import annotations

import operator

from hypothesis import given, settings
from hypothesis import strategies as st

from iotids.truth.filters.display_filter import (
    Both,
    Compare,
    Either,
    Member,
    Not,
    Present,
    Tree,
    parse_filter,
)
from iotids.truth.filters.fields import FIELDS
from iotids.truth.filters.matching import match_packets
from tests.truth.tables import ABSENT, ACK, SYN, arp, icmp, packets, tcp, udp

RELATIONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
PACKETS = [
    tcp("10.0.0.1", "10.0.0.2", 80, 1000, SYN, window=1024),
    tcp("10.0.0.2", "10.0.0.1", 1000, 80, SYN | ACK),
    udp("10.0.0.1", "10.0.0.1", 53, 53),
    icmp("10.0.0.2", "10.0.0.1", 3),
    tcp("2001:db8::1", "2001:db8:0:0:8000::2", 80, 1000, SYN),
    icmp("fe80::1", "ff02::1", 135),
    arp("02:00:00:00:00:01", "02:00:00:00:00:02", "10.0.0.1", "10.0.0.2"),
    {},
]
TESTS = [
    "tcp",
    "udp",
    "icmp",
    "arp",
    "ip",
    "eth",
    "frame",
    "tcp.flags.syn",
    "tcp.flags.syn == 1",
    "tcp.flags.ack != 1",
    "tcp.port == 80",
    "tcp.port != 80",
    "udp.port == 53",
    "udp.port != 53",
    "ip.addr == 10.0.0.1",
    "ip.addr != 10.0.0.1",
    "ip.src < 10.0.0.2",
    "ip.dst >= 10.0.0.2",
    "ip.src == 10.0.0.0/30",
    "tcp.port in {1..80 443}",
    "eth.addr != 02:00:00:00:00:01",
    "arp.src.proto_ipv4 == 10.0.0.1",
    "frame.number > 3",
    "tcp.flags & 0x12 == 2",
    "icmp.type <= 3",
    "tcp.window_size == 1024",
    "ipv6",
    "icmpv6",
    "ipv6.addr == 2001:db8::/32",
    "ipv6.addr != 2001:db8::1",
    "ipv6.src < 2001:db8::2",
    "ipv6.dst >= 2001:db8::8000:0:0:1",
    "ipv6.addr in {fe80::/10 ff00::/8}",
    "icmpv6.type == 135",
]
TREES = st.recursive(
    st.sampled_from(TESTS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "||"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=8,
)


def has(protocol: str, packet: dict[str, int]) -> bool:
    """The twin's idea of which protocols a packet has."""
    return {
        "frame": True,
        "eth": bool(packet["eth_src"] or packet["eth_dst"]),
        "ip": packet["ip_version"] == 4,
        "ipv6": packet["ip_version"] == 6,
        "arp": packet["arp_opcode"] != -1,
        "tcp": packet["tcp_flags"] != -1,
        "udp": packet["ip_protocol"] == 17,
        "icmp": packet["icmp_type"] != -1 and packet["ip_version"] == 4,
        "icmpv6": packet["icmp_type"] != -1 and packet["ip_version"] == 6,
    }[protocol]


def values(name: str, packet: dict[str, int]) -> list[int]:
    """The values of a field in one packet, none where it is absent."""
    field = FIELDS[name]
    numbers = [_number(packet, column) for column in field.columns] if has(field.protocol, packet) else []
    return [int(bool(number & field.mask)) for number in numbers] if field.mask else numbers


def _number(packet: dict[str, int], column: str) -> int:
    """The value of a column, an IPv6 address as one number."""
    if column in packet:
        return packet[column]
    return (packet[f"{column}_hi"] << 64) + packet[f"{column}_lo"]


def matches(tree: Tree, packet: dict[str, int]) -> bool:
    """Match one packet, slowly."""
    match tree:
        case Both(left, right):
            return matches(left, packet) and matches(right, packet)
        case Either(left, right):
            return matches(left, packet) or matches(right, packet)
        case Not(inner):
            return not matches(inner, packet)
        case Present(name):
            return has(name, packet) if name not in FIELDS else bool(values(name, packet))
        case Member(name, ranges):
            return any(first <= number <= last for number in values(name, packet) for first, last in ranges)
        case Compare(name, relation, (first, last), mask):
            numbers = [number & mask if mask is not None else number for number in values(name, packet)]
            if relation == "!=":
                return bool(numbers) and all(not first <= number <= last for number in numbers)
            if relation == "==":
                return any(first <= number <= last for number in numbers)
            return any(
                RELATIONS[relation](number, last if relation in {">", "<="} else first) for number in numbers
            )


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_batch_matches_like_packet_by_packet(text: str) -> None:
    tree = parse_filter(text)
    full = [{**ABSENT, "packet_number": number, **packet} for number, packet in enumerate(PACKETS, start=1)]
    assert match_packets(tree, packets(*PACKETS)).tolist() == [matches(tree, packet) for packet in full]


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_refused_with_a_reason(text: str) -> None:
    try:
        parse_filter(text)
    except ValueError as error:
        assert str(error).startswith("filter ")
