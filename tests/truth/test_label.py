"""Labelling whole sources from the files of their ground truth: every kind, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.packets import packet_batches
from iotids.plumbing.params import Data
from iotids.truth.formats.registry import open_truth
from iotids.truth.formats.rule_labels import book_packets, label_by_rules
from iotids.truth.formats.rules import read_rules
from iotids.truth.formats.zeek_join import label_by_connections
from iotids.truth.formats.zeek_log import read_connections
from iotids.truth.labelling.flow_labels import Verdict
from iotids.truth.labelling.named_captures import find_captures
from iotids.writing.tables import write_table
from stages.label import Params
from tests.packets import Record, ethernet, ipv4, write_pcap
from tests.packets import tcp as raw_tcp
from tests.shared import SHARED, needs_shared
from tests.truth.tables import ACK, SYN, flow, flows, label_table, packets, tcp, udp
from tests.truth.test_zeek import HEADER as ZEEK_HEADER
from tests.truth.test_zeek import row as zeek_row

SCANNED = [
    Record(0, ethernet(ipv4("10.0.0.1", "10.0.0.2", 6, raw_tcp(5000, 554, flags=SYN)))),
    Record(1, ethernet(ipv4("10.0.0.1", "10.0.0.2", 6, raw_tcp(5000, 555, flags=SYN)))),
]
STRICT = Params(unlabelled="error", missing_captures="error")
LENIENT = Params(unlabelled="apart", missing_captures="warn")
CLASSES = ("BENIGN", "BOTNET", "DOS", "MIRAI", "MITM", "SCANNING")
D1_TABLE = (
    "No,File Name,Category,Sub-category,Rule\n"
    "2,dos-1-dec.pcap,Denial of Service (DoS),SYN Flooding,tcp.flags.syn == 1 and tcp.dstport == 554\n"
)
PACKETS = {
    "dos-1-dec.pcap.zst": [
        packets(
            tcp("1.1.1.1", "2.2.2.2", 5, 554, SYN, flow_number=0),
            udp("1.1.1.1", "2.2.2.2", 5, 53, flow_number=1),
        )
    ],
    "benign-dec.pcap": [
        packets(
            tcp("1.1.1.1", "2.2.2.2", 5, 554, SYN, flow_number=0),
            tcp("1.1.1.1", "2.2.2.2", 5, 555, ACK, flow_number=1),
        )
    ],
}


def two_flows(*captures: str) -> pa.Table:
    ends = [
        flow("1.1.1.1", 5, "2.2.2.2", 554, start_us=10_000_000),
        flow("1.1.1.1", 5, "2.2.2.2", 53, 17, start_us=10_000_000),
    ]
    return flows(
        *[
            {**one, "capture": capture, "flow_number": number}
            for capture in captures
            for number, one in enumerate(ends)
        ]
    )


def packets_of(path: Path) -> Iterable[pa.RecordBatch]:
    return PACKETS[path.name]


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")


def label(
    root: Path, options: dict[str, object], table: pa.Table, params: Params = STRICT
) -> tuple[list[str], pa.Table, dict]:
    data = Data("test", root, {"X": {"folder": ".", **options}}, CLASSES, "BENIGN")
    labelled, apart, summary = label_table("X", table, data, params, packets_of)
    assert labelled.num_rows + apart.num_rows == table.num_rows
    return labelled["label"].to_pylist(), apart, summary


D1 = {"kind": "packet_filters", "rules": "rules.csv"}
D1_FILES = {"rules.csv": D1_TABLE, "dos-1-dec.pcap.zst": "", "benign-dec.pcap": ""}


def test_packet_filters_label_by_packets_and_leave_benign_captures_alone(tmp_path: Path) -> None:
    write(tmp_path, D1_FILES)
    labels, _, summary = label(tmp_path, D1, two_flows("dos-1-dec.pcap.zst", "benign-dec.pcap"))
    assert labels == ["DOS", "BENIGN", "BENIGN", "BENIGN"]
    assert summary["sublabels"] == {"BENIGN/": 3, "DOS/SYN Flooding": 1}
    assert summary["matching_packets"] == {"2: tcp.flags.syn == 1 and tcp.dstport == 554": 1}


def test_capture_that_no_filter_names_and_that_is_not_called_benign_is_unlabelled(tmp_path: Path) -> None:
    write(tmp_path, D1_FILES)
    with pytest.raises(ValueError, match=r"2 flows unlabelled: .* dso-1-dec.pcap \(2\)"):
        label(tmp_path, D1, two_flows("dso-1-dec.pcap"))


def test_unlabelled_flows_can_be_kept_apart_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {"rules.csv": D1_TABLE})
    labels, apart, summary = label(tmp_path, D1, two_flows("dso-1-dec.pcap"), LENIENT)
    assert labels == []
    assert apart.num_rows == summary["unlabelled"] == 2
    assert [(notice["name"], notice["severity"]) for notice in summary["notices"]] == [
        ("missing_capture", "warning"),
        ("unlabelled", "warning"),
    ]


def test_truth_that_names_a_capture_that_is_not_there_is_refused_or_noted(tmp_path: Path) -> None:
    write(tmp_path, {"rules.csv": D1_TABLE, "benign-dec.pcap": ""})
    with pytest.raises(FileNotFoundError, match="names dos-1-dec.pcap, not found"):
        label(tmp_path, D1, two_flows("benign-dec.pcap"))
    assert (
        label(tmp_path, D1, two_flows("benign-dec.pcap"), LENIENT)[2]["notices"][0]["name"]
        == "missing_capture"
    )


def test_folders_keep_the_background_apart_or_call_it_benign(tmp_path: Path) -> None:
    write(tmp_path, {"hosts.yaml": "attackers: [1.1.1.1]\ntargets: [2.2.2.2]"})
    table = pa.concat_tables(
        [
            two_flows("Scan/OS/a.pcap"),
            flows(flow("3.3.3.3", 1, "2.2.2.2", 2, capture="Scan/OS/a.pcap", flow_number=2)),
        ]
    )
    options = {"kind": "folders", "hosts": "hosts.yaml"}
    labels, apart, _ = label(tmp_path, options, table)
    assert labels == ["SCANNING", "SCANNING"]
    assert apart["label_rule"].to_pylist() == ["background: no attacker at either end"]
    assert label(tmp_path, {**options, "background": "BENIGN"}, table)[0] == [
        "SCANNING",
        "SCANNING",
        "BENIGN",
    ]


def test_device_list_is_benign(tmp_path: Path) -> None:
    write(tmp_path, {"list.txt": "Echo\t44:65:0d:56:cc:d3\tWireless\n"})
    table = flows(
        flow("1.1.1.1", 5, "2.2.2.2", 554, src_mac="44:65:0d:56:cc:d3"), flow("1.1.1.3", 5, "2.2.2.2", 554)
    )
    labels, _, summary = label(tmp_path, {"kind": "mac_list", "devices": "list.txt"}, table)
    assert labels == ["BENIGN", "BENIGN"]
    assert summary["sublabels"] == {"BENIGN/Echo": 1, "BENIGN/unlisted": 1}


ZEEK = ZEEK_HEADER + zeek_row("10.0", "1.1.1.1", 5, "2.2.2.2", 554, label="Malicious", detail="DDoS") + "\n"


@pytest.mark.parametrize(
    "place", ["conn.log.labeled", "bro/conn.log.labeled", "x.pcap-zeek-conn-log.labeled"]
)
def test_connection_log_is_found_beside_the_capture_and_families_are_chosen(
    tmp_path: Path, place: str
) -> None:
    scenario = "CTU-IoT-Malware-Capture-34-1"
    write(
        tmp_path,
        {f"{scenario}/{place}": ZEEK + zeek_row("10.0", "1.1.1.1", 5, "2.2.2.2", 53, proto="udp") + "\n"},
    )
    table = two_flows(f"{scenario}/x.pcap", "CTU-IoT-Malware-Capture-8-1/y.pcap")
    labels, apart, summary = label(tmp_path, {"kind": "zeek"}, table)
    assert labels == ["MIRAI"]
    assert summary["kept_apart"] == {
        "background: benign in the connection log": 1,
        "scenario of Hakai, not chosen by `families`": 2,
    }
    assert sorted(set(apart["group"].to_pylist())) == [
        "CTU-IoT-Malware-Capture-34-1",
        "CTU-IoT-Malware-Capture-8-1",
    ]


def test_flow_that_the_log_does_not_hold_is_unlabelled(tmp_path: Path) -> None:
    write(tmp_path, {"CTU-IoT-Malware-Capture-34-1/conn.log.labeled": ZEEK})
    with pytest.raises(ValueError, match="1 flow unlabelled"):
        label(tmp_path, {"kind": "zeek"}, two_flows("CTU-IoT-Malware-Capture-34-1/x.pcap"))


@pytest.mark.parametrize(
    ("capture", "options", "complaint"),
    [
        ("elsewhere/x.pcap", {}, "lies in no folder named like a scenario"),
        ("CTU-IoT-Malware-Capture-43-1/x.pcap", {}, "no conn.log.labeled beside it"),
        ("x.pcap", {"families": ["Mirrai"]}, "no scenario has 'Mirrai'"),
    ],
)
def test_scenario_without_table_entry_log_or_family_is_refused(
    tmp_path: Path, capture: str, options: dict, complaint: str
) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        label(tmp_path, {"kind": "zeek", **options}, two_flows(capture))


TABLE = "file,environment,group,class,activity,rule\n"


def test_label_table_gives_network_group_and_class_and_rules_for_mixed_captures(tmp_path: Path) -> None:
    rows = "benign-dec.pcap,home,tuesday,BENIGN,idle,\ndos-1-dec.pcap,lab,one,DOS,flood,see README\n"
    write(
        tmp_path,
        {
            "labels.csv": TABLE + rows,
            "own.yaml": "rules: [{captures: dos-1*, label: DOS, port: 554}]",
            "benign-dec.pcap": "",
            "dos-1-dec.pcap.zst": "",
        },
    )
    options = {"kind": "label_table", "table": "labels.csv", "rules": str(tmp_path / "own.yaml")}
    data = Data("test", tmp_path, {"X": options}, CLASSES, "BENIGN")
    labelled, _, _ = label_table(
        "X", two_flows("dos-1-dec.pcap.zst", "benign-dec.pcap"), data, STRICT, packets_of
    )
    assert labelled.select(["source", "group", "label", "sublabel"]).to_pylist() == [
        {"source": "lab", "group": "lab/one", "label": "DOS", "sublabel": ""},
        {"source": "lab", "group": "lab/one", "label": "BENIGN", "sublabel": "background"},
        {"source": "home", "group": "home/tuesday", "label": "BENIGN", "sublabel": "idle"},
        {"source": "home", "group": "home/tuesday", "label": "BENIGN", "sublabel": "idle"},
    ]


def test_label_table_takes_a_display_filter_as_rule(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "labels.csv": TABLE + "dos-1-dec.pcap,lab,one,DOS,flood,tcp.dstport == 554\n",
            "dos-1-dec.pcap.zst": "",
        },
    )
    assert label(tmp_path, {"kind": "label_table", "table": "labels.csv"}, two_flows("dos-1-dec.pcap.zst"))[
        0
    ] == ["DOS", "BENIGN"]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("dos-1-dec.pcap,lab,one,DOS,flood,see README\n", "is no display filter, and no rules file says"),
        ("dos-1-dec.pcap,lab,one,,flood,\n", "line 2: class is empty"),
        (
            "dos-1-dec.pcap,lab,one,DOS,a,\ndos-1-dec.pcap.zst,lab,one,DOS,a,\n",
            "line 3: dos-1-dec.pcap.zst comes twice",
        ),
        ("dos-1-dec.pcap,lab,one,WORM,a,\n", "gives the class WORM, but data.classes are"),
    ],
)
def test_broken_label_tables_are_refused(tmp_path: Path, rows: str, complaint: str) -> None:
    write(tmp_path, {"labels.csv": TABLE + rows, "dos-1-dec.pcap.zst": ""})
    with pytest.raises(ValueError, match=complaint):
        label(tmp_path, {"kind": "label_table", "table": "labels.csv"}, two_flows("dos-1-dec.pcap.zst"))


def test_label_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"labels.csv": "file,class\na,b\n"})
    with pytest.raises(ValueError, match="missing column 'activity', 'environment', 'group', 'rule'"):
        open_truth("X", {"kind": "label_table", "table": "labels.csv"}, tmp_path, "BENIGN")


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ({"kind": "rules", "rules": "t"}, "default: BENIGN\nrules: [{label: DOS, host: 9.9.9.9}]"),
        ({"kind": "folders", "hosts": "t"}, "attackers: [9.9.9.9]"),
        ({"kind": "mac_list", "devices": "t"}, "Echo\t44:65:0d:56:cc:d3\tWireless\n"),
    ],
)
def test_truth_of_another_network_meets_nothing_and_is_refused(
    tmp_path: Path, options: dict, content: str
) -> None:
    write(tmp_path, {"t": content})
    PACKETS["a.pcap"] = PACKETS["benign-dec.pcap"]
    with pytest.raises(ValueError, match="meets nothing in any capture"):
        label(tmp_path, options, two_flows("Scan/a.pcap"))


def test_own_rules_are_a_source_like_the_others(tmp_path: Path) -> None:
    write(tmp_path, {"rules.yaml": "default: BENIGN\nrules:\n  - {label: DOS, port: 554}\n"})
    labels, _, summary = label(
        tmp_path,
        {"kind": "rules", "rules": "rules.yaml", "group_by": "folder"},
        two_flows("dos-1-dec.pcap.zst"),
    )
    assert labels == ["DOS", "BENIGN"]
    assert summary["rules"] == {"no rule matches": 1, "port 554": 1}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"kind": "astrology"}, "kind is 'astrology'; known are packet_filters"),
        ({"kind": "folders"}, "option hosts is missing"),
        ({"kind": "folders", "hosts": "h", "attackers": "a"}, "unknown option attackers"),
        ({"kind": "rules", "rules": "r", "group_by": "moon"}, "group_by is 'moon'"),
    ],
)
def test_source_entry_that_is_wrong_is_refused_by_name(tmp_path: Path, options: dict, complaint: str) -> None:
    with pytest.raises(KeyError) as caught:
        open_truth("X", options, tmp_path, "BENIGN")
    assert complaint in caught.value.args[0]


def test_truth_file_that_is_missing_or_not_utf8_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="this truth file is not there"):
        open_truth("X", D1, tmp_path, "BENIGN")
    (tmp_path / "rules.csv").write_bytes(
        "No,File Name,Category,Sub-category,Rule\n2,a,Schl\xe4fer,b,c\n".encode("latin-1")
    )
    with pytest.raises(ValueError, match="not UTF-8 text"):
        open_truth("X", D1, tmp_path, "BENIGN")


def test_empty_flow_table_is_refused_with_the_usual_reason(tmp_path: Path) -> None:
    write(tmp_path, {"rules.yaml": "rules: [{label: DOS, port: 554}]"})
    with pytest.raises(ValueError, match=r"X: the table of flows is empty.*meter\.profile=clean"):
        label(tmp_path, {"kind": "rules", "rules": "rules.yaml"}, flows())


def test_captures_are_listed_with_their_folders_and_endings(tmp_path: Path) -> None:
    write(tmp_path, {"a.pcap.zst": "", "sub/b.pcapng": "", "c.txt": "", "d.cap.gz": ""})
    assert sorted(find_captures(tmp_path)) == ["a.pcap.zst", "d.cap.gz", "sub/b.pcapng"]


def test_stage_writes_its_files_and_says_errors_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, {"data/rules.yaml": "rules: [{label: DOS, port: 554}]"})
    params = {
        "data": {
            "name": "t",
            "root": "data",
            "classes": ["BENIGN", "DOS"],
            "benign": "BENIGN",
            "sources": {"X": {"kind": "rules", "rules": "rules.yaml"}},
        },
        "label": {"unlabelled": "apart", "missing_captures": "error"},
        "meter": yaml.safe_load(Path("conf/meter/default.yaml").read_text(encoding="utf-8")),
    }
    write(tmp_path, {"params.yaml": yaml.safe_dump(params)})
    capture = write_pcap(tmp_path / "data" / "new\nline.pcap", SCANNED)
    write_table(flows_from_capture(capture, "clean", name="new\nline.pcap"), tmp_path / "flows.parquet")
    write_table(flows(), tmp_path / "none.parquet")

    def run(source: str, table: str = "flows") -> subprocess.CompletedProcess:
        paths = ["--flows", f"{table}.parquet", "--out", "out/X.parquet", "--summary", "out/X.json"]
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        command = [sys.executable, "-m", "stages.label", "--source", source, *paths]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    done = run("X")
    assert done.returncode == 0, done.stderr
    assert [line.split(" (")[0] for line in done.stderr.splitlines()] == ["warning: unlabelled"]
    assert "new\\nline.pcap" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "X.apart.parquet",
        "X.json",
        "X.parquet",
    ]
    assert json.loads((tmp_path / "out/X.json").read_text(encoding="utf-8"))["flows"] == 2
    assert pq.read_table(tmp_path / "out/X.parquet")["label"].to_pylist() == ["DOS"]
    assert pq.read_table(tmp_path / "out/X.apart.parquet").num_rows == 1
    empty = run("X", "none")
    assert (empty.returncode, len(empty.stderr.splitlines())) == (1, 1)
    assert empty.stderr.startswith("error: X: the table of flows is empty")
    wrong = run("Y")
    assert wrong.returncode == 1
    assert wrong.stderr.strip() == "error: no source 'Y' in data.sources; there are X"


IOT23 = SHARED / "captures/iot23"
SCENARIO_8_1 = "CTU-IoT-Malware-Capture-8-1_2018-07-31-15-15-09-192.168.100.113.pcap"


@needs_shared
@pytest.mark.parametrize("profile", ["paper", "clean"])
def test_scenario_8_1_is_labelled_in_full_and_agrees_with_its_endpoint_rule(profile: str) -> None:
    table = flows_from_capture(IOT23 / SCENARIO_8_1, profile)
    connections = read_connections(IOT23 / "zeek_labeled/CTU-Malware-Capture-8-1-labeled.csv")
    by_log = label_by_connections(
        SCENARIO_8_1, "8-1", table, connections, malicious="BOTNET", background="BENIGN", tolerance_us=0
    )
    rules = [
        rule
        for rule in read_rules(Path("conf/data/real_rules.yaml").read_text(encoding="utf-8"), "real.yaml")[0]
        if rule.applies_to(SCENARIO_8_1)
    ]
    bookings = book_packets(rules, packet_batches(IOT23 / SCENARIO_8_1, profile))
    by_rule = label_by_rules(
        SCENARIO_8_1,
        "8-1",
        table["flow_number"].to_numpy(),
        rules,
        bookings,
        default=Verdict("BENIGN", "", "rest"),
    )
    has_ports = np.isin(table["protocol"].to_numpy(), [6, 17])
    classes = [
        np.array([labels.verdicts[code].label if code >= 0 else "?" for code in labels.codes])[has_ports]
        for labels in (by_log, by_rule)
    ]
    assert has_ports.sum() > 3_500
    assert "?" not in classes[0]
    assert (classes[0] == classes[1]).all()
    assert (classes[0] == "BOTNET").sum() == 2_056
