"""Incidents for those who act: Community IDs of the specification, fields as ECS and EVE name them, and a slice that
holds an incident's packets and no others.
"""

import csv
import json
import re
import sys

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.acting.acting import Acting, Asked
from iotids.detecting.acting.community_id import community_id
from iotids.detecting.acting.records import CSV_COLUMNS, RECORDS, csv_row, safe_text
from iotids.detecting.incidents.plain import incident_to_plain
from tests.detecting.lab import METER, START_US, benign_records, flood_records, frame, scan_records
from tests.detecting.test_incidents import SCANNER, SECOND, VICTIM, capture, judged, late_answers, noted
from tests.packets import Record, udp, write_pcap


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [  # of the specification's own baseline
        (("128.232.110.120", "66.35.250.204", 6, 34855, 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("192.168.1.52", "8.8.8.8", 17, 54585, 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (("192.168.170.8", "192.168.170.56", 132, 7, 80), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
        (("192.168.0.89", "192.168.0.1", 1, 8, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        (
            ("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 58, 135, 0),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
        ),
    ],
)
def test_community_ids_are_those_of_the_specification(ends, wanted):
    src, dst, protocol, src_port, dst_port = ends
    assert community_id(src, dst, protocol, src_port, dst_port) == wanted
    if protocol not in (1, 58):
        assert community_id(dst, src, protocol, dst_port, src_port) == wanted


def test_a_seed_changes_the_community_id():
    ends = ("66.35.250.204", "128.232.110.120", 6, 80, 34855)
    assert community_id(*ends, seed=1) == "1:3V71V58M3Ksw/yuFALMcW0LAHvc="


def test_addresses_of_two_families_have_no_community_id():
    with pytest.raises(ValueError, match="different families"):
        community_id("10.0.0.1", "fe80::1", 6, 1, 2)


@pytest.fixture
def scan(tmp_path):
    """The incident of a scan of 300 ports with 30 late answers."""
    records = scan_records(flows=300, seed=1) + late_answers(30)
    book = noted(judged(capture(tmp_path, records)))
    book.end()
    return book.top("attack", 1)[0]


def test_an_ecs_record_has_the_fields_of_the_schema_at_their_places(scan):
    record = RECORDS["ecs"](scan)
    assert record["@timestamp"].startswith("2023-11-14T22:13:20.")
    assert record["event"]["kind"] == "alert"
    assert record["event"]["category"] == ["intrusion_detection", "network"]
    assert record["event"]["type"] == ["info"]
    assert record["event"]["duration"] == (scan.last_us - scan.first_us) * 1000
    assert (record["source"]["ip"], record["destination"]["ip"]) == (SCANNER, VICTIM)
    assert record["source"]["port"] == 40_000
    assert record["network"]["transport"] == "tcp"
    assert record["network"]["community_id"] == community_id(
        SCANNER, VICTIM, 6, 40_000, record["destination"]["port"]
    )
    assert record["threat"]["technique"]["id"] == ["T1046"]
    assert record["threat"]["framework"] == "MITRE ATT&CK"
    assert record["related"]["ip"] == sorted([VICTIM, SCANNER])


def test_an_eve_record_is_an_alert_as_suricata_writes_it(scan):
    record = RECORDS["eve"](scan)
    assert record["event_type"] == "alert"
    assert record["timestamp"].startswith("2023-11-14T22:13:")
    assert record["timestamp"].endswith("+0000")
    assert (record["src_ip"], record["dest_ip"], record["proto"]) == (SCANNER, VICTIM, "TCP")
    assert record["community_id"].startswith("1:")
    assert record["alert"]["severity"] == 2  # of 1 to 4, where iotids says medium
    assert record["alert"]["action"] == "allowed"
    assert record["alert"]["metadata"]["mitre_technique_id"] == ["T1046"]
    assert 0 < record["flow_id"] < 2**53  # what JSON readers keep
    assert record["pcap_cnt"] == 1


def test_the_record_of_the_beginning_and_that_of_the_end_have_one_id(tmp_path):
    records = scan_records(flows=300, seed=1)
    said = tmp_path / "live.json"
    acting = Acting(Asked(ecs=str(said)), live=True)
    book = acting.book()
    noted(judged(capture(tmp_path, records)), at_once=10, book=book)
    book.end()
    acting.close()
    first, last = (json.loads(line) for line in said.read_text().splitlines())
    assert (first["event"]["action"], last["event"]["action"]) == ("incident-began", "incident-ended")
    assert first["event"]["id"] == last["event"]["id"]
    assert first["iotids"]["flows"] < last["iotids"]["flows"] == 300


def test_a_wireshark_filter_names_actor_victim_and_packets(scan):
    assert incident_to_plain(scan)["wireshark"] == (
        f"ip.addr == {SCANNER} && ip.addr == {VICTIM} && frame.number >= 1 && frame.number <= 630"
    )


def test_a_csv_row_holds_no_formula(scan):
    scan.first_capture = "=1+1.pcap"
    assert "'=1+1.pcap" in csv_row(scan)
    assert safe_text("-1") == "'-1"


def mixed(tmp_path):
    """A scan among benign flows, and the packets of the scan by hand."""
    scan = scan_records(flows=40, seed=1, start_us=START_US + 50 * SECOND)
    others = benign_records(flows=60, seed=3, span_us=100 * SECOND)
    records = sorted([*scan, *others], key=lambda record: record.time_us)
    return write_pcap(tmp_path / "scan.pcap", records), [r.data for r in records if r in scan]


def alarm_on_the_scanner(path):
    """The verdict table that calls the scanner's flows attacks."""
    table = judged(path)
    alarm = np.array(
        [SCANNER in ends for ends in zip(*(table.column(n).to_pylist() for n in ("src_ip", "dst_ip")))]
    )
    verdict = pa.array(np.where(alarm, "attack", "benign")).dictionary_encode()
    return table.set_column(table.schema.get_field_index("verdict"), "verdict", verdict)


def packets_in(path):
    """The bytes of each packet of a little-endian pcap, read by hand."""
    content, at, found = path.read_bytes(), 24, []
    while at < len(content):
        length = int.from_bytes(content[at + 8 : at + 12], "little")
        found.append(content[at + 16 : at + 16 + length])
        at += 16 + length
    return found


@pytest.mark.parametrize("place", ["one.pcap", "slices"])
def test_a_slice_holds_exactly_the_packets_of_the_incident(tmp_path, place):
    path, wanted = mixed(tmp_path)
    acting = Acting(Asked(slices=tmp_path / place), live=False)
    book = noted(alarm_on_the_scanner(path), book=acting.book())
    book.end()
    assert acting.write_slices(book, [str(path)], METER) == []
    (number,) = [i.number for i in book.top("attack", 9)]
    out = tmp_path / place if place.endswith("pcap") else tmp_path / place / f"incident-{number}.pcap"
    assert packets_in(out) == wanted
    assert out.read_bytes()[:24] == path.read_bytes()[:24]


def test_standard_input_cannot_be_sliced(tmp_path):
    path, _ = mixed(tmp_path)
    acting = Acting(Asked(slices=tmp_path / "one.pcap"), live=False)
    book = noted(alarm_on_the_scanner(path), book=acting.book())
    (fault,) = acting.write_slices(book, ["-"], METER)
    assert "standard input" in fault
    assert not (tmp_path / "one.pcap").exists()


def test_a_capture_that_is_gone_is_named(tmp_path):
    path, _ = mixed(tmp_path)
    acting = Acting(Asked(slices=tmp_path / "slices"), live=False)
    book = noted(alarm_on_the_scanner(path), book=acting.book())
    path.unlink()
    (fault,) = acting.write_slices(book, [str(path)], METER)
    assert "scan.pcap" in fault


def test_single_alarms_are_in_no_record(tmp_path):
    one = [Record(START_US, frame(SCANNER, VICTIM, 17, udp(5000, 1900, b"x")))]
    acting = Acting(Asked(incidents=str(tmp_path / "i.csv")), live=False)
    book = noted(judged(capture(tmp_path, one)), book=acting.book())
    book.end()
    acting.close()
    (head,) = csv.reader((tmp_path / "i.csv").open())
    assert head[:3] == ["state", "number", "id"]


def test_detect_writes_records_and_slices(trained, tmp_path, monkeypatch, capsys):
    from iotids.commands import detect

    write_pcap(tmp_path / "flood.pcap", flood_records(flows=300, seed=5))
    words = ["--ecs", "e.json", "--eve", "v.json", "--incidents", "i.csv", "--slice", "s.pcap"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["iotids detect", "flood.pcap", "--model", str(trained.folder), *words])
    assert detect.main() == 0, capsys.readouterr().err
    (ecs,) = map(json.loads, (tmp_path / "e.json").read_text().splitlines())
    (eve,) = map(json.loads, (tmp_path / "v.json").read_text().splitlines())
    _, row = csv.reader((tmp_path / "i.csv").open())
    assert ecs["source"]["ip"] == eve["src_ip"] == "10.0.0.66"
    assert ecs["network"]["community_id"] == eve["community_id"]
    assert row[0] == "ended"
    assert len(packets_in(tmp_path / "s.pcap")) == int(ecs["network"]["packets"])


def test_an_incident_has_one_number_and_one_id_in_every_output_of_a_run(
    trained, tmp_path, monkeypatch, capsys
):
    from iotids.commands import detect

    write_pcap(tmp_path / "flood.pcap", flood_records(flows=300, seed=5))
    write_pcap(tmp_path / "scan.pcap", scan_records(flows=100, seed=7))
    words = ["--ecs", "e.json", "--eve", "v.json", "--incidents", "i.csv", "--report", "page.html"]
    monkeypatch.chdir(tmp_path)
    command = ["iotids detect", "flood.pcap", "scan.pcap", "--model", str(trained.folder), "-o", "v.csv"]
    monkeypatch.setattr(sys, "argv", [*command, *words])
    assert detect.main() == 0
    said = re.findall(r"^incident (\d+) \[", capsys.readouterr().err, re.MULTILINE)
    lines = {name: map(json.loads, (tmp_path / name).read_text().splitlines()) for name in words[1:4:2]}
    alerts = [record["alert"]["metadata"] for record in lines["v.json"]]
    summary = json.loads((tmp_path / "v.csv.summary.json").read_text())["attacks"]
    found = {
        "ecs": {(str(r["iotids"]["number"]), r["event"]["id"]) for r in lines["e.json"]},
        "eve": {(a["incident_number"][0], a["incident_id"][0]) for a in alerts},
        "csv": {(row["number"], row["id"]) for row in csv.DictReader((tmp_path / "i.csv").open())},
        "page": set(re.findall(r"<b id='(\w+)'>(\d+)</b>", (tmp_path / "page.html").read_text())),
    }
    found["page"] = {(number, id_) for id_, number in found["page"]}
    wanted = {(str(i["number"]), i["id"]) for i in summary}
    assert len(wanted) == 2
    assert found == dict.fromkeys(found, wanted)
    assert sorted(said) == sorted(number for number, _ in wanted)


def test_a_csv_row_counts_the_classes_and_names_the_captures(scan):
    scan.classes, scan.captures = {"SCANNING": 300, "DOS": 30}, ["a.pcap", "b.pcap"]
    row = dict(zip(CSV_COLUMNS, csv_row(scan), strict=True))
    assert row["classes"] == "SCANNING 300; DOS 30"
    assert row["captures"] == "a.pcap; b.pcap"


def test_slices_of_live_traffic_are_refused(tmp_path, monkeypatch, capsys):
    from iotids.commands import detect

    monkeypatch.setattr(sys, "argv", ["iotids detect", "-", "--slice", "s.pcap"])
    with pytest.raises(SystemExit) as ended:
        detect.main()
    assert ended.value.code == 2
    assert "--slice reads packets a second time" in capsys.readouterr().err
