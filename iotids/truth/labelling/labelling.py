"""Label a source's flow table capture by capture, and put every flow where it belongs: labelled, or kept
apart with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.schema import TRUTH_NAMES
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels, count_verdicts, truth_columns
from iotids.truth.labelling.notices import Notice, merge_notices

Part = tuple[str, CaptureLabels]
"""Name of the network, and the verdicts for one of its captures."""


def rows_by_capture(flows: pa.Table) -> Iterator[tuple[str, np.ndarray]]:
    """Give each capture of a flow table with the numbers of its rows, in their order; captures in the order
    of their first row.
    """
    coded = flows.column("capture").combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    n_rows = np.bincount(codes, minlength=len(coded.dictionary))
    ends = np.cumsum(n_rows)
    for name, begin, end in zip(coded.dictionary.to_pylist(), ends - n_rows, ends, strict=True):
        yield name, order[begin:end]


def join_labels(flows: pa.Table, parts: Sequence[tuple[np.ndarray, Part]]) -> tuple[pa.Table, pa.Table]:
    """Put the truth columns beside the flows.

    Parameters
    ----------
    flows : (n,) rows
    parts : per capture the row numbers and the verdicts

    Returns
    -------
    labelled, apart : tables
        Both with the truth columns; `apart` has the flows without a class, with the reason as `label_rule`.
        Order as in `flows`.
    """
    if not parts:
        empty = [pa.array([], pa.string()) for _ in TRUTH_NAMES]
        table = _beside(flows, pa.table(empty, names=list(TRUTH_NAMES)))
        return table, table
    rows = np.concatenate([numbers for numbers, _ in parts])
    truth = pa.concat_tables([truth_columns(network, labels) for _, (network, labels) in parts])
    back = np.empty(len(rows), dtype=np.int64)
    back[rows] = np.arange(len(rows))
    table = _beside(flows, truth.take(back))
    has_class = pc.not_equal(table.column("label"), "")
    return table.filter(has_class), table.filter(pc.invert(has_class))


def check_labels(parts: Sequence[Part], *, classes: Sequence[str], unlabelled: str) -> list[Notice]:
    """Check the verdicts against the class list and the policy for unlabelled flows.

    Parameters
    ----------
    unlabelled : {'error', 'apart'}
        What flows without any verdict are: an error, or kept apart with a warning.

    Raises
    ------
    ValueError
        A verdict's class is not in the list; the truth meets nothing in any capture; or there are unlabelled
        flows and they are an error.
    """
    if unlabelled not in {"error", "apart"}:
        raise KeyError(f"label.unlabelled is {unlabelled!r}; known are error, apart")
    given = {
        labels.verdicts[code].label
        for _, labels in parts
        for code in np.unique(labels.codes[labels.codes >= 0])
    }
    if unknown := sorted(given - {"", *classes}):
        raise ValueError(
            f"the ground truth gives the class {', '.join(unknown)}, but data.classes are {', '.join(classes)}: mend the rules or "
            "the class list"
        )
    meetings = {labels.met for _, labels in parts if len(labels.codes) or labels.met} - {None}
    if meetings == {False}:
        raise ValueError(
            "the ground truth meets nothing in any capture: no packet fits a rule, or no attacker or listed device appears; is it "
            "that of other captures?"
        )
    holes = {labels.capture: n for _, labels in parts if (n := int((labels.codes == UNLABELLED).sum()))}
    if not holes:
        return []
    worst = ", ".join(
        f"{capture} ({n:,})" for capture, n in sorted(holes.items(), key=lambda item: -item[1])[:3]
    )
    message = f"the ground truth says nothing about flows of {len(holes)} captures: {worst}"
    if unlabelled == "error":
        raise ValueError(
            f"{sum(holes.values()):,} flows unlabelled: {message}. Mend the ground truth, or keep them apart with `-S "
            "label.unlabelled=apart`"
        )
    return [Notice("unlabelled", "warning", sum(holes.values()), message)]


def check_found(source: str, parts: Sequence[Part]) -> list[Notice]:
    """Check that there are flows, and that one of them has a class.

    Returns
    -------
    list of Notice
        One when every flow is kept apart.

    Raises
    ------
    ValueError
        There is no flow at all.
    """
    codes = [labels.codes for _, labels in parts]
    n_flows = sum(len(one) for one in codes)
    if not n_flows:
        raise ValueError(
            f"{source}: the table of flows is empty, so there is nothing to label; the profiles `paper` and `original` write no "
            "flow of one packet, `-S meter.profile=clean` does"
        )
    has_class = any(
        labels.verdicts[code].label for _, labels in parts for code in np.unique(labels.codes) if code >= 0
    )
    if has_class or any((one == UNLABELLED).any() for one in codes):  # the latter is a notice of its own
        return []
    reasons = {verdict.rule for _, labels in parts for verdict in labels.verdicts if not verdict.label}
    message = f"{source}: no flow has a class, all are kept apart: {'; '.join(sorted(reasons)[:3])}"
    return [Notice("nothing_labelled", "warning", n_flows, message)]


def summarise(source: str, parts: Sequence[Part], extra: Iterable[Notice]) -> dict[str, Any]:
    """Count what a source's flows became, for the summary file."""
    labels = [part for _, part in parts]
    notices = merge_notices([*extra, *(notice for part in labels for notice in part.notices)])

    def ranks(notice: Notice) -> Any:
        return (
            ["error", "warning", "info"].index(notice.severity),
            notice.name,
            -notice.count,
        )

    counts = count_verdicts(labels)
    unwritten: Counter[str] = Counter()
    for part in labels:
        unwritten.update(part.packets_of_unwritten_flows)
    empty = {name: n for name, n in sorted(unwritten.items()) if name not in counts["labels"]}
    return {
        "source": source,
        "captures": len(labels),
        "flows": int(sum(len(part.codes) for part in labels)),
        **counts,
        **({"packets_of_classes_without_flows": empty} if empty else {}),
        "broken_truth": {part.capture: list(part.broken_truth) for part in labels if part.broken_truth},
        "notices": [vars(notice) for notice in sorted(notices, key=ranks)],
    }


def _beside(flows: pa.Table, truth: pa.Table) -> pa.Table:
    """Append the truth columns."""
    for name in TRUTH_NAMES:
        flows = flows.append_column(pa.field(name, pa.string(), nullable=False), truth.column(name))
    return flows
