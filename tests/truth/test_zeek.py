"""IoT-23's labelled connection logs: reading both layouts, and meeting flows with connections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotids.truth.formats.zeek_join import label_by_connections, meet
from iotids.truth.formats.zeek_log import Connections, read_connections
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels
from tests.shared import SHARED, needs_shared
from tests.truth.tables import flow, flows

FIELDS = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "local_orig",
    "local_resp",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
]
HEADER = (
    "#separator \\x09\n#set_separator\t,\n#path\tconn\n#fields\t"
    + "\t".join(FIELDS)
    + "\ttunnel_parents   label   detailed-label\n#types\ttime\n"
)


def row(
    ts: str,
    src: str,
    sport: int,
    dst: str,
    dport: int,
    proto: str = "tcp",
    duration: str = "-",
    label: str = "Benign",
    detail: str = "-",
) -> str:
    middle = ["-", duration, "0", "0", "S0", "-", "-", "0", "S", "1", "60", "0", "0"]
    return "\t".join([ts, "Cx", src, str(sport), dst, str(dport), proto, *middle, f"-   {label}   {detail}"])


def log(tmp_path: Path, *rows: str, end: str = "\n", header: str = HEADER) -> Path:
    path = tmp_path / "conn.log.labeled"
    path.write_text(header + "\n".join(rows) + end, encoding="utf-8")
    return path


def connections(tmp_path: Path, *rows: str) -> Connections:
    return read_connections(log(tmp_path, *rows))


def label(flow_table, truth: Connections, background: str = "BENIGN", tolerance_us: int = 0) -> CaptureLabels:
    return label_by_connections(
        "a.pcap",
        "34-1",
        flow_table,
        truth,
        malicious="MIRAI",
        background=background,
        tolerance_us=tolerance_us,
    )


def verdicts(labels: CaptureLabels) -> list[tuple[str, str]]:
    return [
        (labels.verdicts[code].label, labels.verdicts[code].sublabel) if code >= 0 else ("?", "")
        for code in labels.codes
    ]


def test_mixed_layout_is_read_to_the_microsecond(tmp_path: Path) -> None:
    rows = connections(
        tmp_path,
        row(
            "1545403816.962094",
            "10.0.0.1",
            41040,
            "10.0.0.2",
            80,
            duration="3.139211",
            label="Malicious",
            detail="C&C",
        ),
    ).rows.to_pylist()
    assert rows == [
        {
            "orig_ip": "10.0.0.1",
            "orig_port": 41040,
            "resp_ip": "10.0.0.2",
            "resp_port": 80,
            "protocol": "tcp",
            "first_us": 1545403816962094,
            "last_us": 1545403820101305,
            "malicious": True,
            "detail": "C&C",
        }
    ]


@pytest.mark.parametrize("end", ["", "\n", "\n#close\t2019-03-15-14-50-49\n", "\r\n"])
def test_log_may_end_with_or_without_newline_and_close_line(tmp_path: Path, end: str) -> None:
    truth = read_connections(log(tmp_path, row("1.5", "10.0.0.1", 1, "10.0.0.2", 2), end=end))
    assert (truth.rows.num_rows, truth.broken) == (1, ())


def test_csv_copy_reads_like_the_log(tmp_path: Path) -> None:
    names = [*FIELDS, "tunnel_parents", "label", "detailed-label"]
    values = dict.fromkeys(names, "") | {
        "ts": "1545403816.962094",
        "id.orig_h": "10.0.0.1",
        "id.orig_p": "41040",
        "id.resp_h": "10.0.0.2",
        "id.resp_p": "80",
        "proto": "tcp",
        "label": "benign",
        "detailed-label": "-",
    }
    path = tmp_path / "x-labeled.csv"
    path.write_text(",".join(names) + "\r\n" + ",".join(values.values()) + "\r\n", encoding="utf-8")
    (only,) = read_connections(path).rows.to_pylist()
    assert (only["first_us"], only["last_us"], only["malicious"]) == (
        1545403816962094,
        1545403816962094,
        False,
    )


def test_lines_that_cannot_be_used_are_handed_back(tmp_path: Path) -> None:
    truth = connections(
        tmp_path,
        row("1.0", "10.0.0.1", 1, "10.0.0.2", 2),
        "cut\tshort",
        row("noon", "10.0.0.1", 1, "10.0.0.2", 2),
        row("2.0", "10.0.0.1", 1, "10.0.0.2", 2, label="-"),
    )
    assert truth.rows.num_rows == 1
    assert len(truth.broken) == 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no column ts"),
        (b"hello\nworld\n", "no column ts"),
        (HEADER.replace("   label   detailed-label", "").encode() + b"1\t2\n", "without labels"),
        (HEADER.encode(), "no connection"),
        (HEADER.encode("utf-16"), "not UTF-8"),
        (HEADER.encode() + row("noon", "a", 1, "b", 2).encode(), "none of 1 rows can be used"),
    ],
)
def test_what_is_no_labelled_log_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "conn.log.labeled"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"conn\.log\.labeled") as caught:
        read_connections(path)
    assert complaint in str(caught.value)


def test_flow_meets_its_connection_from_either_side(tmp_path: Path) -> None:
    truth = connections(
        tmp_path,
        row("10.0", "10.0.0.1", 1000, "10.0.0.2", 80, duration="5", label="Malicious", detail="DDoS"),
    )
    table = flows(
        flow("10.0.0.1", 1000, "10.0.0.2", 80, start_us=10_000_000),
        flow("10.0.0.2", 80, "10.0.0.1", 1000, start_us=14_000_000),
    )
    assert verdicts(label(table, truth)) == [("MIRAI", "DDoS"), ("MIRAI", "DDoS")]


def test_other_port_protocol_or_host_does_not_meet(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10.0", "10.0.0.1", 1000, "10.0.0.2", 80))
    table = flows(
        flow("10.0.0.1", 1000, "10.0.0.2", 80, start_us=10_000_000),
        flow("10.0.0.1", 1001, "10.0.0.2", 80, start_us=10_000_000),
        flow("10.0.0.1", 1000, "10.0.0.2", 80, 17, start_us=10_000_000),
        flow("10.0.0.3", 1000, "10.0.0.2", 80, start_us=10_000_000),
        flow("10.0.0.1", 80, "10.0.0.2", 1000, start_us=10_000_000),
    )
    assert label(table, truth).codes.tolist() == [0, UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED]


def test_malicious_wins_over_any_number_of_benign_connections(tmp_path: Path) -> None:
    benign = [row(f"{10 + number}.0", "10.0.0.1", 1000, "10.0.0.2", 80) for number in range(5)]
    truth = connections(
        tmp_path, *benign, row("16.0", "10.0.0.1", 1000, "10.0.0.2", 80, label="Malicious", detail="C&C")
    )
    labels = label(
        flows(flow("10.0.0.1", 1000, "10.0.0.2", 80, start_us=10_000_000, duration_us=9_000_000)), truth
    )
    assert verdicts(labels) == [("MIRAI", "C&C")]
    assert {notice.name: notice.count for notice in labels.notices} == {
        "flow_meets_several_connections": 1,
        "truth_disagrees": 1,
    }


def test_detail_with_most_connections_becomes_the_sublabel(tmp_path: Path) -> None:
    details = ["DDoS", "C&C", "C&C"]
    truth = connections(
        tmp_path,
        *[
            row(f"1{number}.0", "10.0.0.1", 1, "10.0.0.2", 2, label="Malicious", detail=detail)
            for number, detail in enumerate(details)
        ],
    )
    assert verdicts(
        label(flows(flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=9_000_000, duration_us=9_000_000)), truth)
    ) == [("MIRAI", "C&C")]


def test_time_decides_between_connections_of_one_endpoint_pair(tmp_path: Path) -> None:
    truth = connections(
        tmp_path,
        row("10.0", "10.0.0.1", 1, "10.0.0.2", 2, duration="2.0"),
        row("20.0", "10.0.0.1", 1, "10.0.0.2", 2, duration="2.0", label="Malicious", detail="C&C"),
    )
    starts_s = [10, 12, 20, 22]
    table = flows(*[flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=start * 1_000_000) for start in starts_s])
    assert [name for name, _ in verdicts(label(table, truth))] == ["BENIGN", "BENIGN", "MIRAI", "MIRAI"]


def test_flow_between_connections_takes_the_nearest_and_is_counted(tmp_path: Path) -> None:
    truth = connections(
        tmp_path,
        row("10.0", "10.0.0.1", 1, "10.0.0.2", 2),
        row("20.0", "10.0.0.1", 1, "10.0.0.2", 2, label="Malicious", detail="C&C"),
    )
    table = flows(
        flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=10_000_000),
        flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=17_000_000),
    )
    labels = label(table, truth)
    assert verdicts(labels) == [("BENIGN", "background"), ("MIRAI", "C&C")]
    assert [(notice.name, notice.count) for notice in labels.notices] == [("met_by_endpoints_only", 1)]


def test_tolerance_lets_whole_second_copies_meet(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10", "10.0.0.1", 1, "10.0.0.2", 2, duration="0.1"))
    table = flows(flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=10_900_000))
    assert label(table, truth, tolerance_us=1_000_000).notices == ()


def test_icmp_meets_by_addresses_and_unknown_protocols_are_kept_apart(tmp_path: Path) -> None:
    truth = connections(
        tmp_path,
        row("10.0", "10.0.0.1", 8, "10.0.0.2", 0, proto="icmp", label="Malicious", detail="DDoS"),
        row("10.0", "10.0.0.5", 8, "10.0.0.6", 0),
    )
    table = flows(
        flow("10.0.0.1", 0, "10.0.0.2", 0, 0, start_us=10_000_000),
        flow("10.0.0.1", 0, "224.0.0.1", 0, 0, start_us=10_000_000),
    )
    assert verdicts(label(table, truth)) == [("MIRAI", "DDoS"), ("", "")]


def test_ipv6_addresses_meet_however_they_are_written(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10.0", "fe80::1", 1, "ff02::fb", 2, proto="udp"))
    table = flows(flow("fe80:0:0:0:0:0:0:1", 1, "FF02::FB", 2, 17, start_us=10_000_000))
    assert label(table, truth).codes.tolist() == [0]


def test_benign_flows_can_be_kept_apart(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10.0", "10.0.0.1", 1, "10.0.0.2", 2))
    labels = label(flows(flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=10_000_000)), truth, background="")
    assert verdicts(labels) == [("", "")]


def test_log_of_another_day_is_refused_as_a_matter_of_clocks(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10.0", "10.0.0.1", 1, "10.0.0.2", 2))
    with pytest.raises(
        ValueError, match=r"log starts -86,400 s after the flows: clocks or time zones differ"
    ):
        label(flows(flow("10.0.0.1", 1, "10.0.0.2", 2, start_us=86_410_000_000)), truth)


def test_log_of_another_network_is_refused(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10.0", "10.0.0.1", 1, "10.0.0.2", 2))
    with pytest.raises(ValueError, match="it is the log of another capture"):
        label(flows(flow("172.16.0.1", 1, "172.16.0.2", 2, start_us=10_000_000)), truth)


def test_capture_without_flows_is_fine(tmp_path: Path) -> None:
    truth = connections(tmp_path, row("10.0", "10.0.0.1", 1, "10.0.0.2", 2))
    assert label(flows(), truth).codes.tolist() == []


A, B = ("10.0.0.1", 1), ("10.0.0.2", 2)
ENDS = st.sampled_from([(*A, *B), (*B, *A), (*A, "10.0.0.2", 3), ("10.0.0.3", 1, *B)])
SPANS = st.tuples(ENDS, st.integers(0, 30), st.integers(0, 8))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SPANS, max_size=12),
    st.lists(st.tuples(SPANS, st.booleans()), min_size=1, max_size=12),
    st.integers(0, 2),
)
def test_counting_by_sorting_equals_looking_at_every_pair(spans: list, logged: list, tolerance: int) -> None:
    table = flows(*[flow(*ends, start_us=start, duration_us=length) for ends, start, length in spans])
    rows = pa.table(
        {
            "orig_ip": [ends[0] for (ends, _, _), _ in logged],
            "orig_port": pa.array([ends[1] for (ends, _, _), _ in logged], pa.int32()),
            "resp_ip": [ends[2] for (ends, _, _), _ in logged],
            "resp_port": pa.array([ends[3] for (ends, _, _), _ in logged], pa.int32()),
            "protocol": ["tcp"] * len(logged),
            "first_us": [start for (_, start, _), _ in logged],
            "last_us": [start + length for (_, start, length), _ in logged],
        }
    )
    codes = np.array([int(malicious) for _, malicious in logged])
    found = meet(table, rows, codes, 2, tolerance).met
    for number, (ends, start, length) in enumerate(spans):
        expected = [0, 0]
        for (other, first, span), malicious in logged:
            same = {ends[:2], ends[2:]} == {other[:2], other[2:]}
            if same and first <= start + length + tolerance and first + span >= start - tolerance:
                expected[malicious] += 1
        assert found[number].tolist() == expected


REAL = SHARED / "captures/iot23/zeek_labeled"


@needs_shared
def test_published_log_and_its_csv_copy_agree() -> None:
    original = read_connections(REAL / "CTU-IoT-Malware-Capture-34-1_conn.log.labeled").rows
    copy = read_connections(REAL / "CTU-Malware-Capture-34-1-labeled.csv").rows
    assert original.num_rows == 23_145
    assert original.equals(copy)
    malicious = original.filter(original["malicious"]).column("detail").value_counts().to_pylist()
    assert {entry["values"]: entry["counts"] for entry in malicious} == {
        "DDoS": 14_394,
        "C&C": 6_706,
        "PartOfAHorizontalPortScan": 122,
    }
