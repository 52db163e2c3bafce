"""Label your own captures by your own rules, a YAML or CSV file."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from iotids.truth.formats.contract import Format, Packets, Source, Truth
from iotids.truth.formats.rule_labels import label_with_rules
from iotids.truth.formats.rules import read_rules
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.truth_files import read_text


@dataclass(frozen=True)
class Options:
    """`group_by` is capture or folder: what is never on both sides of a grouped split."""

    rules: str
    group_by: str = "capture"


def open_own_rules(source: Source, options: Options) -> Truth:
    """Read the rules; flows that none fits are of the class `default`, unlabelled without one."""
    if options.group_by not in {"capture", "folder"}:
        raise KeyError(
            f"data.sources.{source.name}.group_by is {options.group_by!r}; known are capture, folder"
        )
    rules, default = read_rules(read_text(source.root / options.rules), options.rules)
    rest = Verdict(default, "", "no rule matches") if default else None

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        group = capture if options.group_by == "capture" else capture.rpartition("/")[0] or "."
        chosen = [rule for rule in rules if rule.applies_to(capture)]
        return source.name, label_with_rules(capture, group, flows, packets, chosen, rest)

    return Truth(
        label,
        tuple(dict.fromkeys(rule.captures for rule in rules if rule.captures != "*")),
        reads_packets=True,
        columns=("flow_number",),
    )


FORMAT = Format(Options, open_own_rules)
