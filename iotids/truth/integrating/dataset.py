"""Merge the labelled tables of all sources into one clean dataset, with an account of what was left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from iotids.flowmeter.columns.groups import split_groups
from iotids.truth.integrating.integration import Cleaning, check_merged, integrate_table
from iotids.truth.integrating.labelled_tables import LabelledTable


def integrate(
    tables: Iterable[LabelledTable],
    write: Callable[[pa.Table], None],
    classes: Sequence[str],
    *,
    keep: Mapping[str, float],
    seed: int,
    features: Sequence[str],
    unwritten: Mapping[str, int] | None = None,
) -> Cleaning:
    """Clean, sample and merge labelled tables, in their order, and give the account of what was left out.

    `write` takes the dataset's rows, a batch at a time; what it took is no dataset when an error is raised.
    `features` are names of groups of features; `unwritten` counts packets by class whose flows are in no table.
    """
    cleaning, (columns, carried) = Cleaning(), split_groups(features)
    for table in tables:
        integrate_table(
            table,
            write,
            classes=classes,
            keep=keep,
            seed=seed,
            cleaning=cleaning,
            features=columns,
            carried=carried,
        )
    check_merged(classes=classes, keep=keep, cleaning=cleaning, unwritten=unwritten or {})
    return cleaning


def count_unwritten(summaries: Iterable[Path]) -> dict[str, int]:
    """Add up the packets of classes without flows that labelling counted, by class."""
    counts: Counter[str] = Counter()
    for path in summaries:
        if path.is_file():
            summary = json.loads(path.read_text(encoding="utf-8"))
            counts.update(summary.get("packets_of_classes_without_flows", {}))
    return dict(counts)
