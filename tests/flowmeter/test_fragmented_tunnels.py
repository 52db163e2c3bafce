"""Fragments of the inner packet, of the tunnel's packets, or of both: every piece belongs to the flow inside, whatever is around."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.packets import packet_batches
from tests.encapsulations import ENCAPSULATIONS, ONLY_IPV6, OUTER, TUNNELS, fragments, tunnelled_fragments
from tests.packets import ACK, PSH, SYN, Record, ethernet, ipv4, ipv6, tcp, udp, write_pcap

HOSTS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
AROUND = ("Ethernet", "VLAN", "QinQ", "MPLS", "PPPoE in Ethernet", "SLL2", "radiotap", "raw 101")
SIZES = {"inner": (480, 0), "outer": (0, 512), "both": (480, 256)}
CASES = [
    (name, version) for name in TUNNELS for version in (4, 6)
    if (TUNNELS[name].carries_ipv6 or version == 4) and not (name in ONLY_IPV6 and version == 4)
]  # fmt: skip


def conversation(version: int) -> list[bytes]:
    """A TCP connection with 1,400 bytes one way and 1,000 the other; a datagram of 1,450 with an answer of 3,000."""
    steps = [
        (True, 6, tcp(40_000, 80, flags=SYN, seq=1)),
        (False, 6, tcp(80, 40_000, flags=SYN | ACK, seq=9, ack=2)),
        (True, 6, tcp(40_000, 80, flags=ACK | PSH, seq=2, ack=10, payload=bytes(1400))),
        (False, 6, tcp(80, 40_000, flags=ACK | PSH, seq=10, ack=1402, payload=bytes(1000))),
        (True, 17, udp(5353, 53, bytes(1450))),
        (False, 17, udp(53, 5353, bytes(3000))),
    ]
    build = ipv4 if version == 4 else ipv6
    return [build(*HOSTS[version][:: 1 if forward else -1], kind, body) for forward, kind, body in steps]


def frames_of(
    name: str, version: int, cut: str, around: str, *, outer_ip6: bool = False
) -> list[list[bytes]]:
    """Frames of each packet of the conversation."""
    inner_size, outer_size = SIZES[cut]
    return [
        [ENCAPSULATIONS[around].wrap(outer) for outer in tunnelled_fragments(
            name, packet, number=number, inner_size=inner_size, outer_size=outer_size, outer_ip6=outer_ip6)]
        for number, packet in enumerate(conversation(version), 1)
    ]  # fmt: skip


def capture_of(folder: Path, frames: list[list[bytes]], around: str) -> Path:
    """A capture of frames, a millisecond apart."""
    flat = [frame for some in frames for frame in some]
    records = [Record(1_600_000_000_000_000 + 1000 * i, frame) for i, frame in enumerate(flat)]
    return write_pcap(folder / "c.pcap", records, link=ENCAPSULATIONS[around].link)


def expected(version: int, frames: list[list[bytes]]) -> list[tuple[object, ...]]:
    """The two flows: every frame is a packet, and the bytes are those of the whole packets."""
    n = [len(some) for some in frames]
    return [
        (*HOSTS[version], 40_000, 80, 6, n[0] + n[2], n[1] + n[3], 1400.0, 1000.0, 2),
        (*HOSTS[version], 5353, 53, 17, n[4], n[5], 1450.0, 3000.0, 0),
    ]


def metered(path: Path, **options: str) -> tuple[list[tuple[object, ...]], Meter]:
    """Endpoints, packets, bytes and SYN flags of the flows of a capture."""
    meter = Meter(path, with_digest=False, **options)  # type: ignore[arg-type]
    rows = [row for batch in meter.batches() for row in batch.to_pylist()]
    names = ("src_ip", "dst_ip", "src_port", "dst_port", "protocol", "fwd_packets", "bwd_packets", "fwd_bytes", "bwd_bytes",
             "syn_flags")  # fmt: skip
    return [tuple(row[name] for name in names) for row in rows], meter


def check(folder: Path, frames: list[list[bytes]], version: int, around: str) -> None:
    """Flows, ledger, and the packets that rules see."""
    path = capture_of(folder, frames, around)
    rows, meter = metered(path)
    assert rows == expected(version, frames)
    assert meter.ledger.set_aside == {}
    ports = [port for batch in packet_batches(path) for port in batch.column("dst_port").to_pylist()]
    wanted = [80, 40_000, 80, 40_000, 53, 5353]
    assert ports == [port for port, some in zip(wanted, frames, strict=True) for _ in some]


@pytest.mark.parametrize("cut", SIZES)
@pytest.mark.parametrize(("name", "version"), CASES)
def test_fragments_in_and_around_a_tunnel_belong_to_the_flow_inside(
    tmp_path: Path, name: str, version: int, cut: str
) -> None:
    for outer_ip6 in (False, True):
        frames = frames_of(name, version, cut, "Ethernet", outer_ip6=outer_ip6)
        assert min(len(some) for some in frames[2:]) > 1
        check(tmp_path, frames, version, "Ethernet")


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    "name", ["GRE", "GRE, Ethernet", "VXLAN", "GTP-U with an extension", "IP in IPv4", "ERSPAN II"]
)
def test_tags_and_other_link_types_around_fragmented_tunnels_change_nothing(
    tmp_path: Path, name: str, around: str
) -> None:
    for version in (4, 6):
        for cut in SIZES:
            check(tmp_path, frames_of(name, version, cut, around), version, around)


@pytest.mark.parametrize("cut", SIZES)
@pytest.mark.parametrize("name", ["GRE", "VXLAN", "GTP-U", "IP in IPv4", "ERSPAN III"])
def test_fragmented_tunnels_are_flows_of_their_own_when_asked_for(
    tmp_path: Path, name: str, cut: str
) -> None:
    frames = frames_of(name, 4, cut, "Ethernet")
    rows, meter = metered(capture_of(tmp_path, frames, "Ethernet"), tunnels="outer")
    assert {row[:2] for row in rows} == {("198.51.100.1", "198.51.100.2")}
    assert sum(row[5] for row in rows) == sum(map(len, frames))  # type: ignore[misc]
    assert meter.ledger.set_aside == {}


@pytest.mark.parametrize("name", ["GRE", "VXLAN", "GTP-U", "IP in IPv4"])
def test_a_lost_first_fragment_takes_its_own_pieces_alone(tmp_path: Path, name: str) -> None:
    """Without the tunnel's first piece of the question, what belongs to it is set aside; all else is as before."""
    frames = frames_of(name, 4, "outer", "Ethernet")
    lost = len(frames[4]) - 1
    frames[4] = frames[4][1:]
    rows, meter = metered(capture_of(tmp_path, frames, "Ethernet"))
    assert rows[0] == expected(4, frames)[0]
    assert rows[1][3:8] == (5353, 17, len(frames[5]), 0, 3000.0)  # the answer opens the flow
    assert meter.ledger.set_aside == {"later_fragment": lost}


@pytest.mark.parametrize("name", [name for name in TUNNELS if name not in ONLY_IPV6])
def test_tunnels_in_a_fragmented_tunnel_are_followed(tmp_path: Path, name: str) -> None:
    frames = [
        [
            ethernet(piece)
            for piece in fragments(ipv4(*OUTER, 4, TUNNELS[name].wrap(packet)[14:]), 768, number)
        ]
        for number, packet in enumerate(conversation(4), 1)
        if TUNNELS[name].wrap(packet)[14] >> 4 == 4
    ]
    if frames:
        check(tmp_path, frames, 4, "Ethernet")


@pytest.mark.parametrize(
    ("name", "size"), [("GRE", 32), ("GRE, key", 48), ("GRE", 40), ("GTP-U", 56), ("IP in IPv4", 40)]
)
def test_tcp_headers_inside_that_the_tunnels_fragments_split_are_read(
    tmp_path: Path, name: str, size: int
) -> None:
    """The first piece ends within the TCP header inside, behind its first eight bytes or behind its flags."""
    segment = tcp(40_000, 80, flags=SYN, seq=5, window=9, options=bytes(12), payload=bytes(100))
    pieces = tunnelled_fragments(name, ipv4(*HOSTS[4], 6, segment), number=1, outer_size=size)
    rows, meter = metered(capture_of(tmp_path, [[ethernet(piece) for piece in pieces]], "Ethernet"))
    aside = meter.ledger.set_aside.get("split_header", 0)
    assert rows == [(*HOSTS[4], 40_000, 80, 6, len(pieces) - aside, 0, 100.0, 0.0, 1)]
    assert meter.ledger.set_aside == ({"split_header": 1} if name == "GRE" and size == 32 else {})


@pytest.mark.parametrize("name", ["L2TPv3 over IP", "L2TPv3 over UDP"])
def test_sessions_of_l2tp_are_followed_where_the_capture_is_cut_short(tmp_path: Path, name: str) -> None:
    frames = [TUNNELS[name].wrap(packet) for packet in conversation(4)]
    records = [Record(1_600_000_000_000_000 + i, frame[:130], len(frame)) for i, frame in enumerate(frames)]
    rows, _ = metered(write_pcap(tmp_path / "c.pcap", records))
    assert rows == expected(4, [[b""]] * 6)
