"""The worked example of docs/your-own-data.md, run as it is written there on two captures made for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.packets import packet_batches
from iotids.plumbing.params import Data
from iotids.truth.formats.rules import read_rules
from iotids.truth.integrating.dataset import count_unwritten, integrate
from iotids.truth.integrating.labelled_tables import table_in_memory
from iotids.writing.tables import write_json
from stages.label import Params
from tests.packets import ACK, RST, SYN, Record, ethernet, ipv4, tcp, udp, write_pcap
from tests.truth.tables import label_table

DOC = Path("docs/your-own-data.md").read_text(encoding="utf-8")
LAPTOP, CAMERA, CLOUD = "192.168.1.50", "192.168.1.20", "203.0.113.9"


def at(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-05-03T{clock}+00:00").astimezone(UTC).timestamp()) * 1_000_000


def frame(clock: str, src: str, dst: str, segment: bytes, protocol: int = 6, after_us: int = 0) -> Record:
    return Record(at(clock) + after_us, ethernet(ipv4(src, dst, protocol, segment)))


EVENING = [
    frame("19:59:00", CAMERA, CLOUD, udp(5000, 443, b"hello"), 17),
    frame("20:05:00", LAPTOP, CAMERA, tcp(40000, 22, flags=SYN)),
    frame("20:05:00", CAMERA, LAPTOP, tcp(22, 40000, flags=RST | ACK), after_us=500),
    frame("20:06:00", CAMERA, CLOUD, udp(5001, 443, b"hello"), 17),
    frame("20:30:00", LAPTOP, CAMERA, tcp(50000, 554, flags=SYN)),
    frame("20:30:00", LAPTOP, CAMERA, tcp(50000, 554, flags=SYN), after_us=900),
    frame("20:31:00", LAPTOP, CAMERA, tcp(50001, 554, flags=SYN)),
    frame("20:31:00", CAMERA, LAPTOP, tcp(554, 50001, flags=SYN | ACK), after_us=500),
    frame("20:31:00", LAPTOP, CAMERA, tcp(50001, 554, flags=RST), after_us=900),
]
QUIET = [
    frame("20:05:00", LAPTOP, CAMERA, tcp(40000, 22, flags=SYN)),
    frame("20:05:00", CAMERA, LAPTOP, tcp(22, 40000, flags=SYN | ACK), after_us=500),
]


def blocks() -> list[str]:
    return [re.sub(r"(?m)^   ", "", block) for block in re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)]


def test_worked_example_labels_what_it_says(tmp_path: Path) -> None:
    rules, config = blocks()[0], yaml.safe_load(blocks()[1])
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    tables = [
        flows_from_capture(write_pcap(tmp_path / name, records), "clean")
        for name, records in (("evening.pcap", EVENING), ("quiet.pcap", QUIET))
    ]
    data = Data(config["name"], tmp_path, config["sources"], tuple(config["classes"]), config["benign"])
    labelled, apart, summary = label_table(
        "home",
        pa.concat_tables(tables),
        data,
        Params("error", "error"),
        partial(packet_batches, profile="clean"),
    )
    found = {
        (row["capture"], row["start_us"], row["src_port"]): (row["label"], row["sublabel"])
        for row in labelled.to_pylist()
    }
    assert found == {
        ("evening.pcap", at("19:59:00"), 5000): ("BENIGN", ""),
        ("evening.pcap", at("20:05:00"), 40000): ("SCANNING", "port scan"),
        ("evening.pcap", at("20:06:00"), 5001): ("BENIGN", ""),
        ("evening.pcap", at("20:30:00"), 50000): ("DOS", "SYN flood"),
        ("evening.pcap", at("20:31:00"), 50001): ("DOS", "SYN flood"),
        ("quiet.pcap", at("20:05:00"), 40000): ("BENIGN", ""),
    }
    assert apart.num_rows == 0
    assert summary["notices"] == []


def test_with_match_every_the_answered_flows_are_left_to_the_default_and_a_notice_counts_them(
    tmp_path: Path,
) -> None:
    """A port scan in which every probe is answered, as on a real network; 20 open ports, 180 closed."""
    frames = []
    for port in range(200):
        clock = {"clock": "20:05:00", "after_us": port * 10_000}
        answer = SYN | ACK if port < 20 else RST | ACK
        frames.append(frame(src=LAPTOP, dst=CAMERA, segment=tcp(40000, 1 + port, flags=SYN), **clock))
        clock["after_us"] += 400
        if port % 4:  # a quarter stays without an answer
            frames.append(frame(src=CAMERA, dst=LAPTOP, segment=tcp(1 + port, 40000, flags=answer), **clock))
    table = flows_from_capture(write_pcap(tmp_path / "scan.pcap", frames), "clean")
    scan = f"{{label: SCANNING, filter: ip.src == {LAPTOP} and tcp.flags == 0x02"
    found = {}
    for match in ("any", "every"):
        (tmp_path / "r.yaml").write_text(
            f"default: BENIGN\nrules: [{scan}, match: {match}}}]", encoding="utf-8"
        )
        data = Data(
            "t", tmp_path, {"home": {"kind": "rules", "rules": "r.yaml"}}, ("BENIGN", "SCANNING"), "BENIGN"
        )
        _, _, found[match] = label_table(
            "home", table, data, Params("error", "error"), partial(packet_batches, profile="clean")
        )
    assert found["any"]["labels"] == {"SCANNING": 200}
    assert found["any"]["notices"] == []
    assert found["every"]["labels"] == {"BENIGN": 150, "SCANNING": 50}
    (notice,) = found["every"]["notices"]
    assert (notice["name"], notice["severity"], notice["count"]) == (
        "rule_left_flows_to_default",
        "warning",
        150,
    )
    assert "matches 150 packets of flows that are BENIGN by `default`" in notice["message"]


def test_class_of_one_packet_flows_is_missed_with_its_reason_and_the_number_of_packets(
    tmp_path: Path,
) -> None:
    """Nobody answers the flood, so the profile `paper` writes none of its flows."""
    flood = [
        frame("20:30:00", LAPTOP, CAMERA, tcp(1000 + i, 554, flags=SYN), after_us=i) for i in range(5000)
    ]
    (tmp_path / "rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: DOS, port: 554}]", encoding="utf-8"
    )
    tables = [
        flows_from_capture(write_pcap(tmp_path / name, records), "paper")
        for name, records in (("flood.pcap", flood), ("evening.pcap", EVENING[:4] + EVENING[:4]))
    ]
    data = Data(
        "t", tmp_path, {"home": {"kind": "rules", "rules": "rules.yaml"}}, ("BENIGN", "DOS"), "BENIGN"
    )
    labelled, _, summary = label_table(
        "home",
        pa.concat_tables(tables),
        data,
        Params("error", "error"),
        partial(packet_batches, profile="paper"),
    )
    notices = {notice["name"]: notice for notice in summary["notices"]}
    assert notices["rule_labels_nothing"]["count"] == 5000
    assert "meter.profile=clean" in notices["rule_labels_nothing"]["message"]
    write_json(summary, tmp_path / "home.json")
    unwritten = count_unwritten([tmp_path / "home.json", tmp_path / "absent.json"])
    with pytest.raises(
        ValueError, match=r"class DOS is left: 5,000 packets match its rules.*meter\.profile=clean"
    ):
        integrate(
            [table_in_memory("home", labelled)],
            lambda rows: None,
            data.classes,
            keep={},
            seed=1,
            features=["flow"],
            unwritten=unwritten,
        )


def test_keys_of_the_documentation_are_those_that_rules_know() -> None:
    section = DOC.split("## What a rule can say")[1].split("The same columns")[0]
    documented = set(
        re.findall(
            r"`(\w+)`",
            " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `")),
        )
    )
    with pytest.raises(ValueError, match="known are") as caught:
        read_rules("rules: [{label: A, nonsense: 1}]", "rules.yaml")
    assert documented == set(str(caught.value).split("known are ")[1].split(", "))


def test_csv_rule_without_conditions_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_text("label,port\nDOS,554\nBENIGN,\n", encoding="utf-8")
    table = flows_from_capture(write_pcap(tmp_path / "evening.pcap", EVENING), "clean")
    data = Data("t", tmp_path, {"home": {"kind": "rules", "rules": "rules.csv"}}, ("BENIGN", "DOS"), "BENIGN")
    labelled, _, _ = label_table(
        "home", table, data, Params("error", "error"), partial(packet_batches, profile="clean")
    )
    assert sorted(labelled["label"].to_pylist()) == ["BENIGN"] * 3 + ["DOS"] * 2
