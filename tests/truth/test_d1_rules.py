"""The 58 published packet filters of D1: each matches packets written for it and none of those written beside
it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from iotids.truth.filters.matching import match_packets
from iotids.truth.formats.packet_filters import read_filter_table
from iotids.truth.formats.rules import Rule
from tests.shared import SHARED, needs_shared
from tests.truth.tables import ACK, PSH, RST, SYN, arp, icmp, mac, packets, tcp, udp

TABLE = SHARED / "captures/label_rules/IoT_NID-dataset_description.csv"
CATEGORIES = yaml.safe_load(Path("iotids/truth/labelling/categories.yaml").read_text(encoding="utf-8"))[
    "packet_filters"
]
CAMERA, SPEAKER, ATTACKER, HOST, FLOODED = (
    "192.168.0.13",
    "192.168.0.24",
    "192.168.0.15",
    "192.168.0.16",
    "210.89.164.90",
)
EVIL, CAMERA_MAC, SPEAKER_MAC, HOST_MAC, ROUTER_MAC = (
    "f0:18:98:5e:ff:9f",
    "bc:1c:81:4b:ae:ba",
    "04:32:f4:45:17:b3",
    "48:4b:aa:2c:d8:f9",
    "88:36:6c:d7:1c:56",
)
FROM_EVIL, TO_EVIL = {"eth_src": mac(EVIL)}, {"eth_dst": mac(EVIL)}
DISCOVERY_ENDS = {1: 13000, 2: 14500, 3: 2000, 4: 4000, 5: 1300, 6: 1000}
Rows = list[dict[str, int]]


def published_rules() -> list[Rule]:
    if not TABLE.is_file():
        return []
    return read_filter_table(TABLE.read_text(encoding="utf-8-sig"), CATEGORIES, TABLE.name)


RULES = published_rules()
pytestmark = needs_shared


def mitm(number: int) -> tuple[Rows, Rows]:
    if number <= 3:
        victim, peer, macs = CAMERA, HOST, (CAMERA_MAC, HOST_MAC)
    else:
        victim, peer, macs = SPEAKER, "52.78.1.1", (SPEAKER_MAC, ROUTER_MAC)
    hits = [tcp(victim, peer, 9020, 5000, **FROM_EVIL), tcp(peer, victim, 5000, 9020, **TO_EVIL)]
    hits += [arp(EVIL, one, "192.168.0.1", victim, 2, eth_dst=one) for one in macs]
    misses = [
        tcp(victim, peer, 9020, 5000),
        udp(victim, peer, 9020, 5000, **FROM_EVIL),
        icmp(victim, peer, **FROM_EVIL),
        arp(EVIL, "00:00:00:00:00:00", ATTACKER, victim),
        arp(macs[0], EVIL, victim, ATTACKER, 2, eth_dst=EVIL),
        tcp(ATTACKER, "8.8.8.8", 5000, 443, **FROM_EVIL),
    ]
    return hits, misses


def syn_flood(number: int) -> tuple[Rows, Rows]:
    victim, port = (CAMERA, 554) if number <= 3 else (SPEAKER, 19604)
    inside, outside = ("222.1.2.3", "111.1.2.3") if number <= 2 else ("111.255.0.9", "222.1.2.3")
    hits = [tcp(inside, victim, 4000, port, SYN), tcp(inside, victim, 4000, port, SYN | ACK)]
    misses = [
        tcp(outside, victim, 4000, port, SYN),
        tcp(inside, victim, 4000, port, ACK),
        tcp(inside, victim, 4000, port + 1, SYN),
        tcp(inside, HOST, 4000, port, SYN),
        tcp(victim, inside, port, 4000, SYN | ACK),
        udp(inside, victim, 4000, port),
    ]
    return hits, misses


def discovery(number: int) -> tuple[Rows, Rows]:
    end = DISCOVERY_ENDS[number]
    probe = arp(EVIL, "00:00:00:00:00:00", ATTACKER, "192.168.0.77")
    hits = [{**probe, "packet_number": 1}, {**probe, "packet_number": end - 1}]
    misses = [
        {**probe, "packet_number": end},
        {**arp(EVIL, CAMERA_MAC, ATTACKER, CAMERA, 2, eth_dst=CAMERA_MAC), "packet_number": 2},
        {**arp(HOST_MAC, "00:00:00:00:00:00", HOST, CAMERA), "packet_number": 2},
        {
            **udp(ATTACKER, "255.255.255.255", 1, 2, eth_src=mac(EVIL), eth_dst=mac("ff:ff:ff:ff:ff:ff")),
            "packet_number": 2,
        },
    ]
    return hits, misses


def port_scan(number: int) -> tuple[Rows, Rows]:
    victim, other = (CAMERA, SPEAKER) if number <= 3 else (SPEAKER, CAMERA)
    hits = [
        tcp(ATTACKER, victim, 50000, 7, SYN, 1024),
        tcp(ATTACKER, victim, 50000, 7, RST, 0),
        tcp(ATTACKER, victim, 50000, 7, RST | ACK, 0),
    ]
    misses = [
        tcp(ATTACKER, victim, 50000, 7, SYN, 64240),
        tcp(ATTACKER, victim, 50000, 7, ACK, 1024),
        tcp(victim, ATTACKER, 7, 50000, RST | ACK, 0),
        tcp(ATTACKER, other, 50000, 7, SYN, 1024),
        tcp(HOST, victim, 50000, 7, SYN, 1024),
        icmp(ATTACKER, victim),
    ]
    return hits, misses


def os_detection(number: int) -> tuple[Rows, Rows]:
    victim, other = (CAMERA, SPEAKER) if number <= 3 else (SPEAKER, CAMERA)
    scan_hits, _ = port_scan(number)
    hits = [
        tcp(ATTACKER, victim, 50000, 554, PSH | ACK, 64240),
        tcp(ATTACKER, victim, 50000, 554, SYN, 1),
        udp(ATTACKER, victim, 50000, 40000),
    ]
    misses = [
        *scan_hits,
        icmp(ATTACKER, victim),
        tcp(victim, ATTACKER, 554, 50000, ACK),
        tcp(ATTACKER, other, 50000, 554, ACK),
    ]
    return hits, misses


def flood(number: int) -> tuple[Rows, Rows]:
    hits = [
        udp(CAMERA, FLOODED, 10000, 10101),
        tcp(SPEAKER, FLOODED, 2000, 80, ACK),
        tcp(SPEAKER, FLOODED, 2000, 80, PSH | ACK),
    ]
    return hits, [
        tcp(FLOODED, SPEAKER, 80, 2000, ACK),
        udp(CAMERA, "210.89.164.91", 10000, 10101),
        arp(CAMERA_MAC, "00:00:00:00:00:00", CAMERA, FLOODED),
    ]


def mirai_discovery(number: int) -> tuple[Rows, Rows]:
    device, device_mac, other = (
        (CAMERA, CAMERA_MAC, SPEAKER) if number % 2 else (SPEAKER, SPEAKER_MAC, CAMERA)
    )
    hits = [
        arp(device_mac, "00:00:00:00:00:00", device, "192.168.0.200"),
        arp(EVIL, "00:00:00:00:00:00", device, "192.168.0.1"),
    ]
    misses = [
        arp(device_mac, "00:00:00:00:00:00", device, "192.168.1.200"),
        arp(device_mac, "00:00:00:00:00:00", other, "192.168.0.200"),
        arp(device_mac, HOST_MAC, device, "192.168.0.16", 2, eth_dst=HOST_MAC),
        udp(device, "192.168.0.255", 1, 2, eth_dst=mac("ff:ff:ff:ff:ff:ff")),
    ]
    return hits, misses


def telnet(number: int) -> tuple[Rows, Rows]:
    device, other = (CAMERA, SPEAKER) if number % 2 else (SPEAKER, CAMERA)
    hits = [tcp(device, "192.168.0.77", 40000, 23, SYN), tcp(device, "1.2.3.4", 40000, 23, PSH | ACK)]
    return hits, [
        tcp(device, "1.2.3.4", 23, 40000),
        tcp(device, "1.2.3.4", 40000, 2323),
        tcp(other, "1.2.3.4", 40000, 23),
        udp(device, "1.2.3.4", 40000, 23),
    ]


CASES = {
    ("mitm-arpspoofing", "ARP Spoofing"): mitm,
    ("dos-synflooding", "SYN Flooding"): syn_flood,
    ("scan-hostport", "Host Discovery"): discovery,
    ("scan-hostport", "Port Scanning"): port_scan,
    ("scan-portos", "Port Scanning"): port_scan,
    ("scan-portos", "OS/Version Detection"): os_detection,
    ("mirai-udpflooding", "UDP Flooding"): flood,
    ("mirai-ackflooding", "ACK Flooding"): flood,
    ("mirai-httpflooding", "HTTP Flooding"): flood,
    ("mirai-hostbruteforce", "Host Discovery"): mirai_discovery,
    ("mirai-hostbruteforce", "Telnet Bruteforce"): telnet,
}


def cases_of(rule: Rule) -> tuple[Rows, Rows]:
    attack, number = re.fullmatch(r"(.+)-(\d)-dec\.pcap", rule.captures).groups()  # type: ignore[union-attr]
    return CASES[attack, rule.sublabel](int(number))


def test_all_58_rules_are_read() -> None:
    assert len(RULES) == 58
    assert {rule.label for rule in RULES} == {"MITM", "DOS", "SCANNING", "MIRAI"}
    assert len({rule.captures for rule in RULES}) == 41


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.captures.removesuffix('-dec.pcap')} {rule.sublabel}"
)
def test_rule_matches_packets_written_for_it_and_no_others(rule: Rule) -> None:
    hits, misses = cases_of(rule)
    assert rule.packets is not None
    assert match_packets(rule.packets, packets(*hits)).tolist() == [True] * len(hits)
    assert match_packets(rule.packets, packets(*misses)).tolist() == [False] * len(misses)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name.partition(":")[0])
def test_rule_means_the_same_whether_and_or_or_binds_more_tightly(rule: Rule) -> None:
    """Wireshark changed the precedence in version 4, after these rules were published; they never mix the two
    without parentheses.
    """
    text = rule.name.partition(":")[2]
    while "(" in text:
        text, n_replaced = re.subn(r"\(([^()]*)\)", lambda inner: check_one_level(inner.group(1)), text)
        assert n_replaced
    check_one_level(text)


def check_one_level(text: str) -> str:
    words = set(text.split())
    assert not {"and", "or"} <= words, text
    return "X"
