"""The slow, obvious twin of the flow meter: plain Python over lists, written from the description, never
optimised.

It decodes frames and meters them under every profile. Values are kept in lists and summed up at the end.
"""

from __future__ import annotations

import ipaddress
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.packets import ACK, FIN, RST, SYN, Record

ORIGINAL_LIKE = ("original", "paper")
FORK_LIKE = ("corrected", "clean")
KNOWN_TO_JNETPCAP = {*range(62), 94, 103, 111, 118, 132, 133, 137}


@dataclass
class Packet:
    """What the meter needs of a packet."""

    src: str
    dst: str
    protocol: int = 0
    sport: int = 0
    dport: int = 0
    flags: int = 0
    window: int = 0
    payload: int = 0
    header: int = 0
    seq: int = 0
    ack: int = 0
    icmp: tuple[int, int] = (-1, -1)
    time: int = 0
    number: int = 0
    macs: tuple[str, str] = ("", "")


def number(data: bytes, at: int, size: int) -> int:
    """Big-endian number."""
    return int.from_bytes(data[at : at + size], "big")


def mac_text(data: bytes) -> str:
    """A MAC address as text."""
    return data.hex(":")


# --------------------------------------------------------------------------------------------- decoding as
# CICFlowMeter


class NoIPv4(Exception):  # noqa: N818
    """The decoder of CICFlowMeter finds no IPv4 header, or an exception stops it."""


def cic_packet(frame: bytes, wire: int, fork: bool) -> Packet | None:
    """Decode as CICFlowMeter does, None when it discards the frame."""
    frame = frame[:wire]
    try:
        return cic_from_ethernet(frame, fork)
    except NoIPv4:
        pass
    try:
        return cic_from_ipv4(frame, 0, len(frame), False, fork)
    except NoIPv4:
        return None


def cic_from_ethernet(frame: bytes, fork: bool) -> Packet:
    """Look for an IPv4 header behind Ethernet."""
    if len(frame) < 14:
        raise NoIPv4
    kind, at, tagged = number(frame, 12, 2), 14, False
    while kind in (0x8100, 0x88A8, 0x9100) and len(frame) >= at + 4:
        kind, at, tagged = number(frame, at + 2, 2), at + 4, True
    if kind == 0x0800:
        return cic_from_ipv4(frame, at, len(frame), not tagged, fork)
    if kind == 0x86DD and len(frame) >= at + 40 and frame[at + 6] == 4:
        return cic_from_ipv4(frame, at + 40, len(frame), False, fork)
    if (
        kind < 0x600
        and not tagged
        and len(frame) >= 22
        and frame[14:17] == b"\xaa\xaa\x03"
        and frame[20:22] == b"\x08\x00"
    ):
        return cic_from_ipv4(frame, 22, min(kind, len(frame)), False, fork)
    raise NoIPv4


def cic_from_ipv4(frame: bytes, at: int, end: int, plain: bool, fork: bool) -> Packet:
    """Decode from an IPv4 header on."""
    packet = None
    tcp_at = udp_at = sctp_at = icmp_at = None
    while at + 20 <= end:
        length, total, bits = (frame[at] & 15) * 4, number(frame, at + 2, 2), number(frame, at + 6, 2)
        available = end - at
        fragment = bool(bits & 0x2000) or (fork and bool(bits & 0x1FFF))
        payload = available - length if fragment else total - length
        payload = payload or max(0, available - length)
        if length + payload > available and length > available:
            length = available
        if not 20 <= length <= available:
            break
        protocol = frame[at + 9]
        if packet is None:
            packet = Packet(
                str(ipaddress.IPv4Address(frame[at + 12 : at + 16])),
                str(ipaddress.IPv4Address(frame[at + 16 : at + 20])),
            )
            outer = protocol
            if plain and total <= end and not (fork and total == 0):
                end = min(end, at + total)
        at += length
        if bits & 0x1FFF or at >= end:
            break
        if protocol == 4:
            continue
        if protocol == 1 and end - at >= 4:
            icmp_at = at if icmp_at is None else icmp_at
            if frame[at] in (3, 12):
                at += 8
                continue
        if protocol == 6 and end - at >= 20 and frame[at + 12] >> 4:
            tcp_at = at
        if protocol == 17 and end - at >= 8:
            udp_at = at if udp_at is None else udp_at
            inner = inside_l2tp(frame, at, end)
            if inner is not None:
                at = inner
                continue
        if protocol == 132 and end - at >= 12:
            sctp_at = at
        break
    if packet is None:
        raise NoIPv4
    if fork and icmp_at is not None:
        packet.protocol, packet.icmp = 1, (frame[icmp_at], frame[icmp_at + 1])
    elif tcp_at is not None:
        if frame[tcp_at + 12] >> 4 < 4:
            raise NoIPv4
        fill_tcp(packet, frame, tcp_at)
        packet.header = min((frame[tcp_at + 12] >> 4) * 4, end - tcp_at)
        packet.payload = end - tcp_at - packet.header
    elif udp_at is not None:
        fill_ports(packet, frame, udp_at, 17, 8, end - udp_at)
    elif fork and sctp_at is not None:
        fill_ports(packet, frame, sctp_at, 132, 12, end - sctp_at)
    elif fork and outer == 2:
        packet.protocol = 2
    elif fork and outer not in KNOWN_TO_JNETPCAP:
        raise NoIPv4
    return packet


def inside_l2tp(frame: bytes, at: int, end: int) -> int | None:
    """Position of an IPv4 header in an L2TP message in UDP, None without one."""
    if 1701 not in (number(frame, at, 2), number(frame, at + 2, 2)) or at + 14 > end:
        return None
    bits = number(frame, at + 8, 2)
    at += 14 + (2 if bits & 0x4000 else 0) + (4 if bits & 0x0800 else 0) + (4 if bits & 0x0200 else 0)
    if bits & 0x8000 or at + 4 > end or number(frame, at + 2, 2) != 0x0021:
        return None
    return at + 4


def fill_ports(packet: Packet, frame: bytes, at: int, protocol: int, header: int, size: int) -> None:
    """Ports and lengths of a transport header of fixed length."""
    packet.protocol, packet.sport, packet.dport = protocol, number(frame, at, 2), number(frame, at + 2, 2)
    packet.header, packet.payload = header, size - header


def fill_tcp(packet: Packet, frame: bytes, at: int) -> None:
    """Fields of a TCP header but for the lengths."""
    packet.protocol, packet.sport, packet.dport = 6, number(frame, at, 2), number(frame, at + 2, 2)
    packet.seq, packet.ack = number(frame, at + 4, 4), number(frame, at + 8, 4)
    packet.flags, packet.window = frame[at + 13], number(frame, at + 14, 2)


# ------------------------------------------------------------------------------------- decoding Ethernet
# truly (clean)


class Aside(Exception):  # noqa: N818
    """The frame is set aside, for a reason by its name in the ledger."""


@dataclass
class FirstFragment:
    """What a first fragment is known by, the packet that it carries, and what of its header is still to come."""

    name: tuple[Any, ...]
    packet: Packet | None = None
    begun: bytes = b""
    owed: int = 0


def true_packet(frame: bytes, wire: int, fragments: deque[FirstFragment], tunnels: str) -> Packet:
    """Decode an Ethernet frame; raises Aside."""
    if not frame:
        raise Aside("empty")
    if len(frame) < 14:
        raise Aside("truncated")
    kind, at = through_layers(frame, number(frame, 12, 2), 14)
    claimed: list[FirstFragment] = []
    try:
        packet, owed = true_layers(frame, wire, kind, at, fragments, claimed, tunnels)
    except SplitHeader as split:
        for first in claimed:
            first.packet, first.begun = split.packet, split.begun
        raise Aside("split_header") from None
    for first in claimed:
        first.packet, first.owed = packet, owed
    return packet


class SplitHeader(Exception):  # noqa: N818
    """A first fragment has eight bytes of a TCP header."""

    def __init__(self, packet: Packet, begun: bytes) -> None:
        super().__init__()
        self.packet, self.begun = packet, begun


def true_layers(
    frame: bytes,
    wire: int,
    kind: int,
    at: int,
    fragments: deque[FirstFragment],
    claimed: list[FirstFragment],
    tunnels: str,
) -> tuple[Packet, int]:
    """From an IP header on: the packet, and how many bytes of its header later fragments hold."""
    wire_end = max(wire, len(frame))
    depth = 0
    while True:
        packet, at, size, offset, more, ident = true_ip(frame, kind, at, wire_end)
        name = (packet.src, packet.dst, kind, packet.protocol if kind == 0x0800 else 0, ident)
        if offset:
            return later_fragment(frame, at, size, offset, name, fragments), 0
        if more:
            first = FirstFragment(name)
            fragments.append(first)
            claimed.append(first)
        at, size = past_authentication(frame, at, size, packet)
        inner_kind, inner_at = (
            tunnel_payload(frame, at, packet.protocol, size, more)
            if tunnels == "inner" and depth < 8
            else (0, at)
        )
        version = {0x0800: 4, 0x86DD: 6}.get(inner_kind)
        if version is None or inner_at + 20 > len(frame) or frame[inner_at] >> 4 != version:
            return packet, true_transport(packet, frame, at, size, more)
        wire_end = min(wire_end, at + size)
        kind, at = inner_kind, inner_at
        depth += 1


def later_fragment(
    frame: bytes, at: int, size: int, offset: int, name: tuple[Any, ...], fragments: deque[FirstFragment]
) -> Packet:
    """A packet of the flow of its first fragment."""
    first = next((first for first in reversed(fragments) if first.name == name), None)
    if first is None or first.packet is None:
        raise Aside("later_fragment")
    packet = replace(first.packet, flags=0, window=0, payload=0, header=0, seq=0, ack=0, icmp=(-1, -1))
    if first.begun:
        if offset != 1 or size < 6:
            raise Aside("later_fragment")
        if at + 6 > len(frame):
            raise Aside("truncated")
        whole = first.begun + frame[at : at + 8]
        packet.header = (whole[12] >> 4) * 4
        if packet.header < 20:
            first.packet = None
            raise Aside("malformed")
        fill_tcp(packet, whole if len(whole) == 16 else whole[:14] + bytes(2), 0)
        packet.payload = max(0, 8 + size - packet.header)
        first.packet, first.begun, first.owed = packet, b"", max(0, packet.header - 8 - size)
        return packet
    if packet.protocol in (6, 17, 132):
        header = min(first.owed, size)
        first.owed -= header
        packet.payload = size - header
    return packet


def past_authentication(frame: bytes, at: int, size: int, packet: Packet) -> tuple[int, int]:
    """Step over authentication headers behind IPv4."""
    while packet.protocol == 51:
        if len(frame) < at + 8:
            raise Aside("truncated")
        length = (frame[at + 1] + 2) * 4
        packet.protocol = frame[at]
        at, size = at + length, size - length
        if size < 0:
            raise Aside("malformed")
    return at, size


def through_layers(frame: bytes, kind: int, at: int) -> tuple[int, int]:
    """Step over VLAN tags, PPPoE, MPLS and LLC to an IP header."""
    while kind not in (0x0800, 0x86DD):
        if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
            if len(frame) < at + 4:
                raise Aside("truncated")
            kind, at = number(frame, at + 2, 2), at + 4
        elif kind == 0x8864:
            if len(frame) < at + 8:
                raise Aside("truncated")
            kind, at = {0x21: 0x0800, 0x57: 0x86DD}.get(number(frame, at + 6, 2), 0), at + 8
            if not kind:
                raise Aside("not_ip")
        elif kind in (0x8847, 0x8848):
            bottom = 0
            while not bottom:
                if len(frame) < at + 4:
                    raise Aside("truncated")
                bottom, at = frame[at + 2] & 1, at + 4
            if at < len(frame) and frame[at] >> 4 in (4, 6):
                kind = 0x0800 if frame[at] >> 4 == 4 else 0x86DD
            elif len(frame) < at + 18:
                raise Aside("truncated")
            else:
                kind, at = number(frame, at + 16, 2), at + 18
        elif kind == 0x0806:
            raise Aside("arp")
        elif kind < 0x600 and frame[at : at + 3] == b"\xaa\xaa\x03" and len(frame) >= at + 8:
            kind, at = number(frame, at + 6, 2), at + 8
        elif kind < 0x600 and len(frame) >= at + 3 and frame[at] == 6 and frame[at + 2] == 3:
            kind, at = 0x0800, at + 3
        else:
            raise Aside("not_ip")
    return kind, at


def tunnel_payload(frame: bytes, at: int, protocol: int, size: int, more: bool) -> tuple[int, int]:
    """Ethertype and position of what IP-in-IP, plain GRE, VXLAN, Teredo or L2TP carries, (0, at) otherwise."""
    if protocol == 4:
        return 0x0800, at
    if protocol == 41:
        return 0x86DD, at
    if protocol == 47 and len(frame) >= at + 4:
        bits, kind = number(frame, at, 2), number(frame, at + 2, 2)
        if not bits & 0x4007 and kind in (0x0800, 0x86DD):
            return kind, at + 4 + 4 * bool(bits & 0x8000) + 4 * bool(bits & 0x2000) + 4 * bool(bits & 0x1000)
    if protocol == 17 and len(frame) >= at + 16:
        kind, inner = inside_udp(frame, at)
        if kind and (more or fits(frame, inner, at + size - inner)):
            return kind, inner
    return 0, at


def inside_udp(frame: bytes, at: int) -> tuple[int, int]:
    """Ethertype and position of what VXLAN, Teredo without indications and L2TP carry."""
    ports = (number(frame, at, 2), number(frame, at + 2, 2))
    if 4789 in ports:
        if not frame[at + 8] & 8 or len(frame) < at + 30:
            return 0, at
        try:
            return through_layers(frame, number(frame, at + 28, 2), at + 30)
        except Aside:
            return 0, at
    if 3544 in ports:
        return (0x86DD, at + 8) if frame[at + 8] >> 4 == 6 else (0, at)
    return inside_l2tp_truly(frame, at)


def inside_l2tp_truly(frame: bytes, at: int) -> tuple[int, int]:
    """Ethertype and position of what a data message of L2TP version 2 carries."""
    bits = number(frame, at + 8, 2)
    if 1701 not in (number(frame, at, 2), number(frame, at + 2, 2)) or bits & 0x800F != 2:
        return 0, at
    at += 14 + 2 * bool(bits & 0x4000) + 4 * bool(bits & 0x0800)
    if bits & 0x0200:
        if at + 2 > len(frame):
            return 0, at
        at += 2 + number(frame, at, 2)
    if frame[at : at + 2] == b"\xff\x03":
        at += 2
    kind = {0x0021: 0x0800, 0x0057: 0x86DD}.get(number(frame, at, 2), 0) if len(frame) >= at + 2 else 0
    return kind, at + 2


def fits(frame: bytes, at: int, left: int) -> bool:
    """Whether an IP header's length fits into what is left."""
    if len(frame) >= at + 20 and frame[at] >> 4 == 4:
        header, total = (frame[at] & 15) * 4, number(frame, at + 2, 2)
        return header >= 20 and (total == 0 or header <= total <= left)
    return len(frame) >= at + 40 and frame[at] >> 4 == 6 and number(frame, at + 4, 2) + 40 <= left


def true_ip(frame: bytes, kind: int, at: int, wire_end: int) -> tuple[Packet, int, int, int, bool, int]:
    """Read an IP header: packet, position and length of its payload, fragment offset, more fragments,
    identification.
    """
    if kind == 0x0800:
        if len(frame) < at + 20:
            raise Aside("truncated")
        length, total, bits = (frame[at] & 15) * 4, number(frame, at + 2, 2), number(frame, at + 6, 2)
        if frame[at] >> 4 != 4 or length < 20:
            raise Aside("malformed")
        total = min(total or wire_end - at, wire_end - at)
        if total < length:
            raise Aside("malformed")
        packet = Packet(
            str(ipaddress.IPv4Address(frame[at + 12 : at + 16])),
            str(ipaddress.IPv4Address(frame[at + 16 : at + 20])),
            frame[at + 9],
        )
        return (
            packet,
            at + length,
            total - length,
            bits & 0x1FFF,
            bool(bits & 0x2000),
            number(frame, at + 4, 2),
        )
    if len(frame) < at + 40:
        raise Aside("truncated")
    if frame[at] >> 4 != 6:
        raise Aside("malformed")
    size = min(number(frame, at + 4, 2) or wire_end - at - 40, wire_end - at - 40)
    packet = Packet(
        str(ipaddress.IPv6Address(frame[at + 8 : at + 24])),
        str(ipaddress.IPv6Address(frame[at + 24 : at + 40])),
        frame[at + 6],
    )
    at, offset, more, ident = at + 40, 0, False, 0
    while packet.protocol in (0, 43, 44, 51, 60, 135, 139, 140) and not offset:
        if len(frame) < at + 8:
            raise Aside("truncated")
        length = (frame[at + 1] + 1) * 8
        if packet.protocol == 44:
            length, offset, more, ident = (
                8,
                number(frame, at + 2, 2) >> 3,
                bool(frame[at + 3] & 1),
                number(frame, at + 4, 4),
            )
        if packet.protocol == 51:
            length = (frame[at + 1] + 2) * 4
        packet.protocol = frame[at]
        at, size = at + length, size - length
        if size < 0:
            raise Aside("malformed")
    return packet, at, size, offset, more, ident


def true_transport(packet: Packet, frame: bytes, at: int, size: int, more: bool) -> int:
    """Read what stands above IP; how many bytes of its header later fragments hold."""
    captured = {6: 14, 17: 4, 132: 4, 1: 2, 58: 2}.get(packet.protocol, 0)
    header = {6: 20, 17: 8, 132: 12}.get(packet.protocol, 0)
    if packet.protocol == 6 and more and size == 8 and len(frame) >= at + 8:
        raise SplitHeader(packet, frame[at : at + 8])
    if len(frame) < at + captured:
        raise Aside("truncated")
    if packet.protocol == 6:
        header = (frame[at + 12] >> 4) * 4
        if header < 20:
            raise Aside("malformed")
    if (header > size and not more) or (packet.protocol in (1, 58) and size < 4):
        raise Aside("malformed")
    if packet.protocol == 6:
        fill_tcp(packet, frame[: at + 16] if len(frame) >= at + 16 else frame[: at + 14] + bytes(2), at)
    elif header:
        packet.sport, packet.dport = number(frame, at, 2), number(frame, at + 2, 2)
    if header:
        packet.header, packet.payload = header, max(0, size - header)
    if packet.protocol in (1, 58):
        packet.icmp = (frame[at], frame[at + 1])
    return max(0, header - size)


# --------------------------------------------------------------------------------------------------------------
# metering


class Values:
    """A list of values and what is said about them."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def add(self, value: float) -> None:
        """Add a value."""
        self.values.append(float(value))

    def moments(self) -> tuple[float, float]:
        """Mean and sum of squared deviations, incrementally."""
        mean = second = 0.0
        for n, x in enumerate(self.values, 1):
            deviation = x - mean
            mean += deviation / n
            second += (n - 1.0) * deviation * (deviation / n)
        return mean, second

    @property
    def mean(self) -> float:
        """Mean, 0 without values."""
        return self.moments()[0] if self.values else 0.0

    @property
    def variance(self) -> float:
        """Sample variance, 0 for fewer than two values."""
        return self.moments()[1] / (len(self.values) - 1.0) if len(self.values) > 1 else 0.0

    @property
    def std(self) -> float:
        """Sample standard deviation."""
        return math.sqrt(self.variance)

    @property
    def max(self) -> float:
        """Largest, 0 without values."""
        return max(self.values, default=0.0)

    @property
    def min(self) -> float:
        """Smallest, 0 without values."""
        return min(self.values, default=0.0)

    @property
    def sum(self) -> float:
        """Sum."""
        return float(sum(self.values))


@dataclass
class Bulk:
    """Bulk state of one direction."""

    start: int = 0
    count: int = 0
    size: int = 0
    last: int = 0
    states: int = 0
    packets: int = 0
    bytes: int = 0
    duration: int = 0

    def update(self, time: int, size: int, other_last: int) -> None:
        """See a packet of this direction."""
        if other_last > self.start:
            self.start = 0
        if size <= 0:
            return
        if self.start == 0 or (time - self.last) / 1e6 > 1.0:
            self.start, self.count, self.size = time, 1, size
        else:
            self.count += 1
            self.size += size
            if self.count == 4:
                self.states += 1
                self.packets += 4
                self.bytes += self.size
                self.duration += time - self.start
            elif self.count > 4:
                self.packets += 1
                self.bytes += size
                self.duration += time - self.last
        self.last = time


@dataclass
class Numbers:
    """What the sequence numbers of one end say (clean); None: not known."""

    isn: int | None = None
    next_seq: int | None = None
    ack: int | None = None
    talked: bool = False
    shut: bool = False


def not_after(number: int, other: int) -> bool:
    """Whether a sequence number is at or before another."""
    return (other - number) % 2**32 < 2**31


@dataclass
class Side:
    """What is kept of one direction."""

    payload: Values = field(default_factory=Values)
    gaps: Values = field(default_factory=Values)
    bulk: Bulk = field(default_factory=Bulk)
    last: int = 0
    header: int = 0
    header_min: int = 0
    data: int = 0
    psh: int = 0
    urg: int = 0
    rst: int = 0
    fin: int = 0
    window: int = 0
    again: int = 0
    numbers: Numbers = field(default_factory=Numbers)

    @property
    def packets(self) -> int:
        """Packets so far."""
        return len(self.payload.values)


class Flow:
    """A flow under one profile."""

    def __init__(
        self,
        key: tuple[Any, ...],
        src: tuple[str, int],
        dst: tuple[str, int],
        packet: Packet,
        profile: str,
        number: int,
        activity_us: int,
    ) -> None:
        self.key, self.src, self.dst, self.profile, self.number, self.activity_us = (
            key,
            src,
            dst,
            profile,
            number,
            activity_us,
        )
        self.protocol = packet.protocol
        self.fork = profile in FORK_LIKE
        self.sides = {True: Side(), False: Side()}
        self.all, self.gaps, self.active, self.idle = Values(), Values(), Values(), Values()
        self.flags = [0] * 8
        self.start = self.last = self.start_active = self.end_active = packet.time
        self.subflows = 0
        self.state = "none"
        self.connection_us = 0
        self.segments: set[tuple[Any, ...]] = set()
        self.icmp = packet.icmp
        self.first_packet = self.last_packet = packet.number
        self.original_fins = 0
        self.sequence: list[tuple[int, int, int]] = []

    def is_forward(self, packet: Packet) -> bool:
        """Direction of a packet."""
        if self.profile == "clean":
            return (packet.src, packet.sport) == self.src
        return packet.src == self.src[0]

    def activity(self, time: int) -> None:
        """Tell active from idle time."""
        if time - self.end_active > self.activity_us:
            if self.end_active - self.start_active > 0:
                self.active.add(self.end_active - self.start_active)
            self.idle.add(time - self.end_active)
            self.start_active = time
        self.end_active = time

    def add(self, packet: Packet, forward: bool | None = None, *, first: bool = False) -> None:
        """Add a packet."""
        forward = self.is_forward(packet) if forward is None else forward
        side, other = self.sides[forward], self.sides[not forward]
        if first:
            self.macs = packet.macs if self.is_forward(packet) else packet.macs[::-1]
        now, early = self.clock(packet)
        if self.fork:
            side.bulk.update(now, packet.payload, other.bulk.last)
        else:
            self.sides[False].bulk.update(now, packet.payload, 0)
        gap = 0 if first else now - self.last + early
        self.sequence.append((packet.payload if forward else -packet.payload, gap, packet.flags))
        self.count_gap(now, first)
        for i in range(8):
            self.flags[i] += packet.flags >> i & 1
        self.count_direction(side, packet, forward, first)
        self.count_again(side, packet)
        self.all.add(packet.payload)
        if first and not self.fork:
            self.all.add(packet.payload)
        if side.packets:
            gap = packet.time - side.last
            side.gaps.add(gap if self.profile != "clean" or gap >= 0 else early)
        side.payload.add(packet.payload)
        side.header += packet.header
        in_order = self.profile != "clean" or side.packets == 1 or packet.time > side.last
        side.last = packet.time if in_order else side.last
        if not first:
            self.gaps.add(now - self.last + early)
        self.last, self.last_packet = now, packet.number
        if early:
            self.start = packet.time

    def clock(self, packet: Packet) -> tuple[int, int]:
        """Time at which a packet counts, and how much earlier it is than all of its flow (clean)."""
        if self.profile != "clean":
            return packet.time, 0
        return max(packet.time, self.last), max(0, self.start - packet.time)

    def count_gap(self, time: int, first: bool) -> None:
        """Sub-flows."""
        if self.profile == "paper":
            if time - self.last / 1e6 > 1.0:
                self.subflows += 1
                if not first:  # of the first packet the result is overwritten at once
                    self.activity(time - self.last)
        elif not first and (time - self.last) / 1e6 > 1.0:
            self.subflows += 1
            self.activity(time)

    def count_direction(self, side: Side, packet: Packet, forward: bool, first: bool) -> None:
        """Counters of one direction."""
        new_side = first or (self.profile == "clean" and side.packets == 0)
        if self.fork:
            side.psh += packet.flags >> 3 & 1
            side.urg += packet.flags >> 5 & 1
            side.rst += packet.flags >> 2 & 1
            side.fin += packet.flags & 1
            side.data += packet.payload > 0
        elif first:
            side.psh += packet.flags >> 3 & 1
            side.urg += packet.flags >> 5 & 1
        elif forward:
            side.data += packet.payload > 0
        side.header_min = packet.header if new_side else min(side.header_min, packet.header)
        if forward:
            side.window = packet.window if new_side else side.window
        elif self.profile in ORIGINAL_LIKE:
            side.window = packet.window
        elif self.profile == "corrected":
            side.window = side.window or packet.window
        elif new_side:
            side.window = packet.window

    def count_again(self, side: Side, packet: Packet) -> None:
        """Retransmissions."""
        if packet.protocol != 6:
            return
        if self.profile == "corrected":
            segment = (packet.src, packet.seq, packet.ack, packet.payload, packet.window)
            side.again += segment in self.segments
            self.segments.add(segment)
        if self.profile == "clean":
            self.follow(side, packet)

    def follow(self, side: Side, packet: Packet) -> None:
        """Keep the sequence numbers (clean)."""
        numbers = side.numbers
        if packet.header == 0:  # a later fragment
            return
        if packet.flags & SYN and not packet.flags & RST:
            if numbers.isn != packet.seq:
                numbers.isn, numbers.next_seq = packet.seq, None
        elif not packet.flags & RST:
            numbers.talked = True
            if numbers.isn is None:
                numbers.isn = (packet.seq - 1) % 2**32
        size = packet.payload + (1 if packet.flags & (SYN | FIN) else 0)
        after = (packet.seq + size) % 2**32
        if size > 0 and numbers.next_seq is not None and not_after(after, numbers.next_seq):
            side.again += 1
        elif size > 0:
            numbers.next_seq = after
        if packet.flags & ACK:
            numbers.ack = packet.ack
        if not packet.flags & RST:
            numbers.shut = packet.window == 0

    def carries_nothing(self, packet: Packet) -> bool:
        """Whether a segment of one byte is a keep-alive or probes a shut window (clean)."""
        if self.profile != "clean" or packet.protocol != 6 or packet.payload != 1 or packet.header == 0:
            return False
        own, other = self.numbers_of(packet)
        if packet.flags & (SYN | FIN | RST) or own.next_seq is None:
            return False
        if packet.seq == own.next_seq:
            return other.shut
        repeats_last = packet.seq == (own.next_seq - 1) % 2**32
        return repeats_last and (other.ack is None or not_after(own.next_seq, other.ack))

    def numbers_of(self, packet: Packet) -> tuple[Numbers, Numbers]:
        """The sender's numbers and those of the other end."""
        forward = self.is_forward(packet)
        return self.sides[forward].numbers, self.sides[not forward].numbers

    def is_reused_by(self, packet: Packet) -> bool:
        """Whether a packet opens a new connection between the same endpoints (corrected, clean)."""
        closed = self.state == "ready"
        if self.profile != "clean":
            return closed and bool(packet.flags & SYN)
        if packet.flags & (SYN | RST) != SYN:
            return False
        own, other = self.numbers_of(packet)
        answers = bool(packet.flags & ACK) and other.isn is not None and packet.ack == (other.isn + 1) % 2**32
        if own.isn == packet.seq:  # again
            return closed and own.talked
        if own.isn is not None:
            return (own.talked and other.talked) or not answers
        return not answers and (closed or other.talked)

    @property
    def packets(self) -> int:
        """Packets of both directions."""
        return self.sides[True].packets + self.sides[False].packets

    def row(self) -> dict[str, Any]:
        """All columns."""
        fwd, bwd = self.sides[True], self.sides[False]
        duration = self.last - self.start
        row: dict[str, Any] = {
            "flow_id": "-".join(str(x) for x in self.key),
            "src_ip": self.src[0],
            "src_port": self.src[1],
            "dst_ip": self.dst[0],
            "dst_port": self.dst[1],
            "protocol": self.protocol,
            "start_us": self.start,
            "flow_number": self.number,
            "first_packet": self.first_packet,
            "last_packet": self.last_packet,
            "src_mac": self.macs[0],
            "dst_mac": self.macs[1],
            "flow_duration_us": duration,
            "fwd_packets": fwd.packets,
            "bwd_packets": bwd.packets,
            "fwd_bytes": fwd.payload.sum,
            "bwd_bytes": bwd.payload.sum,
        }
        for name, side in (("fwd", fwd), ("bwd", bwd)):
            for word in ("max", "min", "mean", "std"):
                row[f"{name}_packet_{word}_bytes"] = getattr(side.payload, word)
                row[f"{name}_iat_{word}_us"] = getattr(side.gaps, word)
            row[f"{name}_iat_total_us"] = side.gaps.sum
            row[f"{name}_psh_flags"], row[f"{name}_urg_flags"], row[f"{name}_header_bytes"] = (
                side.psh,
                side.urg,
                side.header,
            )
            row[f"{name}_packets_per_s"] = side.packets / (duration / 1e6) if duration > 0 else 0.0
            row[f"{name}_segment_average_bytes"] = side.payload.sum / side.packets if side.packets else 0.0
        if not self.fork:
            row["bwd_psh_flags"] = row["bwd_urg_flags"] = 0
        row.update(self.rates(duration))
        for word in ("mean", "std", "max", "min"):
            row[f"flow_iat_{word}_us"] = getattr(self.gaps, word)
            row[f"active_{word}_us"] = getattr(self.active, word)
            row[f"idle_{word}_us"] = getattr(self.idle, word)
            row[f"packet_{word}_bytes"] = getattr(self.all, word)
        row["packet_variance_bytes2"] = self.all.variance
        row["packet_average_bytes"] = self.all.sum / self.packets
        for i, name in enumerate(("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")):
            row[f"{name}_flags"] = self.flags[i]
        row.update(self.bulks())
        row.update(self.shares())
        row["fwd_init_window_bytes"], row["bwd_init_window_bytes"] = fwd.window, bwd.window
        row["fwd_data_packets"], row["fwd_header_min_bytes"] = fwd.data, fwd.header_min
        if self.fork:
            row.update(
                fwd_rst_flags=fwd.rst,
                bwd_rst_flags=bwd.rst,
                bwd_data_packets=bwd.data,
                bwd_header_min_bytes=bwd.header_min,
                icmp_type=self.icmp[0],
                icmp_code=self.icmp[1],
                fwd_retransmissions=fwd.again,
                bwd_retransmissions=bwd.again,
                retransmissions=fwd.again + bwd.again,
                connection_duration_us=self.connection_us + duration if self.protocol in (6, 17) else 0,
            )
        return row

    def rates(self, duration: int) -> dict[str, float]:
        """Columns per second of the whole flow."""
        total = self.sides[True].payload.sum + self.sides[False].payload.sum
        if duration == 0:
            if self.fork:
                value = -1.0 if self.profile == "corrected" else 0.0
                return {"flow_bytes_per_s": value, "flow_packets_per_s": value}
            return {"flow_bytes_per_s": math.inf if total else math.nan, "flow_packets_per_s": math.inf}
        return {
            "flow_bytes_per_s": total / (duration / 1e6),
            "flow_packets_per_s": self.packets / (duration / 1e6),
        }

    def bulks(self) -> dict[str, float]:
        """Bulk columns."""
        row = {}
        for name, forward in (("fwd", True), ("bwd", False)):
            bulk = self.sides[forward].bulk
            size = bulk.bytes / bulk.states if bulk.states else 0.0
            packets = bulk.packets / bulk.states if bulk.states else 0.0
            rate = bulk.bytes / (bulk.duration / 1e6) if bulk.duration else 0.0
            if not self.fork:
                size, packets, rate = (
                    float(math.floor(size)),
                    float(math.floor(packets)),
                    float(math.trunc(rate)),
                )
            if self.profile == "paper":
                size = 0.0
            row.update(
                {
                    f"{name}_bulk_bytes": size,
                    f"{name}_bulk_packets": packets,
                    f"{name}_bulk_bytes_per_s": rate,
                }
            )
        return row

    def shares(self) -> dict[str, float]:
        """Sub-flow columns and the down/up ratio."""
        row = {}
        for name, forward in (("fwd", True), ("bwd", False)):
            side = self.sides[forward]
            for word, total in (("packets", side.packets), ("bytes", side.payload.sum)):
                share = total / self.subflows if self.subflows else 0.0
                row[f"subflow_{name}_{word}"] = (
                    share if self.fork else float(int(total) // self.subflows if self.subflows else 0)
                )
        fwd, bwd = self.sides[True].packets, self.sides[False].packets
        row["down_up_ratio"] = 0.0 if fwd == 0 else bwd / fwd if self.fork else float(bwd // fwd)
        return row


class NaiveMeter:
    """Flow table of one profile."""

    def __init__(self, profile: str, flow_us: int, activity_us: int, idle_us: int) -> None:
        self.profile, self.flow_us, self.activity_us, self.idle_us = profile, flow_us, activity_us, idle_us
        self.flows: dict[tuple[Any, ...], Flow] = {}  # in order of insertion
        self.peak = 0
        self.created = 0
        self.done: list[Flow] = []
        self.booked: list[int] = []
        self.dropped = 0

    def new(
        self,
        key: tuple[Any, ...],
        src: tuple[str, int],
        dst: tuple[str, int],
        packet: Packet,
        forward: bool | None = None,
    ) -> Flow:
        """Begin a flow under a key."""
        flow = Flow(key, src, dst, packet, self.profile, self.created, self.activity_us)
        self.created += 1
        flow.add(packet, forward, first=True)
        self.flows.pop(key, None)
        self.flows[key] = flow
        self.peak = max(self.peak, len(self.flows))
        return flow

    def end(self, flow: Flow) -> None:
        """Write a flow and take it out of the table."""
        del self.flows[flow.key]
        self.done.append(flow)

    def see(self, packet: Packet) -> int:
        """Book a packet; the number of its flow, -1 when it is dropped."""
        src, dst = (packet.src, packet.sport), (packet.dst, packet.dport)
        forward_key = (packet.src, packet.dst, packet.sport, packet.dport, packet.protocol)
        backward_key = (packet.dst, packet.src, packet.dport, packet.sport, packet.protocol)
        key = forward_key if forward_key in self.flows else backward_key
        answer = self.profile in FORK_LIKE and packet.flags & (SYN | ACK) == SYN | ACK
        if key not in self.flows:
            return (
                self.new(backward_key, dst, src, packet).number
                if answer
                else self.new(forward_key, src, dst, packet).number
            )
        flow = self.flows[key]
        late = packet.time - flow.start > self.flow_us
        if self.profile == "clean":
            late = late or flow.last - packet.time > self.flow_us
        if self.profile in FORK_LIKE:
            return self.see_fork(flow, packet, late, (dst, src) if answer else (src, dst))
        return self.see_original(flow, packet, late)

    def see_original(self, flow: Flow, packet: Packet, late: bool) -> int:
        """A packet of a known flow in the original or the paper's version."""
        if late:
            self.end(flow)
            return self.new(flow.key, flow.src, flow.dst, packet, True).number
        if packet.flags & FIN and self.profile == "original" and flow.is_forward(packet):
            flow.original_fins += 1
            if flow.original_fins > 1:
                self.dropped += 1
                return -1
        elif packet.flags & FIN or (packet.flags & RST and self.profile == "original"):
            flow.add(packet)
            self.end(flow)
            return flow.number
        flow.activity(packet.time)
        flow.add(packet)
        return flow.number

    def see_fork(
        self, flow: Flow, packet: Packet, late: bool, ends: tuple[tuple[str, int], tuple[str, int]]
    ) -> int:
        """A packet of a known flow in the corrected version or ours."""
        reused = flow.is_reused_by(packet)
        silence = max(packet.time - flow.last, flow.start - packet.time)
        silent = self.profile == "clean" and self.idle_us > 0 and silence > self.idle_us
        other_icmp = flow.icmp[0] >= 0 and flow.icmp[0] != packet.icmp[0] and flow.icmp[1] != packet.icmp[1]
        if late or reused or silent or other_icmp:
            self.end(flow)
            is_udp_gap = packet.protocol == 17 and packet.time - flow.last > self.flow_us
            if reused or silent or is_udp_gap or packet.protocol not in (6, 17):
                return self.new(flow.key, *ends, packet).number
            if flow.carries_nothing(packet):
                packet.payload = 0
            heir = Flow(flow.key, flow.src, flow.dst, packet, self.profile, self.created, self.activity_us)
            self.created += 1
            heir.segments = flow.segments
            for side in (True, False):
                heir.sides[side].numbers = flow.sides[side].numbers
            heir.connection_us = flow.connection_us + flow.clock(packet)[0] - flow.start
            heir.add(packet, first=True)
            self.flows[flow.key] = heir
            return heir.number
        if flow.carries_nothing(packet):
            packet.payload = 0
        flow.activity(flow.clock(packet)[0])
        flow.add(packet)
        if packet.flags & FIN:
            if flow.state == "none":
                flow.state = "fin one"
            elif flow.state == "fin one" and flow.sides[True].fin and flow.sides[False].fin:
                flow.state = "fin both"
        elif packet.flags & RST or (packet.flags & ACK and flow.state == "fin both"):
            flow.state = "ready"
        return flow.number

    def rest(self) -> list[Flow]:
        """Flows left at the end: as inserted, or in the order of Java's HashMap."""
        flows = list(self.flows.values())
        if self.profile == "clean":
            return flows
        capacity = 16
        while self.peak > 0.75 * capacity:
            capacity *= 2
        return sorted(flows, key=lambda flow: java_hash("-".join(str(x) for x in flow.key)) % capacity)


def java_hash(text: str) -> int:
    """String.hashCode as HashMap spreads it."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) % 2**32
    return value ^ value >> 16


@dataclass
class NaiveResult:
    """Rows, what packets were booked to, and how many were set aside for which reason."""

    rows: list[dict[str, Any]]
    booked: list[int]
    aside: dict[str, int]
    sequences: list[list[tuple[int, int, int]]]  # payload, gap and flags of all packets of each row


def naive_flows(
    records: Sequence[Record],
    profile: str,
    *,
    flow_us: int = 120_000_000,
    activity_us: int = 5_000_000,
    idle_us: int = 120_000_000,
    tunnels: str = "inner",
) -> NaiveResult:
    """Flow table of some Ethernet frames."""
    meter = NaiveMeter(profile, flow_us, activity_us, idle_us)
    fragments: deque[FirstFragment] = deque(maxlen=1024)
    aside: dict[str, int] = {}
    for i, record in enumerate(records, 1):
        packet: Packet | None
        try:
            if profile == "clean":
                packet = true_packet(record.data, record.wire_bytes, fragments, tunnels)
            else:
                packet = cic_packet(record.data, record.wire_bytes, profile == "corrected")
                if packet is None:
                    raise Aside("no_ipv4")
        except Aside as reason:
            aside[str(reason)] = aside.get(str(reason), 0) + 1
            meter.booked.append(-1)
            continue
        packet.time, packet.number = record.time_us, i
        if len(record.data) >= 14:
            packet.macs = (mac_text(record.data[6:12]), mac_text(record.data[:6]))
        meter.booked.append(meter.see(packet))
    if meter.dropped:
        aside["repeated_fin"] = meter.dropped
    flows = meter.done + meter.rest()
    if profile in ORIGINAL_LIKE:
        flows = [flow for flow in flows if flow.packets > 1]
    rows, sequences = [flow.row() for flow in flows], [flow.sequence for flow in flows]
    return NaiveResult(rows, meter.booked, aside, sequences)
