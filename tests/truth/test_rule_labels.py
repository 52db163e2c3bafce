"""Flows become what the first rule says that one of their packets matches."""

from __future__ import annotations

import numpy as np
import pytest

from iotids.truth.filters.display_filter import Member
from iotids.truth.formats.packet_filters import read_filter_table
from iotids.truth.formats.rule_labels import book_packets, label_by_rules
from iotids.truth.formats.rules import Rule, read_rules
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels, Verdict
from tests.truth.tables import ACK, SYN, arp, icmp, mac, packets, tcp, udp

BENIGN = Verdict("BENIGN", "", "no rule matches")
TWO_BATCHES = [
    packets(
        tcp("10.0.0.9", "10.0.0.2", 5000, 80, SYN, flow_number=0),
        tcp("10.0.0.2", "10.0.0.9", 80, 5000, ACK, flow_number=0),
    ),
    packets(
        udp("10.0.0.9", "10.0.0.2", 5000, 53, flow_number=2, time_us=1_500_000),
        tcp("10.0.0.9", "10.0.0.2", 5001, 80, SYN, flow_number=3),
        arp("02:00:00:00:00:09", "00:00:00:00:00:00", "10.0.0.9", "10.0.0.2"),
        udp("10.0.0.3", "10.0.0.2", 1, 2, flow_number=1, eth_src=mac("02:00:00:00:00:03")),
    ),
]


def label(yaml_text: str, default: Verdict | None = BENIGN) -> CaptureLabels:
    rules, _ = read_rules(yaml_text, "rules.yaml")
    return label_by_rules(
        "a.pcap", "a.pcap", np.arange(4), rules, book_packets(rules, TWO_BATCHES), default=default
    )


def classes(labels: CaptureLabels) -> list[str]:
    return [labels.verdicts[code].label if code >= 0 else "?" for code in labels.codes]


def test_one_matching_packet_makes_the_whole_flow_an_attack() -> None:
    assert classes(label("rules: [{label: DOS, filter: tcp.flags == 0x02}]")) == [
        "DOS",
        "BENIGN",
        "BENIGN",
        "DOS",
    ]


def test_match_every_wants_all_packets_of_the_flow() -> None:
    labels = label("rules: [{label: DOS, filter: tcp.flags == 0x02, match: every}]")
    assert classes(labels) == ["BENIGN", "BENIGN", "BENIGN", "DOS"]


def test_first_rule_wins_and_the_disagreement_is_counted() -> None:
    labels = label("rules: [{label: DOS, host: 10.0.0.9}, {label: SCANNING, protocol: tcp}]")
    assert classes(labels) == ["DOS", "BENIGN", "DOS", "DOS"]
    (notice,) = [notice for notice in labels.notices if notice.name == "rules_disagree"]
    assert (notice.severity, notice.count) == ("warning", 2)


def test_rules_that_differ_in_the_sublabel_only_are_an_overlap() -> None:
    labels = label(
        "rules: [{label: DOS, sublabel: a, host: 10.0.0.9}, {label: DOS, sublabel: b, protocol: udp}]"
    )
    assert [(notice.name, notice.severity, notice.count) for notice in labels.notices] == [
        ("rules_overlap", "info", 1)
    ]


def test_rule_that_matches_nothing_is_named() -> None:
    labels = label("rules: [{label: DOS, host: 10.0.0.77}]")
    assert [(notice.name, notice.severity) for notice in labels.notices] == [
        ("rule_matches_nothing", "warning")
    ]


def test_rule_that_matches_arp_only_labels_no_flow_and_says_so() -> None:
    labels = label("rules: [{label: SCANNING, filter: arp}]")
    assert classes(labels) == ["BENIGN"] * 4
    assert [(notice.name, notice.severity, notice.count) for notice in labels.notices] == [
        ("rule_matches_no_flow", "info", 1)
    ]
    assert labels.rule_packets == {"filter arp": 1}


def test_without_a_default_unmatched_flows_stay_unlabelled() -> None:
    labels = label("rules: [{label: DOS, protocol: udp}]", default=None)
    assert labels.codes.tolist() == [UNLABELLED, 0, 0, UNLABELLED]


def test_flow_without_packets_means_other_settings_and_is_refused() -> None:
    rules, _ = read_rules("rules: [{label: DOS, protocol: udp}]", "rules.yaml")
    with pytest.raises(ValueError, match="another capture or with another profile"):
        label_by_rules("a.pcap", "a", np.arange(5), rules, book_packets(rules, TWO_BATCHES), default=BENIGN)


def test_capture_without_flows_gets_no_labels() -> None:
    rules, _ = read_rules("rules: [{label: DOS, protocol: udp}]", "rules.yaml")
    labels = label_by_rules("a.pcap", "a", np.arange(0), rules, book_packets(rules, []), default=BENIGN)
    assert labels.codes.tolist() == []


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("host: 10.0.0.3", [1]),
        ("host: [10.0.0.3, 10.0.0.9/32]", [0, 1, 2, 3]),
        ("port: 80", [0, 3]),
        ("port: [53, 1-5]", [1, 2]),
        ("protocol: udp", [1, 2]),
        ("protocol: [tcp, udp]", [0, 1, 2, 3]),
        ("mac: '02:00:00:00:00:01'", [0, 2, 3]),
        ("mac: ['02-00-00-00-00-03', '02:00:00:00:00:07']", [1]),
        ("bpf: udp dst port 53", [2]),
        ("{protocol: udp, host: 10.0.0.9}", [2]),
        ("until: 1970-01-01T00:00:01Z", [0, 1, 3]),
        ("from: 1970-01-01T00:00:01Z", [2]),
        ("{from: 1970-01-01T00:00:01Z, until: 1970-01-01T00:00:01.5Z}", []),
        ("{from: 1970-01-01T01:00:01+01:00, until: 1970-01-01T00:00:01.6Z}", [2]),
    ],
)
def test_condition_of_a_rule_chooses_these_flows(condition: str, wanted: list[int]) -> None:
    condition = condition.strip("{}")
    labels = label(f"rules: [{{label: DOS, {condition}}}]")
    assert np.flatnonzero(labels.codes == 0).tolist() == wanted


@pytest.mark.parametrize(
    ("pattern", "fits"), [("a.pcap", True), ("b*.pcap", False), ("day1/*.pcap", True), ("day2/a.pcap", False)]
)
def test_rule_is_for_captures_of_its_name_or_path(pattern: str, fits: bool) -> None:
    rules, _ = read_rules(f"rules: [{{label: DOS, port: 80, captures: '{pattern}'}}]", "rules.yaml")
    assert rules[0].applies_to("day1/a.pcap.zst") is fits


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("scan[1].pcap", "scan[1].pcap", True),
        ("scan[1].pcap", "scan1.pcap", False),
        ("scan[*.pcap", "scan[1].pcap", True),
        ("scan?1?.pcap", "scan[1].pcap", True),
        ("a!b.pcap", "a!b.pcap", True),
        ("My Scan (2).PCAP", "My Scan (2).PCAP.GZ", True),
        ('it\'s "quoted".pcap', 'it\'s "quoted".pcap', True),
        ("two\nlines.pcap", "two\nlines.pcap", True),
        ("two*.pcap", "two\nlines.pcap", True),
        ("a.b", "aXb", False),
        ("*" * 5000 + "x", "y" * 200, False),
        ("evening.pcap.gz", "day1/evening.pcap.gz", True),
    ],
)
def test_only_stars_and_question_marks_are_wild(pattern: str, name: str, fits: bool) -> None:
    assert Rule("r", "A", "", None, pattern).applies_to(name) is fits


@pytest.mark.parametrize(
    ("text", "label", "mac"),
    [
        ("label: No, mac: 10:11:22:33:44:55", "No", 0x101122334455),
        ("label: 1e5, mac: 60:59:58:57:56:55", "1e5", 0x605958575655),
        ("label: 'on', mac: 001122334455", "on", 0x1122334455),
    ],
)
def test_rules_are_the_texts_as_written(text: str, label: str, mac: int) -> None:
    (rule,), _ = read_rules(f"rules: [{{{text}}}]", "rules.yaml")
    assert (rule.label, rule.packets) == (label, Member("eth.addr", ((mac, mac),)))


TELNET = [
    tcp("10.0.0.9", "10.0.0.2", 1000, 23, SYN, flow_number=0),
    tcp("2001:db8::9", "2001:db8::2", 1000, 23, SYN, flow_number=1),
    udp("2001:db8::9", "fe80::2", 1000, 53, flow_number=2),
    {**udp("2001:db8::9", "2001:db8::2", 7, 23, flow_number=3), "ip_protocol": 132},
    icmp("2001:db8::9", "2001:db8::2", 128, flow_number=4),
    icmp("10.0.0.9", "10.0.0.2", 8, flow_number=5),
]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("port: 23", [0, 1, 3]),
        ("port: 20-25", [0, 1, 3]),
        ("port: [23, 53]", [0, 1, 2, 3]),
        ("port: '23, 53'", [0, 1, 2, 3]),
        ("host: 2001:db8::/32", [1, 2, 3, 4]),
        ("host: [10.0.0.9, fe80::2]", [0, 2, 5]),
        ("host: 10.0.0.9 2001:db8::9", [0, 1, 2, 3, 4, 5]),
        ("protocol: icmp", [4, 5]),
        ("protocol: icmpv6", [4]),
        ("protocol: ip", [0, 1, 2, 3, 4, 5]),
        ("protocol: ipv4", [0, 5]),
        ("protocol: ipv6", [1, 2, 3, 4]),
        ("protocol: sctp", [3]),
        ("filter: ipv6.src == 2001:db8::/32 and tcp.dstport == 23", [1]),
        ("bpf: ip6 and tcp port 23", [1]),
    ],
)
def test_rules_see_ipv6_as_they_see_ipv4(condition: str, wanted: list[int]) -> None:
    rules, _ = read_rules(f"rules: [{{label: DOS, {condition}}}]", "rules.yaml")
    bookings = book_packets(rules, [packets(*TELNET)])
    labels = label_by_rules("a.pcap", "g", np.arange(6), rules, bookings, default=None)
    assert np.flatnonzero(labels.codes == 0).tolist() == wanted


def test_csv_rules_say_the_same_as_yaml_rules() -> None:
    from_csv, _ = read_rules("label,host,filter,match\nDOS,10.0.0.9,tcp.flags == 0x02,every\n", "rules.csv")
    from_yaml, _ = read_rules(
        "rules: [{label: DOS, host: 10.0.0.9, filter: tcp.flags == 0x02, match: every}]", "rules.yaml"
    )
    assert from_csv == from_yaml


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: [{host: 10.0.0.9}]", "rule 1: no `label`"),
        ("rules: [{label: A}, {label: B, hots: x}]", "rule 2: unknown key 'hots'"),
        ("rules: [{label: A, host: fridge}]", "rule 1: `host`: wanted an IPv4 address"),
        ("rules: [{label: A, match: all}]", "wanted `any` or `every`"),
        ("rules: [{label: A, from: yesterday}]", "wanted a time such as"),
        ("rules: [{label: A, protocol: http}]", "rule 1: `protocol`: 'http' is unknown"),
        ("[1, 2]", "wanted the keys `rules`"),
        ("rules: 3", "wanted the keys `rules`"),
        ("rules: [5]", "rule 1: wanted keys and values"),
        (
            "default: A\nrules:\n  - label: Web Attack: XSS\n",
            "rules.yaml, line 3, column 22: no YAML: mapping values",
        ),
        ("rules:\n\t- {label: A}", "line 2, column 1: no YAML"),
        ("rules: [{label: A}", "line 1"),
        ("rules: [{label: A, port: 1}]\nrules: []", "line 2: the key 'rules' comes twice"),
        ("rules:\n- label: A\n  port: 1\n  port: 2", "line 4: the key 'port' comes twice"),
        ("rules: [{label: A, host: }]", "rule 1: `host` is empty"),
        ("rules: [{label: A, host: []}]", "rule 1: `host` is empty"),
        ("rules: [{label: }]", "rule 1: `label` is empty"),
        ("rules: [{label: [A, B]}]", "rule 1: `label` is ['A', 'B']; wanted a text"),
        ("rules: [{label: A, port: {a: 1}}]", "rule 1: `port` is {'a': '1'}; wanted a text or a list"),
        ("rules: [{label: A, port: http}]", "`port`: wanted a number such as 23"),
        ("rules: [{label: A, port: 90-80}]", "'90-80' is no port or range"),
        ("rules: [{label: A, port: 70000}]", "'70000' is no port or range"),
        ("rules: [{label: A, from: 20:00}]", "`from`: '20:00': wanted a time such as"),
        ("rules: [{label: A, from: 2026-01-02, until: 2026-01-01}]", "is not later than `from`"),
        ("rules: [{label: A, bpf: tcp and}]", "rule 1: `bpf`: bpf 'tcp and'"),
        ("rules: [{label: A, filter: tcp.flux}]", "rule 1: `filter`: filter 'tcp.flux'"),
        ("rules: [{label: A, [a]: b}]", "a key that is no text"),
        ("rules: [{label: A, name: \x07}]", "no YAML: special characters"),
        ("rules: " + "[" * 10_000, "nested too deeply"),
        (
            "a: &a [x, x]\n"
            + "".join(
                f"{c}: &{c} [*{b}, *{b}]\n"
                for b, c in zip("abcdefghijklmnopqrstu", "bcdefghijklmnopqrstuv", strict=True)
            ),
            "values",
        ),
        ("rules: &r [*r]", "nested too deeply"),
    ],
)
def test_broken_rules_are_refused_with_their_number(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"rules\.yaml") as caught:
        read_rules(text, "rules.yaml")
    assert complaint in str(caught.value)


HEADER = "No,File Name,Category,Sub-category,Rule\n"


def test_filter_table_reads_with_or_without_a_byte_order_mark_and_last_newline() -> None:
    text = HEADER + "2,a.pcap,Scanning,Host Discovery,arp\n3,a.pcap,Scanning,Port Scanning,tcp.dstport==23"
    for version in (text, "\ufeff" + text, text + "\r\n"):
        rules = read_filter_table(version, {"Scanning": "SCANNING"}, "t.csv")
        assert [(rule.captures, rule.label, rule.sublabel) for rule in rules] == [
            ("a.pcap", "SCANNING", "Host Discovery"),
            ("a.pcap", "SCANNING", "Port Scanning"),
        ]


def test_rule_finds_its_capture_in_a_folder_and_compressed() -> None:
    (rule,) = read_filter_table(HEADER + "2,a-1-dec.pcap,Scanning,x,arp\n", {"Scanning": "S"}, "t.csv")
    assert rule.applies_to("sub/a-1-dec.pcap.zst")
    assert rule.applies_to("a-1-dec.pcap")
    assert not rule.applies_to("a-11-dec.pcap")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("File Name,Category,Rule\n", "missing column 'Sub-category'"),
        ("", "missing column"),
        (HEADER + "2,a.pcap,Mirrai,x,arp\n", "line 2: category 'Mirrai' has no class"),
        (HEADER + "2,a.pcap,Scanning,x,arp\n3,a.pcap,Scanning,x,tcp.flux\n", "line 3: filter"),
        (HEADER + "2,a.pcap,Scanning,x,tcp.port in {1, 2}\n", "line 2: 6 fields, not 5"),
    ],
)
def test_broken_filter_tables_are_refused_with_the_line(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"t\.csv") as caught:
        read_filter_table(text, {"Scanning": "SCANNING"}, "t.csv")
    assert complaint in str(caught.value)


@pytest.mark.parametrize("text", [f"rules: *{'a' * 9000}", f"rules: [{'a' * 9000}: [}}]"])
def test_messages_about_yaml_are_short(text: str) -> None:
    with pytest.raises(ValueError, match=r"rules\.yaml, line 1") as refused:
        read_rules(text, "rules.yaml")
    assert len(str(refused.value)) < 500
