"""A table with one class per capture, and rules for captures that hold more than one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.truth.filters.display_filter import parse_filter
from iotids.truth.formats.contract import Format, Packets, Source, Truth
from iotids.truth.formats.rule_labels import label_with_rules
from iotids.truth.formats.rules import Rule, read_csv_rows, read_rules
from iotids.truth.labelling.capture_names import plain_name
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels, Verdict
from iotids.truth.labelling.truth_files import read_text

COLUMNS = ("file", "environment", "group", "class", "activity", "rule")


@dataclass(frozen=True)
class Options:
    """Rows of the `table` with a rule of their own find it in `rules`, a file of the project."""

    table: str
    rules: str = ""


def open_label_table(source: Source, options: Options) -> Truth:
    """Read the table and the rules; a capture without a row stays unlabelled."""
    rows = read_label_table(read_text(source.root / options.table), options.table)
    special = read_rules(read_text(Path(options.rules)), options.rules)[0] if options.rules else []
    rest = Verdict(source.benign, "background", "no rule of the capture matches")

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        row = rows.get(plain_name(capture))
        if row is None:
            codes = np.full(flows.num_rows, UNLABELLED, dtype=np.int32)
            return source.name, CaptureLabels(capture, capture, (), codes)
        rules = rules_of_row(row, special, table=options.table, rules=options.rules)
        whole = Verdict(row["class"], row["activity"], "whole capture")
        return row["environment"], label_with_rules(
            capture, f"{row['environment']}/{row['group']}", flows, packets, rules, rest if rules else whole
        )

    return Truth(
        label, tuple(row["file"] for row in rows.values()), reads_packets=True, columns=("flow_number",)
    )


def read_label_table(text: str, where: str) -> dict[str, dict[str, str]]:
    """Read a CSV with the columns `file, environment, group, class, activity, rule`.

    Parameters
    ----------
    where : str
        Name of the file for messages.

    Returns
    -------
    dict
        Rows by capture, without the ending of a compressed one; `activity` and `rule` can be empty.

    Raises
    ------
    ValueError
        A column is missing, a cell that must be filled is empty, or a capture comes twice.
    """
    rows: dict[str, dict[str, str]] = {}
    for line, row in read_csv_rows(text, set(COLUMNS), where):
        entry = {name: row[name].strip() for name in COLUMNS}
        if empty := [name for name in ("file", "environment", "group", "class") if not entry[name]]:
            raise ValueError(f"{where}, line {line}: {', '.join(empty)} is empty")
        if plain_name(entry["file"]) in rows:
            raise ValueError(f"{where}, line {line}: {entry['file'][:200]} comes twice")
        rows[plain_name(entry["file"])] = entry
    return rows


def rules_of_row(row: Mapping[str, str], special: Sequence[Rule], *, table: str, rules: str) -> list[Rule]:
    """Give the rules of one row: none, those of the rules file for its capture, or its own display filter.

    Parameters
    ----------
    special : sequence of Rule
        All rules of the rules file.
    table, rules : str
        Names of the two files for messages; `rules` is empty where there is no such file.

    Raises
    ------
    ValueError
        The row's rule is no display filter, and the rules file says nothing about the capture.
    """
    if not row["rule"]:
        return []
    if chosen := [rule for rule in special if rule.applies_to(row["file"])]:
        return chosen
    try:
        return [Rule(row["rule"], row["class"], row["activity"], parse_filter(row["rule"]))]
    except ValueError as error:
        raise ValueError(
            f"{table}: {row['file']} has the rule {row['rule'][:100]!r}, which is no display filter, and {rules or 'no rules file'} says nothing about it"
        ) from error


FORMAT = Format(Options, open_label_table, names_sites=True)
