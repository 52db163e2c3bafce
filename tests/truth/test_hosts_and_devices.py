"""D2's folders with attackers, and D3's device list."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotids.truth.formats.folders import label_by_endpoint, read_hosts
from iotids.truth.formats.mac_list import label_by_device, read_devices
from iotids.truth.labelling.flow_labels import CaptureLabels
from tests.shared import SHARED, needs_shared
from tests.truth.tables import flow, flows

SCAN = "Scan/OS/IoT_Dataset_OSScan__00001.pcap.zst"
LIST = (
    "List of Devices\t\t\t\tMAC ADDRESS\t\tConnection Type\r\n\r\nAmazon Echo \t\t44:65:0d:56:cc:d3 \tWireless\r\n"
    "HP Printer \t70:5a:0f:e4:9b:c0\tWireless\r\nMacBook/Iphone\t\tf4:5c:89:93:cc:85\tWireless\r\n"
    "TPLink Router Bridge LAN (Gateway)\t14:cc:20:51:33:ea"
)
WORDS = ["macbook", "iphone", "router", "gateway"]


def verdicts(labels: CaptureLabels) -> list[tuple[str, str]]:
    return [(labels.verdicts[code].label, labels.verdicts[code].sublabel) for code in labels.codes]


def scan(capture: str, background: str = "") -> CaptureLabels:
    table = flows(
        flow("192.168.100.147", 1, "192.168.100.3", 80),
        flow("192.168.100.3", 80, "192.168.100.147", 1),
        flow("192.168.100.3", 1, "8.8.8.8", 53, 17),
    )
    return label_by_endpoint(
        capture,
        table,
        attackers=["192.168.100.147"],
        targets=["192.168.100.3"],
        categories={"Scan": "SCANNING"},
        background=background,
    )


def test_flow_with_an_attacker_at_either_end_is_a_scan_and_the_rest_kept_apart() -> None:
    assert verdicts(scan(SCAN)) == [("SCANNING", "Scan OS"), ("SCANNING", "Scan OS"), ("", "")]


def test_background_can_be_benign() -> None:
    assert verdicts(scan(SCAN, background="BENIGN"))[2] == ("BENIGN", "background")


def test_folders_without_a_class_are_kept_apart() -> None:
    labels = scan("DoS/DoS_TCP/x.pcap")
    assert {labels.verdicts[code].rule for code in labels.codes} == {"folder DoS/DoS_TCP is not used"}


def test_capture_without_any_attacker_is_named() -> None:
    labels = label_by_endpoint(
        SCAN,
        flows(flow("1.1.1.1", 1, "2.2.2.2", 2)),
        attackers=["9.9.9.9"],
        targets=[],
        categories={"Scan": "S"},
        background="",
    )
    assert [(notice.name, notice.severity) for notice in labels.notices] == [
        ("rule_matches_nothing", "warning")
    ]


def test_hosts_are_read_and_checked() -> None:
    assert read_hosts("attackers: [192.168.100.147]\ntargets: [192.168.100.3]", "hosts.yaml") == (
        ["192.168.100.147"],
        ["192.168.100.3"],
    )
    for text in ("", "targets: [1.2.3.4]", "attackers: [kali]"):
        with pytest.raises(ValueError, match=r"hosts\.yaml"):
            read_hosts(text, "hosts.yaml")


def devices(iot_only: bool) -> CaptureLabels:
    table = flows(
        {"src_mac": "44:65:0d:56:cc:d3", "dst_mac": "14:cc:20:51:33:ea"},
        {"src_mac": "14:cc:20:51:33:ea", "dst_mac": "70:5A:0F:E4:9B:C0"},
        {"src_mac": "f4:5c:89:93:cc:85", "dst_mac": "14:cc:20:51:33:ea"},
        {"src_mac": "aa:aa:aa:aa:aa:aa", "dst_mac": "ff:ff:ff:ff:ff:ff"},
        {"src_mac": "f4:5c:89:93:cc:85", "dst_mac": "44:65:0d:56:cc:d3"},
    )
    return label_by_device(
        "16-09-23.pcap", table, read_devices(LIST, WORDS, "list"), benign="BENIGN", iot_only=iot_only
    )


def test_everything_is_benign_and_the_device_is_the_sublabel() -> None:
    labels = verdicts(devices(iot_only=False))
    assert [name for name, _ in labels] == ["BENIGN"] * 5
    assert [name for _, name in labels][:2] == ["Amazon Echo", "HP Printer"]
    assert labels[3][1] == "unlisted"


def test_iot_only_keeps_flows_without_an_iot_device_apart() -> None:
    assert verdicts(devices(iot_only=True)) == [
        ("BENIGN", "Amazon Echo"),
        ("BENIGN", "HP Printer"),
        ("", ""),
        ("", ""),
        ("BENIGN", "Amazon Echo"),
    ]


def test_list_without_addresses_or_with_one_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="no line has a MAC address"):
        read_devices("a\tb\n", WORDS, "list")
    with pytest.raises(ValueError, match="listed twice"):
        read_devices("a\t00:00:00:00:00:01\nb\t00-00-00-00-00-01\n", WORDS, "list")


@needs_shared
def test_published_list_has_31_machines_of_which_8_are_no_iot_devices() -> None:
    import yaml

    words = yaml.safe_load(Path("iotids/truth/labelling/categories.yaml").read_text(encoding="utf-8"))[
        "non_iot_devices"
    ]
    found = read_devices(
        (SHARED / "captures/label_rules/UNSW_List_Of_Devices.txt").read_text(encoding="utf-8"), words, "list"
    )
    assert len(found) == 31
    assert sorted(device.name for device in found if not device.is_iot) == [
        "Android Phone",
        "Android Phone",
        "IPhone",
        "Laptop",
        "MacBook",
        "MacBook/Iphone",
        "Samsung Galaxy Tab",
        "TPLink Router Bridge LAN (Gateway)",
    ]
