"""Truth and meter see the same packets: one conversation is labelled by every kind of rule in every encapsulation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.packets import packet_batches
from iotids.plumbing.params import Data
from stages.label import Params
from tests.encapsulations import ENCAPSULATIONS, ONLY_IPV6, OUTER, TUNNELS, tunnelled_fragments
from tests.packets import ACK, PSH, SYN, Record, ipv4, ipv6, tcp, udp, write_pcap
from tests.truth.tables import label_table

ENDS = {4: ("192.0.2.77", "192.0.2.23"), 6: ("2001:db8:77::1", "2001:db8:23::1")}
CASES = [
    (name, version)
    for name, one in ENCAPSULATIONS.items()
    for version in (4, 6)
    if (version == 4 and name not in ONLY_IPV6) or (version == 6 and one.carries_ipv6)
]


def packet(version: int, forward: bool, transport: bytes, protocol: int) -> bytes:
    ends = ENDS[version] if forward else ENDS[version][::-1]
    return (ipv4 if version == 4 else ipv6)(*ends, protocol, transport)


def conversation(version: int, login: bytes = b"login") -> list[bytes]:
    """A telnet connection and, on other ports, a question and its answer."""
    steps = [
        (True, tcp(40000, 23, flags=SYN), 6),
        (False, tcp(23, 40000, flags=SYN | ACK), 6),
        (True, tcp(40000, 23, flags=PSH | ACK, payload=login), 6),
        (True, udp(5000, 53, b"question"), 17),
        (False, udp(53, 5000, b"answer"), 17),
    ]
    return [packet(version, forward, transport, protocol) for forward, transport, protocol in steps]


def capture_in(folder: Path, name: str, version: int) -> Path:
    one = ENCAPSULATIONS[name]
    records = [
        Record(1_600_000_000_000_000 + 1000 * i, one.wrap(inner))
        for i, inner in enumerate(conversation(version))
    ]
    return write_pcap(folder / "a.pcap", records, link=one.link)


def labelled(folder: Path, capture: Path, rule: str, tunnels: str = "inner") -> pa.Table:
    (folder / "rules.yaml").write_text(f"default: BENIGN\nrules: [{{label: DOS, {rule}}}]", encoding="utf-8")
    options = {"profile": "clean", "tunnels": tunnels}
    data = Data("t", folder, {"home": {"kind": "rules", "rules": "rules.yaml"}}, ("BENIGN", "DOS"), "BENIGN")
    table, apart, _ = label_table(
        "home",
        flows_from_capture(capture, **options),
        data,
        Params("error", "error"),
        partial(packet_batches, **options),
    )
    assert apart.num_rows == 0
    return table


def rules_for(version: int) -> dict[str, str]:
    attacker, victim = ENDS[version]
    field, bpf = ("ip", "ip") if version == 4 else ("ipv6", "ip6")
    subnet = "192.0.2.64/26" if version == 4 else "2001:db8:77::/48"
    return {
        "port": "port: 23",
        "host and protocol": f"host: '{subnet}', protocol: tcp",
        "display filter": f"filter: '{field}.src == {subnet} and {field}.dst == {victim} and tcp.dstport == 23 and tcp.flags.syn == 1'",
        "capture filter": f"bpf: '{bpf} and src host {attacker} and dst net {victim} and tcp port 23'",
    }


@pytest.mark.parametrize(("name", "version"), CASES)
def test_every_rule_finds_the_flow_in_every_encapsulation(tmp_path: Path, name: str, version: int) -> None:
    capture = capture_in(tmp_path, name, version)
    for kind, rule in rules_for(version).items():
        found = {row["dst_port"]: row["label"] for row in labelled(tmp_path, capture, rule).to_pylist()}
        assert found == {23: "DOS", 53: "BENIGN"}, kind


@pytest.mark.parametrize("sizes", [(256, 0), (0, 256), (256, 128)], ids=["inner", "outer", "both"])
@pytest.mark.parametrize("around", ["Ethernet", "QinQ", "MPLS", "SLL2"])
@pytest.mark.parametrize(
    "name", ["GRE", "GRE, Ethernet", "VXLAN", "GTP-U", "IP in IPv4", "ERSPAN II", "L2TPv3 over UDP"]
)
def test_every_rule_finds_the_flow_of_fragments_in_and_around_tunnels(
    tmp_path: Path, name: str, around: str, sizes: tuple[int, int]
) -> None:
    for version in (4, 6):
        outer = [
            piece
            for number, inside in enumerate(conversation(version, bytes(1200)), 1)
            for piece in tunnelled_fragments(
                name,
                inside,
                number=number,
                inner_size=sizes[0],
                outer_size=sizes[1],
                outer_ip6=around == "QinQ",
            )
        ]
        one = ENCAPSULATIONS[around]
        records = [Record(1_600_000_000_000_000 + 1000 * i, one.wrap(piece)) for i, piece in enumerate(outer)]
        capture = write_pcap(tmp_path / "a.pcap", records, link=one.link)
        for kind, rule in rules_for(version).items():
            found = {row["dst_port"]: row["label"] for row in labelled(tmp_path, capture, rule).to_pylist()}
            assert found == {23: "DOS", 53: "BENIGN"}, kind


@pytest.mark.parametrize("name", [name for name in TUNNELS if name not in ONLY_IPV6])
def test_rules_are_about_the_tunnel_where_the_tunnel_is_metered(tmp_path: Path, name: str) -> None:
    capture = capture_in(tmp_path, name, 4)
    ends = f"{OUTER[0]} 2001:db8::/32"  # some tunnels run over IPv6
    assert set(labelled(tmp_path, capture, f"host: '{ends}'", "outer")["label"].to_pylist()) == {"DOS"}
    with pytest.raises(ValueError, match="meets nothing in any capture"):
        labelled(tmp_path, capture, f"host: '{ends}'", "inner")
