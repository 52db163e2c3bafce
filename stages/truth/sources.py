"""Open the ground truth of a source: from its entry in the parameters to an object that labels captures one by one.

This is where truth files are found and read. What a source's entry can say is listed in the option classes below.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import yaml

from stages.truth.devices import label_by_device, read_devices
from stages.truth.display_filter import parse_filter
from stages.truth.folders import label_by_endpoint, read_hosts
from stages.truth.rule_labels import book_packets, label_by_rules
from stages.truth.rules import Rule, plain_name, read_filter_table, read_rules
from stages.truth.verdicts import CaptureLabels, Verdict
from stages.truth.zeek_join import label_by_connections
from stages.truth.zeek_log import read_connections

Packets = Callable[[], Iterable[pa.RecordBatch]]
LabelCapture = Callable[[str, pa.Table, Packets], tuple[str, CaptureLabels]]
T = TypeVar("T")

HERE = Path(__file__).parent
CAPTURE_ENDINGS = (".pcap", ".pcapng", ".cap")
_NOT_OURS = {"kind", "folder", "watch"}


@dataclass(frozen=True)
class Truth:
    """Ground truth of a source.

    `label(capture, flows, packets)` gives the network's name and the verdicts; `names` are captures the truth speaks of.
    """

    label: LabelCapture
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class PacketFilters:
    """D1: a table of packet filters; captures it does not name must fit `benign_captures` and are benign."""

    rules: str
    categories: dict[str, str] | None = None
    benign_captures: str = "benign"


@dataclass(frozen=True)
class Folders:
    """D2: folders name the attack, `hosts` the attackers; `background` is a class, or empty to keep other flows apart."""

    hosts: str
    categories: dict[str, str] | None = None
    background: str = ""


@dataclass(frozen=True)
class MacList:
    """D3: `devices` lists MAC addresses; `iot_only` keeps flows without an IoT device apart."""

    devices: str
    iot_only: bool = False


@dataclass(frozen=True)
class Zeek:
    """D4: connection logs beside the captures; `families` chooses scenarios by malware, `background` as for folders."""

    families: tuple[str, ...] | list[str] = ("Mirai",)
    background: str = ""
    categories: dict[str, str] | None = None
    scenarios: str = ""
    tolerance_s: float = 1.0


@dataclass(frozen=True)
class LabelTable:
    """A table with a class per capture; rows with a rule of their own find it in the project's file `rules`."""

    table: str
    rules: str = ""


@dataclass(frozen=True)
class OwnRules:
    """Your own captures: a YAML or CSV of rules; `group_by` is capture or folder."""

    rules: str
    group_by: str = "capture"


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


def list_captures(folder: Path) -> list[str]:
    """Name the captures below a folder, relative to it, compressed ones with their ending."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files if plain_name(path.name).endswith(CAPTURE_ENDINGS))


def missing_captures(truth: Truth, captures: Sequence[str]) -> list[str]:
    """Name the captures that the truth speaks of and that are not there."""
    known = {plain_name(capture) for capture in captures} | {plain_name(capture).rpartition("/")[2] for capture in captures}
    return [name for name in truth.names if plain_name(name) not in known]


def table_labels() -> dict[str, str]:
    """Give the classes of labels in flow tables from elsewhere, by the label in lower case."""
    return _categories("tables")


def _open_packet_filters(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D1."""
    opts = _options(source, options, PacketFilters)
    rules = read_filter_table(_read_text(root / opts.rules), opts.categories or _categories("packet_filters"), opts.rules)
    default = Verdict(benign, "", "no rule matches")

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        chosen = [rule for rule in rules if rule.applies_to(capture)]
        is_benign = plain_name(capture).rpartition("/")[2].startswith(opts.benign_captures)
        return source, _label_with_rules(capture, capture, flows, packets, chosen, default if chosen or is_benign else None)

    return Truth(label, tuple(dict.fromkeys(rule.captures for rule in rules)))


def _open_folders(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D2."""
    opts = _options(source, options, Folders)
    attackers, targets = read_hosts(_read_text(root / opts.hosts), opts.hosts)
    judge = partial(
        label_by_endpoint,
        attackers=attackers,
        targets=targets,
        categories=opts.categories or _categories("folders"),
        background=opts.background,
    )
    return Truth(lambda capture, flows, packets: (source, judge(capture, flows)))


def _open_mac_list(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D3."""
    opts = _options(source, options, MacList)
    devices = read_devices(_read_text(root / opts.devices), _categories("non_iot_devices"), opts.devices)
    return Truth(lambda capture, flows, packets: (source, label_by_device(capture, flows, devices, benign=benign, iot_only=opts.iot_only)))


def _open_zeek(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """D4."""
    opts = _options(source, options, Zeek)
    families = _scenario_families(root / opts.scenarios if opts.scenarios else HERE / "iot23_scenarios.csv")
    categories = opts.categories or _categories("zeek")
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
            return source, CaptureLabels(capture, scenario, (apart,), np.zeros(flows.num_rows, dtype=np.int32))
        connections = read_connections(_find_log(folder / capture, folder))
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


def _open_label_table(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """A table of captures."""
    opts = _options(source, options, LabelTable)
    rows = _read_label_table(_read_text(root / opts.table), opts.table)
    special = read_rules(_read_text(Path(opts.rules)), opts.rules)[0] if opts.rules else []
    rest = Verdict(benign, "background", "no rule of the capture matches")

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        row = rows.get(plain_name(capture))
        if row is None:
            labels = CaptureLabels(capture, capture, (), np.full(flows.num_rows, -1, dtype=np.int32))
            return source, labels
        rules = _rules_of_row(row, special, opts)
        whole = Verdict(row["class"], row["activity"], "whole capture")
        return row["environment"], _label_with_rules(
            capture, f"{row['environment']}/{row['group']}", flows, packets, rules, rest if rules else whole
        )

    return Truth(label, tuple(row["file"] for row in rows.values()))


def _open_own_rules(source: str, options: Mapping[str, Any], root: Path, folder: Path, benign: str) -> Truth:
    """Your own rules."""
    opts = _options(source, options, OwnRules)
    if opts.group_by not in {"capture", "folder"}:
        raise KeyError(f"data.sources.{source}.group_by is {opts.group_by!r}; known are capture, folder")
    rules, default = read_rules(_read_text(root / opts.rules), opts.rules)
    rest = Verdict(default, "", "no rule matches") if default else None

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        group = capture if opts.group_by == "capture" else capture.rpartition("/")[0] or "."
        return source, _label_with_rules(capture, group, flows, packets, [rule for rule in rules if rule.applies_to(capture)], rest)

    return Truth(label, tuple(dict.fromkeys(rule.captures for rule in rules if not set(rule.captures) & set("*?["))))


def _label_with_rules(
    capture: str, group: str, flows: pa.Table, packets: Packets, rules: Sequence[Rule], default: Verdict | None
) -> CaptureLabels:
    """Label one capture; its packets are read only when a rule asks about them."""
    numbers = flows.column("flow_number").to_numpy()
    if not rules:
        codes = np.full(len(numbers), 0 if default else -1, dtype=np.int32)
        return CaptureLabels(capture, group, (default,) if default else (), codes)
    return label_by_rules(capture, group, numbers, rules, book_packets(rules, packets()), default=default)


def _rules_of_row(row: Mapping[str, str], special: Sequence[Rule], opts: LabelTable) -> list[Rule]:
    """Give the rules of one row of a label table: none, its own filter, or those of the rules file."""
    if not row["rule"]:
        return []
    rules = [rule for rule in special if rule.applies_to(row["file"])]
    if rules:
        return rules
    try:
        return [Rule(row["rule"], row["class"], row["activity"], parse_filter(row["rule"]))]
    except ValueError as error:
        raise ValueError(
            f"{opts.table}: {row['file']} has the rule {row['rule']!r}, which is no display filter, and "
            f"{opts.rules or 'no rules file'} says nothing about it"
        ) from error


def _read_label_table(text: str, where: str) -> dict[str, dict[str, str]]:
    """Read the table; captures by their name without the compression's ending."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    wanted = ("file", "environment", "group", "class", "activity", "rule")
    if missing := [name for name in wanted if name not in (reader.fieldnames or [])]:
        raise ValueError(
            f"{where}: missing column {', '.join(map(repr, missing))}; came {', '.join(map(repr, reader.fieldnames or [])) or 'nothing'}"
        )
    rows: dict[str, dict[str, str]] = {}
    for line, row in enumerate(reader, start=2):
        entry = {name: (row[name] or "").strip() for name in wanted}
        if empty := [name for name in ("file", "environment", "group", "class") if not entry[name]]:
            raise ValueError(f"{where}, line {line}: {', '.join(empty)} is empty")
        if plain_name(entry["file"]) in rows:
            raise ValueError(f"{where}, line {line}: {entry['file']} comes twice")
        rows[plain_name(entry["file"])] = entry
    return rows


def _find_log(capture: Path, folder: Path) -> Path:
    """Find the connection log of a capture: beside it, in a folder beside it, or further up within the source."""
    for place in capture.parents:
        patterns = (
            f"{plain_name(capture.name)}*conn*log.labeled",
            "conn.log.labeled",
            "bro/conn.log.labeled",
            "zeek/conn.log.labeled",
            "*conn.log.labeled",
            "*labeled.csv",
        )
        for pattern in patterns:
            if found := sorted(place.glob(pattern)):
                return found[0]
        if place == folder:
            break
    raise FileNotFoundError(f"{capture}: no conn.log.labeled beside it or in the folders above it up to {folder}")


def _scenario_families(path: Path) -> dict[str, str]:
    """Read which malware each scenario has."""
    rows = list(csv.DictReader(io.StringIO(_read_text(path))))
    if not rows or not {"scenario", "malware"} <= set(rows[0]):
        raise ValueError(f"{path}: wanted the columns scenario and malware")
    return {row["scenario"]: row["malware"] for row in rows}


def _categories(kind: str) -> Any:
    """Read the project's own mapping of published words to classes."""
    return yaml.safe_load(_read_text(HERE / "categories.yaml"))[kind]


def _options(source: str, options: Mapping[str, Any], kind: type[T]) -> T:
    """Check a source's entry against its kind."""
    given = {key: value for key, value in options.items() if key not in _NOT_OURS}
    known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(given) - set(known)):
        raise KeyError(
            f"data.sources.{source}: unknown option {', '.join(unknown)} for kind {options['kind']}; known are {', '.join(known)}"
        )
    if missing := [name for name, is_required in known.items() if is_required and name not in given]:
        raise KeyError(f"data.sources.{source}: option {', '.join(missing)} is missing for kind {options['kind']}")
    return kind(**given)


def _read_text(path: Path) -> str:
    """Read a truth file as UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: this truth file is not there; it is named in section `data` of the parameters") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); convert it, for example with `iconv -f latin1 -t utf-8`"
        ) from error
