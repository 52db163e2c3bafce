"""One conversation is the same flow in every encapsulation that the meter knows, bounded where they are nested."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.kernels import layout
from iotids.flowmeter.packets import packet_batches
from iotids.flowmeter.pipeline.decoder import Decoder
from iotids.flowmeter.profiles import PROFILES, rules_of
from iotids.flowmeter.reading import Block, Capture
from iotids.flowmeter.reading.names import LINK_NAMES
from tests.encapsulations import (
    ENCAPSULATIONS,
    ONLY_IPV6,
    OUTER,
    TUNNELS,
    aggregate,
    ah,
    data_frame,
    framed,
    radiotap,
    snap,
)
from tests.packets import (
    ACK,
    MAC_A,
    MAC_B,
    PSH,
    SYN,
    Record,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    sctp,
    tcp,
    udp,
    vlan,
    write_pcap,
)

T0 = 1_600_000_000_000_000
HOSTS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
ALL = pytest.mark.parametrize("name", ENCAPSULATIONS)


def ip(version: int, forward: bool, protocol: int, payload: bytes) -> bytes:
    """A packet between the two hosts."""
    ends = HOSTS[version] if forward else HOSTS[version][::-1]
    return ipv4(*ends, protocol, payload) if version == 4 else ipv6(*ends, protocol, payload)


def conversation(version: int) -> list[bytes]:
    """A TCP connection with a request of 100 and an answer of 500 bytes, and a datagram of 20 with one of 40."""
    return [
        ip(version, True, 6, tcp(40_000, 80, flags=SYN, seq=1)),
        ip(version, False, 6, tcp(80, 40_000, flags=SYN | ACK, seq=9, ack=2)),
        ip(version, True, 6, tcp(40_000, 80, flags=ACK, seq=2, ack=10)),
        ip(version, True, 6, tcp(40_000, 80, flags=ACK | PSH, seq=2, ack=10, payload=bytes(100))),
        ip(version, False, 6, tcp(80, 40_000, flags=ACK | PSH, seq=10, ack=102, payload=bytes(500))),
        ip(version, True, 17, udp(5353, 53, bytes(20))),
        ip(version, False, 17, udp(53, 5353, bytes(40))),
    ]


def expected(version: int) -> list[tuple[object, ...]]:
    """What `summary` says of the conversation's flows."""
    return [
        (*HOSTS[version], 40_000, 80, 6, 3, 2, 100.0, 500.0, 2),
        (*HOSTS[version], 5353, 53, 17, 1, 1, 20.0, 40.0, 0),
    ]


SUMMARY = [
    "src_ip",
    "dst_ip",
    "src_port",
    "dst_port",
    "protocol",
    "fwd_packets",
    "bwd_packets",
    "fwd_bytes",
    "bwd_bytes",
    "syn_flags",
]


def metered(path: Path, **options: str) -> tuple[list[dict[str, object]], Meter]:
    """Rows of a capture, and its meter."""
    meter = Meter(path, with_digest=False, **options)  # type: ignore[arg-type]
    return [row for batch in meter.batches() for row in batch.to_pylist()], meter


def summary(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Endpoints, packets and bytes of flows."""
    return [tuple(row[name] for name in SUMMARY) for row in rows]


def wrapped_capture(folder: Path, name: str, version: int) -> Path:
    """The conversation in an encapsulation."""
    encapsulation = ENCAPSULATIONS[name]
    records = [Record(T0 + i * 1000, encapsulation.wrap(p)) for i, p in enumerate(conversation(version))]
    return write_pcap(folder / "c.pcap", records, link=encapsulation.link)


def versions(name: str) -> list[int]:
    """Versions of IP that an encapsulation carries."""
    return [6] if name in ONLY_IPV6 else [4, 6] if ENCAPSULATIONS[name].carries_ipv6 else [4]


@ALL
def test_the_conversation_is_the_same_flows_in_every_encapsulation(tmp_path: Path, name: str) -> None:
    for version in versions(name):
        rows, meter = metered(wrapped_capture(tmp_path, name, version))
        assert summary(rows) == expected(version), version
        assert [(row["first_packet"], row["last_packet"]) for row in rows] == [(1, 5), (6, 7)]
        assert meter.ledger.set_aside == {}
        assert next(iter(meter.ledger.links)) == LINK_NAMES[ENCAPSULATIONS[name].link]


@ALL
def test_packets_for_rules_are_those_that_are_metered_in_every_encapsulation(
    tmp_path: Path, name: str
) -> None:
    for version in versions(name):
        batches = list(packet_batches(wrapped_capture(tmp_path, name, version)))
        ports = [port for batch in batches for port in batch.column("src_port").to_pylist()]
        assert ports == [40_000, 80, 40_000, 40_000, 80, 5353, 53], version


@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels_are_flows_of_their_own_when_asked_for(tmp_path: Path, name: str) -> None:
    for version in versions(name):
        rows, meter = metered(wrapped_capture(tmp_path, name, version), tunnels="outer")
        ends = {str(row[key]) for row in rows for key in ("src_ip", "dst_ip")}
        assert ends <= {*OUTER, "2001:db8::a", "2001:db8::b"}, version
        assert meter.ledger.set_aside == {}


@ALL
def test_cutting_a_frame_anywhere_is_never_more_than_a_reason(tmp_path: Path, name: str) -> None:
    encapsulation = ENCAPSULATIONS[name]
    frame = encapsulation.wrap(conversation(versions(name)[0])[3])
    records = [Record(T0, frame[:cut], len(frame)) for cut in range(len(frame))]
    _, meter = metered(write_pcap(tmp_path / "c.pcap", records, link=encapsulation.link))
    assert sum(meter.ledger.counts.values()) == len(records)


# ------------------------------------------------------------------------------------------------------------
# nesting


def decoded(link: int, frame: bytes) -> tuple[str, float]:
    """Where a frame goes, and the seconds that a thousand of it take to decode."""
    data = np.frombuffer(frame, np.uint8)
    frames = np.zeros(1000, layout.FRAME)
    frames["captured"] = frames["wire"] = len(frame)
    frames["link"] = link
    decoder = Decoder(rules_of(PROFILES["clean"]))
    packets = np.empty(1000, layout.PACKET)
    start = time.process_time()
    decoder.decode(Block(data, frames, 1, 0), packets)
    return str(packets[0]["status"]), time.process_time() - start


NESTS = {
    "VLAN": lambda n: ethernet(vlan(b"", 0x8100) * n + vlan(framed(b"E")[14:]), 0x8100),
    "MPLS": lambda n: ethernet(bytes.fromhex("00010040") * n + bytes.fromhex("00010140"), 0x8847),
    "IP in IP": lambda n: ethernet(
        b"".join(ipv4(*OUTER, 4, bytes(20 * i)) for i in range(n, 0, -1))[: 20 * n]
    ),
    "extension headers": lambda n: ethernet(
        ipv6("::1", "::2", 60, bytes.fromhex("3c00000000000000") * n), 0x86DD
    ),
    "authentication headers": lambda n: ethernet(ipv4(*OUTER, 51, bytes.fromhex("3300000000000000") * n)),
    "GRE routes": lambda n: ethernet(
        ipv4(*OUTER, 47, bytes.fromhex("4000080000000000") + bytes.fromhex("08000004c0000201") * n)
    ),
    "GTP-U extensions": lambda n: ethernet(
        ipv4(*OUTER, 17, udp(1, 2152, bytes.fromhex("34ff000000000001" + "00000085" + "01000085" * n)))
    ),
    "TZSP fields": lambda n: ethernet(
        ipv4(*OUTER, 17, udp(1, 37008, bytes.fromhex("01000001" + "0a00" * n)))
    ),
    "PPI": lambda n: struct.pack("<BBHI", 0, 0, 8, 192) * n,
    "aggregate": lambda n: aggregate(*[b"E"] * n),
}
NEST_LINKS = {"PPI": 192, "aggregate": 105}


@pytest.mark.parametrize("name", NESTS)
def test_a_thousandfold_nesting_takes_no_more_than_linear_time(name: str) -> None:
    """Bounded or linear: twice as deep takes at most 2.5 times as long, with room for a noisy clock."""
    link = NEST_LINKS.get(name, 1)
    once = min(decoded(link, NESTS[name](1000))[1] for _ in range(5))
    twice = min(decoded(link, NESTS[name](2000))[1] for _ in range(5))
    assert twice < 2.5 * once + 0.002
    assert twice < 0.1  # a thousand of them, each of 20 kB and more


def test_more_tunnels_than_are_followed_are_metered_by_themselves(tmp_path: Path) -> None:
    packet = conversation(4)[0]
    for _ in range(12):
        packet = ipv4(*OUTER, 4, packet)
    rows, _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, ethernet(packet))]))
    assert summary(rows)[0][:5] == (*OUTER, 0, 0, 4)


def test_more_tags_than_are_followed_are_malformed(tmp_path: Path) -> None:
    packet = typed = struct.pack("!H", 0x0800) + conversation(4)[0]
    for _ in range(40):
        typed = struct.pack("!HH", 0x8100, 5) + typed
    frames = [MAC_B + MAC_A + typed, MAC_B + MAC_A + struct.pack("!HH", 0x8100, 5) * 20 + packet]
    rows, meter = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame) for frame in frames]))
    assert (len(rows), meter.ledger.set_aside) == (1, {"malformed": 1})


# ------------------------------------------------------------------------------------------------------------
# other traffic on the ports of tunnels


@pytest.mark.parametrize(
    "port", [1701, 2152, 3544, 4341, 4754, 4789, 4790, 6080, 6081, 6635, 8472, 37008, 48879]
)
@pytest.mark.parametrize(
    "body", [b"", b"\0" * 7, b"\0" * 60, b"\x08" * 60, b"E" * 60, b"\xff" * 60, bytes(range(60))]
)
def test_other_datagrams_on_the_ports_of_tunnels_are_flows_of_their_own(
    tmp_path: Path, port: int, body: bytes
) -> None:
    frames = [
        ethernet(ipv4(*HOSTS[4], 17, udp(5000, port, body))),
        ethernet(ipv4(*HOSTS[4][::-1], 17, udp(port, 5000, body))),
    ]
    rows, _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame) for frame in frames]))
    assert summary(rows) == [(*HOSTS[4], 5000, port, 17, 1, 1, float(len(body)), float(len(body)), 0)]


def test_tunnels_without_ip_inside_are_flows_of_their_own(tmp_path: Path) -> None:
    arp_inside = bytes.fromhex("0800000000004d00") + ethernet(bytes(28), 0x0806)
    frame = ethernet(ipv4(*OUTER, 17, udp(40_000, 4789, arp_inside)))
    rows, _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame)]))
    assert summary(rows)[0][:5] == (*OUTER, 40_000, 4789, 17)


# ------------------------------------------------------------------------------------------------------------
# 802.11


def test_control_and_management_frames_are_no_data_however_short(tmp_path: Path) -> None:
    frames = ["d400 0000 020000000001", "c400 1000 020000000001", "b400 1000 020000000001 020000000002"]
    frames += ["a400 01c0 020000000001 020000000002", "8000 0000", "4800 0000 020000000001", "c800", "8c00"]
    frames += ["9400 0000 020000000001 020000000002 0500 0000 0000000000000000"]
    records = [Record(T0, bytes.fromhex(frame)) for frame in frames]
    _, meter = metered(write_pcap(tmp_path / "c.pcap", records, link=105))
    assert meter.ledger.set_aside == {"not_data": len(frames)}
    records = [Record(T0, radiotap(bytes.fromhex(frame))) for frame in frames]
    _, meter = metered(write_pcap(tmp_path / "c.pcap", records, link=127))
    assert meter.ledger.set_aside == {"not_data": len(frames)}


def test_protected_frames_are_encrypted_in_802_11_and_macsec(tmp_path: Path) -> None:
    frame = data_frame(conversation(4)[0], control="8841")
    _, meter = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame)], link=105))
    assert meter.ledger.set_aside == {"encrypted": 1}
    frame = ethernet(bytes.fromhex("0c0000000001") + bytes(60), 0x88E5)
    _, meter = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame)]))
    assert meter.ledger.set_aside == {"encrypted": 1}


def aggregates(folder: Path) -> Path:
    """The conversation in three frames: of one packet, of four, and of two."""
    packets = conversation(4)
    frames = [data_frame(packets[0]), aggregate(*packets[1:5]), aggregate(*packets[5:])]
    records = [Record(T0 + i * 1000, radiotap(frame)) for i, frame in enumerate(frames)]
    return write_pcap(folder / "c.pcap", records, link=127)


def test_aggregated_frames_are_packets_with_their_frames_number(tmp_path: Path) -> None:
    rows, meter = metered(aggregates(tmp_path))
    assert summary(rows) == expected(4)
    assert [(row["first_packet"], row["last_packet"]) for row in rows] == [(1, 2), (3, 3)]
    assert (meter.ledger.packets, meter.ledger.aggregated, meter.ledger.set_aside) == (7, 4, {})
    (batch,) = packet_batches(aggregates(tmp_path))
    assert batch.column("packet_number").to_pylist() == [1, 2, 2, 2, 2, 3, 3]
    assert batch.column("flow_number").to_pylist() == [0, 0, 0, 0, 0, 1, 1]
    assert batch.column("eth_src").to_pylist() == [int.from_bytes(MAC_A, "big")] * 7


def test_aggregated_frames_fill_any_size_of_block(tmp_path: Path) -> None:
    packets = conversation(4)
    frames = [aggregate(*packets), data_frame(packets[0]), aggregate(*packets[:2])] * 20
    path = write_pcap(
        tmp_path / "c.pcap", [Record(T0 + i, frame) for i, frame in enumerate(frames)], link=105
    )
    found = []
    for size in (1, 2, 3, 7, 4096):
        capture = Capture(path, frames_per_block=size, take_apart=True)
        numbers, bodies = [], []
        for block in capture.blocks():
            assert len(block.frames) <= size
            first = np.arange(block.first_number, block.first_number + len(block.frames))
            numbers += capture.frame_numbers(first).tolist()
            bodies += [bytes(block.data[f["offset"] :][: f["captured"]]) for f in block.frames]
        found.append((numbers, bodies))
    assert len(found[0][0]) == 20 * 10
    assert found[0][0][:11] == [1] * 7 + [2, 3, 3, 4]
    assert all(one == found[0] for one in found)


def test_an_aggregate_that_was_cut_keeps_what_was_captured(tmp_path: Path) -> None:
    frame = aggregate(*conversation(4)[:3])
    for cut, metered_packets in ((len(frame) - 30, 2), (60, 0), (30, 0)):
        path = write_pcap(tmp_path / "c.pcap", [Record(T0, frame[:cut], len(frame))], link=105)
        _, meter = metered(path)
        assert meter.ledger.counts["metered"] == metered_packets
        assert sum(meter.ledger.counts.values()) == meter.ledger.packets


def test_an_aggregated_frame_may_be_longer_than_an_ethertype_is_small(tmp_path: Path) -> None:
    packets = [ip(4, True, 17, udp(1, 2, bytes(size))) for size in (1508, 2012, 2020)]
    assert len(snap(packets[1])) == 0x0800
    path = write_pcap(tmp_path / "c.pcap", [Record(T0, aggregate(*packets))], link=105)
    rows, _ = metered(path)
    assert (rows[0]["fwd_packets"], rows[0]["fwd_bytes"]) == (3, 5540.0)


# ------------------------------------------------------------------------------------------------------------
# short snap lengths, authentication headers


@pytest.mark.parametrize("version", [4, 6])
def test_ports_and_flags_are_enough_and_lengths_come_from_the_headers(tmp_path: Path, version: int) -> None:
    header = 14 + (20 if version == 4 else 40)
    cases = [
        (6, tcp(40_000, 443, flags=SYN, options=bytes(4), payload=bytes(30)), 14, 30.0, 24),
        (17, udp(40_000, 443, bytes(30)), 4, 30.0, 8),
        (132, sctp(40_000, 443, bytes(30)), 4, 30.0, 12),
    ]
    for protocol, payload, needed, size, header_bytes in cases:
        frame = framed(ip(version, True, protocol, payload))
        path = write_pcap(tmp_path / "c.pcap", [Record(T0, frame[: header + needed], len(frame))])
        (row,), _ = metered(path)
        assert (row["src_port"], row["dst_port"], row["protocol"]) == (40_000, 443, protocol)
        assert (row["fwd_bytes"], row["fwd_header_bytes"]) == (size, header_bytes)
        assert row["syn_flags"] == (protocol == 6)
        path = write_pcap(tmp_path / "c.pcap", [Record(T0, frame[: header + needed - 1], len(frame))])
        assert metered(path)[1].ledger.set_aside == {"truncated": 1}
    kind = 1 if version == 4 else 58
    frame = framed(ip(version, True, kind, icmp(8, 3, bytes(40))))
    (row,), _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame[: header + 2], len(frame))]))
    assert (row["protocol"], row["icmp_type"], row["icmp_code"]) == (kind, 8, 3)


def test_windows_are_those_that_were_captured(tmp_path: Path) -> None:
    frame = framed(ip(4, True, 6, tcp(window=513)))
    for cut, window in ((34 + 14, 0), (34 + 15, 0), (34 + 16, 513)):
        (row,), _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame[:cut], len(frame))]))
        assert row["fwd_init_window_bytes"] == window


def test_authentication_headers_of_ipv4_are_stepped_over(tmp_path: Path) -> None:
    packets = [ah(packet) for packet in conversation(4)]
    rows, _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, ethernet(packet)) for packet in packets]))
    assert summary(rows) == expected(4)
    twice = ah(ah(conversation(4)[3]))
    (row,), _ = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, ethernet(twice))]))
    assert (row["protocol"], row["dst_port"], row["fwd_bytes"]) == (6, 80, 100.0)


# ------------------------------------------------------------------------------------------------------------
# fragments


def pieces(
    version: int, protocol: int, payload: bytes, cuts: list[int], *, forward: bool = True
) -> list[bytes]:
    """A packet in fragments that begin at these bytes of its payload."""
    parts = []
    for start, stop in zip(cuts, [*cuts[1:], len(payload)], strict=True):
        more = stop < len(payload)
        ends = HOSTS[version] if forward else HOSTS[version][::-1]
        if version == 4:
            part = ipv4(*ends, protocol, payload[start:stop], offset=start // 8, more=more, ident=7)
        else:
            header = struct.pack("!BBHI", protocol, 0, start | more, 7)
            part = ipv6(*ends, 44, header + payload[start:stop])
        parts.append(framed(part))
    return parts


def row_of(folder: Path, frames: list[bytes]) -> tuple[dict[str, object], Meter]:
    """The only flow of some frames."""
    rows, meter = metered(write_pcap(folder / "c.pcap", [Record(T0 + i, f) for i, f in enumerate(frames)]))
    assert len(rows) == 1
    return rows[0], meter


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("options", [0, 12, 40])
@pytest.mark.parametrize("size", [0, 1, 100])
@pytest.mark.parametrize(
    ("cuts", "packets", "aside"),
    [([0, 8], 1, 1), ([0, 8, 16], 2, 1), ([0, 16], 2, 0), ([0, 8, 16, 24], 3, 1), ([0, 24], 2, 0)],
)
def test_tcp_headers_split_over_fragments_are_put_together(
    tmp_path: Path, cuts: list[int], packets: int, aside: int, size: int, options: int, version: int
) -> None:
    segment = tcp(40_000, 80, flags=SYN, seq=5, window=9, options=bytes(options), payload=bytes(size))
    if cuts[-1] >= len(segment):
        pytest.skip("shorter than its fragments")
    row, meter = row_of(tmp_path, pieces(version, 6, segment, cuts))
    assert (row["src_port"], row["dst_port"], row["syn_flags"], row["fwd_init_window_bytes"]) == (
        40_000,
        80,
        1,
        9,
    )
    assert (row["fwd_packets"], row["fwd_bytes"], row["fwd_header_bytes"]) == (packets, size, 20 + options)
    assert meter.ledger.set_aside == ({"split_header": aside} if aside else {})


def test_a_split_header_is_completed_by_the_fragment_that_follows_and_no_other(tmp_path: Path) -> None:
    segment = tcp(40_000, 80, flags=SYN, payload=bytes(40))
    first, second, third = pieces(4, 6, segment, [0, 8, 32])
    _, meter = metered(write_pcap(tmp_path / "c.pcap", [Record(T0, frame) for frame in (first, third)]))
    assert meter.ledger.set_aside == {"split_header": 1, "later_fragment": 1}
    row, meter = row_of(tmp_path, [first, third, second])
    assert (row["syn_flags"], row["fwd_bytes"]) == (1, 12.0)
    assert meter.ledger.set_aside == {"split_header": 1, "later_fragment": 1}
    _, meter = metered(
        write_pcap(tmp_path / "c.pcap", [Record(T0, first), Record(T0, second[:39], len(second))])
    )
    assert meter.ledger.set_aside == {"split_header": 1, "truncated": 1}


def test_answers_to_a_split_syn_belong_to_its_flow(tmp_path: Path) -> None:
    frames = pieces(4, 6, tcp(40_000, 80, flags=SYN, seq=1), [0, 8])
    frames += [framed(ip(4, False, 6, tcp(80, 40_000, flags=SYN | ACK, seq=9, ack=2)))]
    row, _ = row_of(tmp_path, frames)
    assert summary([row]) == [(*HOSTS[4], 40_000, 80, 6, 1, 1, 0.0, 0.0, 2)]


@pytest.mark.parametrize("name", ["VXLAN", "GTP-U", "GRE", "IP in IPv4", "GRE, Ethernet"])
def test_fragments_of_a_tunnel_belong_to_the_flow_inside(tmp_path: Path, name: str) -> None:
    """As when a tunnel makes packets too long for the network: the inner ones are whole, the outer ones cut."""
    inner = ip(4, True, 17, udp(5353, 53, bytes(1450)))
    outer = TUNNELS[name].wrap(inner)[14:]
    protocol, body = outer[9], outer[20:]
    parts = [(0, body[:1480], True), (185, body[1480:], False)]
    frames = [
        ethernet(ipv4(*OUTER, protocol, part, offset=at, more=more, ident=3)) for at, part, more in parts
    ]
    row, meter = row_of(tmp_path, frames)
    assert summary([row]) == [(*HOSTS[4], 5353, 53, 17, 2, 0, 1450.0, 0.0, 0)]
    assert meter.ledger.set_aside == {}


def test_fragments_behind_an_authentication_header_find_their_first_one(tmp_path: Path) -> None:
    whole = ah(ip(4, True, 17, udp(5353, 53, bytes(100))))
    body = whole[20:]
    frames = [
        ethernet(ipv4(*HOSTS[4], 51, body[:64], more=True, ident=3)),
        ethernet(ipv4(*HOSTS[4], 51, body[64:], offset=8, ident=3)),
    ]
    row, _ = row_of(tmp_path, frames)
    assert (row["dst_port"], row["fwd_packets"], row["fwd_bytes"]) == (53, 2, 100.0)


def test_first_fragments_are_remembered_in_a_ring_of_1024(tmp_path: Path) -> None:
    def first(ident: int) -> bytes:
        return framed(ipv4(*HOSTS[4], 17, udp(5353, 53, bytes(16)), more=True, ident=ident))

    later = framed(ipv4(*HOSTS[4], 17, bytes(8), offset=3, ident=1))
    for others, known in ((1023, True), (1024, False)):
        frames = [first(1), *(first(2 + i) for i in range(others)), later]
        _, meter = row_of(tmp_path, frames)
        assert meter.ledger.set_aside == ({} if known else {"later_fragment": 1})
