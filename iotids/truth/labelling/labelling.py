"""Label a source's flow table capture by capture, and put every flow where it belongs: labelled, or kept
apart with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from iotids.truth.labelling.flow_labels import Part, count_verdicts
from iotids.truth.labelling.flow_rows import FlowRows, Run
from iotids.truth.labelling.label_checks import check_found, check_labels
from iotids.truth.labelling.notices import Notice, merge_notices
from iotids.truth.labelling.row_labels import RowLabels

if TYPE_CHECKING:
    from iotids.truth.formats.contract import Truth

MapJobs = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


def in_turn(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Apply a function to one item after the other."""
    return [function(item) for item in items]


def label_captures(
    source: str,
    flows: FlowRows,
    truth: Truth,
    paths: Mapping[str, Path],
    packets: Callable[[Path], Iterable[pa.RecordBatch]],
    *,
    classes: Sequence[str],
    unlabelled: str,
    folder: Path = Path(),
    notices: Sequence[Notice] = (),
    map_jobs: MapJobs = in_turn,
) -> tuple[RowLabels, dict[str, Any]]:
    """Label the flows of one source: what every row is, and the summary.

    Captures without a flow in the table are read too when the truth is about packets: their rules have something
    to report. Of a capture's flows, only the columns that the truth asks for are read.

    Parameters
    ----------
    flows : rows of the flow table, booked as the meter books what `packets(path)` gives
    paths : captures by their name in the table; others are looked for below `folder`
    classes : known classes
    unlabelled : {'error', 'apart'}
        What flows without any verdict are.
    notices : of what was checked before
    map_jobs : applies a function to every item, in parallel where that pays

    Raises
    ------
    ValueError
        The table is empty, the truth meets nothing or gives an unknown class, or flows are unlabelled and that
        is an error.
    """
    runs = dict(flows.runs)
    if truth.reads_packets:
        runs |= {name: [] for name in sorted(set(paths) - set(runs))}
    items = [(name, mine, paths.get(name, folder / name)) for name, mine in runs.items()]
    parts: list[Part] = map_jobs(partial(_label_one, read=flows.read, truth=truth, packets=packets), items)
    found = check_labels(parts, classes=classes, unlabelled=unlabelled) + check_found(source, parts)
    return RowLabels(list(runs.values()), parts), summarise(source, parts, [*notices, *found])


def _label_one(
    item: tuple[str, list[Run], Path],
    *,
    read: Callable[[Sequence[str], Sequence[Run]], pa.Table],
    truth: Truth,
    packets: Callable[[Path], Iterable[pa.RecordBatch]],
) -> Part:
    """Label the flows of one capture; codes as small as they can be, because those of all captures are held."""
    capture, runs, path = item
    network, labels = truth.label(capture, read(truth.columns, runs), partial(packets, path))
    small = np.min_scalar_type(-max(1, len(labels.verdicts)))  # signed, from -n to n - 1 at least
    return network, replace(labels, codes=labels.codes.astype(small))


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
