"""Label D1 (IoT network intrusion dataset): a table of Wireshark filters, each for one capture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from iotids.truth.filters.display_filter import parse_filter
from iotids.truth.formats.contract import Format, Packets, Source, Truth
from iotids.truth.formats.rule_labels import label_with_rules
from iotids.truth.formats.rules import Rule, located, read_csv_rows
from iotids.truth.labelling.capture_names import plain_name
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.truth_files import read_categories, read_text


@dataclass(frozen=True)
class Options:
    """Captures that the table of filters does not name must begin with `benign_captures` and are benign."""

    rules: str
    categories: dict[str, str] | None = None
    benign_captures: str = "benign"


def open_packet_filters(source: Source, options: Options) -> Truth:
    """Read the table; a capture that it does not name and that is not called benign stays unlabelled."""
    rules = read_filter_table(
        read_text(source.root / options.rules),
        options.categories or read_categories("packet_filters"),
        options.rules,
    )
    default = Verdict(source.benign, "", "no rule matches")

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        chosen = [rule for rule in rules if rule.applies_to(capture)]
        is_benign = plain_name(capture).rpartition("/")[2].startswith(options.benign_captures)
        return source.name, label_with_rules(
            capture, capture, flows, packets, chosen, default if chosen or is_benign else None
        )

    names = tuple(dict.fromkeys(rule.captures for rule in rules))
    return Truth(label, names, reads_packets=True, columns=("flow_number",))


def read_filter_table(text: str, categories: Mapping[str, str], where: str) -> list[Rule]:
    """Read D1's table of packet filters (`No, File Name, Category, Sub-category, Rule`).

    Parameters
    ----------
    text : str
        The CSV, with or without a byte order mark.
    categories : mapping
        From the table's category to our class.
    where : str
        Name of the table for messages.

    Raises
    ------
    ValueError
        A column is missing, a category has no class, or a filter cannot be read; the message gives the line.
    """
    rows = read_csv_rows(text, {"File Name", "Category", "Sub-category", "Rule"}, where)
    rules = []
    for line, row in rows:
        category = row["Category"].strip()
        if category not in categories:
            raise ValueError(
                f"{where}, line {line}: category {category[:80]!r} has no class; known are {', '.join(categories)}; add it to "
                "`categories` of the source"
            )
        rules.append(
            Rule(
                name=f"{row.get('No', line)}: {row['Rule'].strip()}",
                label=categories[category],
                sublabel=row["Sub-category"].strip(),
                packets=located(parse_filter, row["Rule"], f"{where}, line {line}"),
                captures=row["File Name"].strip(),
            )
        )
    return rules


FORMAT = Format(Options, open_packet_filters)
