"""What a piece of ground truth says about flows: verdicts, the notices that go with them, and the columns
they become.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.schema import TRUTH, arrow_schema
from iotids.truth.labelling.notices import Notice

UNLABELLED = -1
"""Code of a flow that the ground truth says nothing about."""


@dataclass(frozen=True)
class Verdict:
    """What is said about a flow; an empty `label` keeps the flow apart, and `rule` says why."""

    label: str
    sublabel: str
    rule: str


@dataclass(frozen=True)
class CaptureLabels:
    """Verdicts for the flows of one capture.

    `codes` is (n,) int32 in the order of the flows: an index into `verdicts`, or UNLABELLED. `rule_packets`
    counts the packets that each rule matched; `broken_truth` are lines of the ground truth that could not be
    used; `met` says whether the truth found anything of what it speaks of (a packet, an attacker, a device),
    None when it speaks of nothing here. `packets_of_unwritten_flows` counts, by class, packets that match rules
    but whose flows are not in the table.
    """

    capture: str
    group: str
    verdicts: tuple[Verdict, ...]
    codes: np.ndarray
    notices: tuple[Notice, ...] = ()
    rule_packets: dict[str, int] = field(default_factory=dict)
    broken_truth: tuple[str, ...] = ()
    met: bool | None = None
    packets_of_unwritten_flows: dict[str, int] = field(default_factory=dict)


def truth_columns(source: str, labels: CaptureLabels) -> pa.Table:
    """Write the verdicts of one capture as the truth columns of the schema; unlabelled flows get empty
    strings.
    """
    columns = {
        "source": _repeat(source, len(labels.codes)),
        "group": _repeat(labels.group, len(labels.codes)),
        "label": _spread([verdict.label for verdict in labels.verdicts], labels.codes),
        "sublabel": _spread([verdict.sublabel for verdict in labels.verdicts], labels.codes),
        "label_rule": _spread([verdict.rule for verdict in labels.verdicts], labels.codes),
    }
    return pa.table(columns).cast(arrow_schema(TRUTH))


def count_verdicts(parts: Sequence[CaptureLabels]) -> dict[str, Any]:
    """Count flows per label, sub-label, rule and reason for being kept apart."""
    counts: Counter[Verdict] = Counter()
    packets: Counter[str] = Counter()
    for part in parts:
        packets.update(part.rule_packets)
        for code, n_flows in zip(*np.unique(part.codes[part.codes >= 0], return_counts=True), strict=True):
            counts[part.verdicts[code]] += int(n_flows)
    labelled = {verdict: n_flows for verdict, n_flows in counts.items() if verdict.label}
    return {
        "labels": _totals((verdict.label, n) for verdict, n in labelled.items()),
        "sublabels": _totals((f"{verdict.label}/{verdict.sublabel}", n) for verdict, n in labelled.items()),
        "rules": _totals((verdict.rule, n) for verdict, n in labelled.items()),
        "kept_apart": _totals((verdict.rule, n) for verdict, n in counts.items() if not verdict.label),
        "unlabelled": int(sum((part.codes == UNLABELLED).sum() for part in parts)),
        "matching_packets": dict(sorted(packets.items())),
    }


def _totals(pairs: Any) -> dict[str, int]:
    """Add up (name, count) pairs, in the order of the names."""
    totals: Counter[str] = Counter()
    for name, count in pairs:
        totals[name] += count
    return dict(sorted(totals.items()))


def _repeat(word: str, n_rows: int) -> pa.Array:
    """Make a column of one word."""
    return pa.repeat(pa.scalar(word, pa.string()), n_rows)


def _spread(words: list[str], codes: np.ndarray) -> pa.Array:
    """Make a column from codes; code -1 is the empty word."""
    return pa.array([*words, ""], pa.string()).take(pa.array(np.where(codes < 0, len(words), codes)))


Part = tuple[str, CaptureLabels]
"""Name of the site, and the verdicts for one of its captures."""
