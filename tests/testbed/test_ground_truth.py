"""The ground-truth files say about every flow exactly what the maker of the captures knows."""

from __future__ import annotations

import csv
import re
from collections import Counter

import pyarrow.compute as pc
import pytest

from iotids.testbed.tape import Label
from iotids.truth.filters.display_filter import parse_filter
from tests.shared import SHARED, needs_shared
from tests.testbed.measured import SMALL_SCALE, Sample, metered_sample


def disagreements(sample: Sample) -> Counter:
    """Count flows by (source, label of the files, label of the maker) where the two differ."""
    sources, labels = (sample.flows.column(name).to_pylist() for name in ("source", "label"))
    return Counter(
        (source, label, known.category)
        for source, label, known in zip(sources, labels, sample.known, strict=True)
        if known is not None and known.category != label
    )


def test_files_and_maker_agree_on_every_flow_of_the_small_sample(small_sample):
    assert small_sample.flows.num_rows > 2000
    assert disagreements(small_sample) == Counter()


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["original", "corrected", "clean"])
def test_files_and_maker_agree_whichever_way_the_flows_are_metered(small_folder, profile):
    sample = metered_sample(small_folder, seed=7, scale=SMALL_SCALE, profile=profile)
    assert disagreements(sample) == Counter()


@pytest.mark.slow
def test_files_and_maker_agree_on_every_flow_of_the_full_sample(full_sample):
    assert disagreements(full_sample) == Counter()


def test_zeek_log_and_maker_agree_on_the_activity_of_every_malicious_flow(small_sample):
    table = small_sample.flows
    pairs = zip(
        table.column("source").to_pylist(),
        table.column("sublabel").to_pylist(),
        small_sample.known,
        strict=True,
    )
    seen = Counter(
        sublabel == known.activity for source, sublabel, known in pairs if source == "D4" and is_attack(known)
    )
    assert seen[True] > 300 and seen[False] == 0


def is_attack(known: Label | None) -> bool:
    return known is not None and known.is_attack


def test_only_broadcast_arp_is_unknown_to_the_maker(small_sample):
    strange = [known is None for known in small_sample.known]
    protocols = pc.filter(small_sample.flows.column("protocol"), strange).to_pylist()
    assert set(protocols) == {0} and len(protocols) < 200


def rules_in(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_rule_can_be_read_and_every_capture_but_the_benign_one_has_a_rule(small_folder):
    rules = rules_in(small_folder / "D1/dataset_description.csv")
    for rule in rules:
        parse_filter(rule["Rule"])
    written = {path.name.removesuffix(".zst") for path in (small_folder / "D1").glob("*.pcap.zst")}
    assert written - {rule["File Name"] for rule in rules} == {"benign-dec.pcap"}
    assert len(written) == 42


def shape(rule: str) -> list[str]:
    """Return the words of a rule with addresses, numbers and redundant parentheses left out."""
    rule = re.sub(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", "MAC", rule.lower())
    rule = re.sub(r"\d+(\.\d+){3}(/\d+)?|\b\d+\b", "N", rule)
    return sorted(re.findall(r"[a-z_0-9.]+|[!=<&|]+|N|MAC", rule))


@needs_shared
def test_rules_have_the_words_of_the_published_rules(small_folder):
    published = rules_in(SHARED / "captures/label_rules/IoT_NID-dataset_description.csv")
    ours = rules_in(small_folder / "D1/dataset_description.csv")
    assert list(ours[0]) == list(published[0])
    assert [(rule["No"], rule["File Name"], rule["Category"], rule["Sub-category"]) for rule in ours] == [
        (rule["No"], rule["File Name"], rule["Category"], rule["Sub-category"]) for rule in published
    ]
    for mine, theirs in zip(ours, published, strict=True):
        assert shape(mine["Rule"]) == shape(theirs["Rule"]), mine["File Name"]


def test_device_list_names_every_hardware_address_of_the_benign_days(small_folder):
    text = (small_folder / "D3/List_Of_Devices.txt").read_text()
    assert text.splitlines()[0] == "List of Devices\t\t\t\tMAC ADDRESS\t\tConnection Type"
    addresses = re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", text)
    assert len(addresses) == len(set(addresses)) == 29
