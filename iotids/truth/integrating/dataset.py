"""Merge the labelled tables of all sources into one clean dataset, with an account of what was left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from iotids.flowmeter.feature_groups import split_groups
from iotids.truth.integrating.integration import (
    Cleaning,
    check_merged,
    constant_columns,
    describe_cleaning,
    integrate_source,
)


def integrate(
    tables: Iterable[tuple[str, pa.Table]],
    classes: Sequence[str],
    *,
    keep: Mapping[str, float],
    seed: int,
    features: Sequence[str],
    unwritten: Mapping[str, int] | None = None,
) -> tuple[pa.Table, dict[str, Any]]:
    """Clean, sample and merge labelled tables, in their order; give the dataset and the account of what was
    left out.

    `tables` are (name for messages, labelled flows); given one by one, only one is in memory with all its
    columns. `features` are names of groups of features; `unwritten` counts packets by class whose flows are in no table.
    """
    cleaning, parts, (columns, carried) = Cleaning(), [], split_groups(features)
    for where, table in tables:
        parts.append(
            integrate_source(
                table,
                where,
                classes=classes,
                keep=keep,
                seed=seed,
                cleaning=cleaning,
                features=columns,
                carried=carried,
            )
        )
    check_merged(parts, classes=classes, keep=keep, cleaning=cleaning, unwritten=unwritten or {})
    dataset = pa.concat_tables(parts)
    return dataset, describe_cleaning(cleaning, constant_columns(parts, columns), dataset.num_rows)


def count_unwritten(summaries: Iterable[Path]) -> dict[str, int]:
    """Add up the packets of classes without flows that labelling counted, by class."""
    counts: Counter[str] = Counter()
    for path in summaries:
        if path.is_file():
            summary = json.loads(path.read_text(encoding="utf-8"))
            counts.update(summary.get("packets_of_classes_without_flows", {}))
    return dict(counts)
