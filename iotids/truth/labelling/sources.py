"""Open the ground truth of a source: from its entry in the parameters to an object that labels captures one
by one.

What a source's entry can say is listed in source_options.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.truth.formats.mac_list import label_by_device, read_devices
from iotids.truth.formats.folders import label_by_endpoint, read_hosts
from iotids.truth.formats.label_table import read_label_table, rules_of_row
from iotids.truth.formats.rule_labels import book_packets, label_by_rules
from iotids.truth.formats.rules import Rule, plain_name, read_filter_table, read_rules
from iotids.truth.formats.zeek_join import label_by_connections
from iotids.truth.formats.zeek_log import read_connections
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.source_options import (
    Folders,
    LabelTable,
    MacList,
    OwnRules,
    PacketFilters,
    Zeek,
    read_options,
)
from iotids.truth.labelling.truth_files import IOT23, find_log, read_categories, read_families, read_text

Packets = Callable[[], Iterable[pa.RecordBatch]]
LabelCapture = Callable[[str, pa.Table, Packets], tuple[str, CaptureLabels]]


@dataclass(frozen=True)
class Truth:
    """Ground truth of a source.

    `label(capture, flows, packets)` gives the network's name and the verdicts; `names` are captures the truth
    speaks of.
    """

    label: LabelCapture
    names: tuple[str, ...] = ()


def open_truth(source: str, options: Mapping[str, Any], root: Path, benign: str) -> Truth:
    """Open the ground truth of a source.

    Parameters
    ----------
    source : str
        Name of the source, for messages.
    options : mapping
        The source's entry in the parameters, with `kind`.
    root : Path
        Folder that paths in the entry are relative to.
    benign : str
        The benign class.

    Raises
    ------
    KeyError
        An unknown kind, or an unknown or missing option.
    FileNotFoundError
        A truth file is not there.
    ValueError
        A truth file cannot be understood.
    """
    kinds = {
        "packet_filters": _open_packet_filters,
        "folders": _open_folders,
        "mac_list": _open_mac_list,
        "zeek": _open_zeek,
        "label_table": _open_label_table,
        "rules": _open_own_rules,
    }
    kind = options.get("kind")
    if kind not in kinds:
        raise KeyError(f"data.sources.{source}.kind is {kind!r}; known are {', '.join(kinds)}")
    folder = root / str(options.get("folder", "."))
    return kinds[kind](source, options, root, folder, benign)


def _open_packet_filters(
    source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str
) -> Truth:
    """D1."""
    opts = read_options(source, options, PacketFilters)
    rules = read_filter_table(
        read_text(root / opts.rules), opts.categories or read_categories("packet_filters"), opts.rules
    )
    default = Verdict(benign, "", "no rule matches")

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        chosen = [rule for rule in rules if rule.applies_to(capture)]
        is_benign = plain_name(capture).rpartition("/")[2].startswith(opts.benign_captures)
        return source, _label_with_rules(
            capture, capture, flows, packets, chosen, default if chosen or is_benign else None
        )

    return Truth(label, tuple(dict.fromkeys(rule.captures for rule in rules)))


def _open_folders(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D2."""
    opts = read_options(source, options, Folders)
    attackers, targets = read_hosts(read_text(root / opts.hosts), opts.hosts)
    judge = partial(
        label_by_endpoint,
        attackers=attackers,
        targets=targets,
        categories=opts.categories or read_categories("folders"),
        background=opts.background,
    )
    return Truth(lambda capture, flows, packets: (source, judge(capture, flows)))


def _open_mac_list(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D3."""
    opts = read_options(source, options, MacList)
    devices = read_devices(read_text(root / opts.devices), read_categories("non_iot_devices"), opts.devices)
    return Truth(
        lambda capture, flows, packets: (
            source,
            label_by_device(capture, flows, devices, benign=benign, iot_only=opts.iot_only),
        )
    )


def _open_zeek(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D4."""
    opts = read_options(source, options, Zeek)
    families = read_families(root / opts.scenarios if opts.scenarios else IOT23)
    categories = opts.categories or read_categories("zeek")
    if unknown := [family for family in opts.families if family not in families.values()]:
        raise ValueError(
            f"data.sources.{source}.families: no scenario has {', '.join(map(repr, unknown))}; known are "
            f"{', '.join(sorted(set(families.values())))}"
        )

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        scenario = next((part for part in capture.split("/") if part in families), None)
        if scenario is None:
            raise ValueError(
                f"{source}: {capture} lies in no folder named like a scenario of the table, such as {next(iter(families))}; add it "
                "to a table of your own and name that as `scenarios`"
            )
        family = families[scenario]
        if family not in opts.families:
            apart = Verdict("", "", f"scenario of {family}, not chosen by `families`")
            return source, CaptureLabels(
                capture, scenario, (apart,), np.zeros(flows.num_rows, dtype=np.int32)
            )
        connections = read_connections(find_log(folder / capture, folder))
        labels = label_by_connections(
            capture,
            scenario,
            flows,
            connections,
            malicious=categories[family],
            background=opts.background,
            tolerance_us=round(opts.tolerance_s * 1e6),
        )
        return source, labels

    return Truth(label)


def _open_label_table(
    source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str
) -> Truth:
    """A table of captures."""
    opts = read_options(source, options, LabelTable)
    rows = read_label_table(read_text(root / opts.table), opts.table)
    special = read_rules(read_text(Path(opts.rules)), opts.rules)[0] if opts.rules else []
    rest = Verdict(benign, "background", "no rule of the capture matches")

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        row = rows.get(plain_name(capture))
        if row is None:
            labels = CaptureLabels(capture, capture, (), np.full(flows.num_rows, -1, dtype=np.int32))
            return source, labels
        rules = rules_of_row(row, special, table=opts.table, rules=opts.rules)
        whole = Verdict(row["class"], row["activity"], "whole capture")
        return row["environment"], _label_with_rules(
            capture, f"{row['environment']}/{row['group']}", flows, packets, rules, rest if rules else whole
        )

    return Truth(label, tuple(row["file"] for row in rows.values()))


def _open_own_rules(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """Your own rules."""
    opts = read_options(source, options, OwnRules)
    if opts.group_by not in {"capture", "folder"}:
        raise KeyError(f"data.sources.{source}.group_by is {opts.group_by!r}; known are capture, folder")
    rules, default = read_rules(read_text(root / opts.rules), opts.rules)
    rest = Verdict(default, "", "no rule matches") if default else None

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        group = capture if opts.group_by == "capture" else capture.rpartition("/")[0] or "."
        return source, _label_with_rules(
            capture, group, flows, packets, [rule for rule in rules if rule.applies_to(capture)], rest
        )

    return Truth(
        label, tuple(dict.fromkeys(rule.captures for rule in rules if not set(rule.captures) & set("*?[")))
    )


def _label_with_rules(
    capture: str,
    group: str,
    flows: pa.Table,
    packets: Packets,
    rules: Sequence[Rule],
    default: Verdict | None,
) -> CaptureLabels:
    """Label one capture; its packets are read only when a rule asks about them."""
    numbers = flows.column("flow_number").to_numpy()
    if not rules:
        codes = np.full(len(numbers), 0 if default else -1, dtype=np.int32)
        return CaptureLabels(capture, group, (default,) if default else (), codes)
    return label_by_rules(capture, group, numbers, rules, book_packets(rules, packets()), default=default)
