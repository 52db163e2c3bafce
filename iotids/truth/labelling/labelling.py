"""Label a source's flow table capture by capture, and put every flow where it belongs: labelled, or kept
apart with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.schema import TRUTH_NAMES
from iotids.truth.labelling.flow_labels import Part, count_verdicts, truth_columns
from iotids.truth.labelling.label_checks import check_found, check_labels
from iotids.truth.labelling.notices import Notice, merge_notices

if TYPE_CHECKING:
    from iotids.truth.formats.contract import Truth

MapJobs = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


def in_turn(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Apply a function to one item after the other."""
    return [function(item) for item in items]


def label_captures(
    source: str,
    flows: pa.Table,
    truth: Truth,
    paths: Mapping[str, Path],
    packets: Callable[[Path], Iterable[pa.RecordBatch]],
    *,
    classes: Sequence[str],
    unlabelled: str,
    folder: Path = Path(),
    notices: Sequence[Notice] = (),
    map_jobs: MapJobs = in_turn,
) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    """Label the flows of one source: labelled flows, flows kept apart, and the summary.

    Captures without a flow in the table are read too when the truth is about packets: their rules have something
    to report.

    Parameters
    ----------
    flows : (n,) rows of the flow table, booked as the meter books what `packets(path)` gives
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
    rows = list(rows_by_capture(flows))
    if truth.reads_packets:
        rows += [(name, np.zeros(0, np.int64)) for name in sorted(set(paths) - {name for name, _ in rows})]
    items = [(name, flows.take(numbers), paths.get(name, folder / name)) for name, numbers in rows]
    parts: list[Part] = map_jobs(partial(_label_one, truth=truth, packets=packets), items)
    found = check_labels(parts, classes=classes, unlabelled=unlabelled) + check_found(source, parts)
    with_rows = [(numbers, part) for (_, numbers), part in zip(rows, parts, strict=True)]
    labelled, apart = join_labels(flows, with_rows)
    return labelled, apart, summarise(source, parts, [*notices, *found])


def _label_one(
    item: tuple[str, pa.Table, Path], *, truth: Truth, packets: Callable[[Path], Iterable[pa.RecordBatch]]
) -> Part:
    """Label the flows of one capture."""
    capture, flows, path = item
    return truth.label(capture, flows, partial(packets, path))


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
