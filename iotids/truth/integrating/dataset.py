"""Merge the labelled tables of all sources into one clean dataset, with an account of what was left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from iotids.flowmeter.columns.groups import split_groups
from iotids.flowmeter.columns.own import OWN, own_features
from iotids.flowmeter.columns.schema import Column
from iotids.truth.integrating.integration import Cleaning, check_merged, integrate_table
from iotids.truth.integrating.labelled_tables import LabelledTable


def integrate(
    tables: Sequence[LabelledTable],
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
    cleaning, (columns, carried) = Cleaning(), kept_columns(features, tables)
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


def kept_columns(
    groups: Sequence[str], tables: Sequence[LabelledTable]
) -> tuple[tuple[str, ...], tuple[Column, ...]]:
    """Features and further columns of a dataset: those of some groups, or `own`, what its tables have of their own.

    Raises
    ------
    ValueError
        An unknown group; `own` beside another group, of tables of flows, or of tables with different features.
    """
    if OWN not in groups:
        if published := [table.where for table in tables if own_features(table.schema.names)]:
            raise ValueError(
                f"{published[0]}: a table with features of its own; it wants `-S 'integrate.features=[{OWN}]'`"
            )
        return split_groups(groups)
    if list(groups) != [OWN]:
        raise ValueError(f"integrate.features are {', '.join(groups)}; {OWN} goes alone")
    features = {table.where: own_features(table.schema.names) for table in tables}
    (first, names), *others = features.items()
    if not names:
        raise ValueError(
            f"{first}: a table of flows has no features of its own; integrate.features must be flow"
        )
    if different := [where for where, other in others if other != names]:
        raise ValueError(f"{different[0]}: other features than {first}; tables of one release make a dataset")
    return names, ()


def count_unwritten(summaries: Iterable[Path]) -> dict[str, int]:
    """Add up the packets of classes without flows that labelling counted, by class."""
    counts: Counter[str] = Counter()
    for path in summaries:
        if path.is_file():
            summary = json.loads(path.read_text(encoding="utf-8"))
            counts.update(summary.get("packets_of_classes_without_flows", {}))
    return dict(counts)
