"""Clean labelled flows as the paper does, draw a sample where one is wanted, and count everything that was
left out.

Source: paper, section V-A: instances with NaN, Infinity "and the like" are removed; the 70 features are fixed
by the schema, so constant features are reported and stay.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.context.columns import CONTEXT_NAMES
from iotids.flowmeter.schema import IDENTITY, MODEL_FEATURE_NAMES, TRUTH, Column, arrow_schema

IDENTITY_AND_TRUTH = arrow_schema((*IDENTITY, *TRUTH))


def dataset_schema(
    features: Sequence[str] = MODEL_FEATURE_NAMES, carried: tuple[Column, ...] = ()
) -> pa.Schema:
    """Columns of the dataset: identity and truth, then features as doubles, then what is carried as it is."""
    numbers = (pa.field(name, pa.float64(), nullable=False) for name in features)
    return pa.schema([*IDENTITY_AND_TRUTH, *numbers, *arrow_schema(carried)])


@dataclass
class Cleaning:
    """What came in, what was left out and why; counts of flows."""

    came: dict[str, dict[str, int]] = field(default_factory=dict)
    not_finite: dict[str, dict[str, int]] = field(default_factory=dict)
    not_drawn: dict[str, dict[str, int]] = field(default_factory=dict)
    columns: dict[str, dict[str, int]] = field(default_factory=dict)


def integrate_source(
    table: pa.Table,
    where: str,
    *,
    classes: Sequence[str],
    keep: Mapping[str, float],
    seed: int,
    cleaning: Cleaning,
    features: Sequence[str] = MODEL_FEATURE_NAMES,
    carried: tuple[Column, ...] = (),
) -> pa.Table:
    """Clean and sample the labelled flows of one source file; `cleaning` takes the counts.

    Parameters
    ----------
    table : (n,) rows
        Labelled flows.
    where : str
        Name of the file for messages.
    keep : mapping
        From a source or `source/class` to the share (float) or number (int) of flows to keep.
    features : names
        Columns that must be finite and are kept.
    carried : columns
        Kept as they are, packets of a flow for example.

    Returns
    -------
    (m,) rows of `dataset_schema(features, carried)`, in the order they came

    Raises
    ------
    ValueError
        Columns are missing, or a label is not in the class list.
    """
    schema = dataset_schema(features, carried)
    if missing := [name for name in schema.names if name not in table.column_names]:
        names = {"context": set(CONTEXT_NAMES), "sequence": {column.name for column in carried}}
        lacking = " and ".join(name for name, columns in names.items() if columns & set(missing))
        wanted = f"{lacking} wants meter.columns to name it; " if lacking else ""
        raise ValueError(
            f"{where}: missing column {shorten(', '.join(missing), 200, placeholder=' …')}; {wanted}run `dvc repro` again, or import "
            "the table with `iotids import`"
        )
    if unknown := sorted(set(pc.unique(table.column("label")).to_pylist()) - set(classes)):
        raise ValueError(
            f"{where}: unknown class {', '.join(map(repr, unknown))}; data.classes are {', '.join(classes)}"
        )
    _count(cleaning.came, table)
    finite = _finite_rows(table, features, cleaning.columns)
    _count(cleaning.not_finite, table.filter(pa.array(~finite)).select(["source", "label"]))
    rows = np.flatnonzero(finite)
    drawn = draw_rows(table.select(["source", "label"]).take(rows), keep, seed)
    _count(cleaning.not_drawn, table.select(["source", "label"]).take(np.delete(rows, drawn)))
    table = table.select(schema.names)
    return (table if len(drawn) == table.num_rows else table.take(rows[drawn])).cast(schema)


def draw_rows(table: pa.Table, keep: Mapping[str, float], seed: int) -> np.ndarray:
    """Draw the rows to keep, per source and class, without replacement; the same seed draws the same rows.

    A share keeps `round(share * n)` rows, a number keeps that many or all there are.

    Returns
    -------
    (m,) int64, ascending

    Raises
    ------
    ValueError
        A share is not within 0 to 1, or a number is negative.
    """
    for name, amount in keep.items():
        if (
            isinstance(amount, bool)
            or not isinstance(amount, (int, float))
            or amount < 0
            or (isinstance(amount, float) and amount > 1)
        ):
            raise ValueError(
                f"integrate.keep.{name} is {amount!r}; wanted a share such as 0.05 or a whole number of flows"
            )
    kept = np.ones(table.num_rows, dtype=bool)
    for (source, label), rows in _rows_by_source_and_class(table).items():
        n_or_share = keep[f"{source}/{label}"] if f"{source}/{label}" in keep else keep.get(source)
        if n_or_share is None:
            continue
        n_kept = min(
            len(rows), round(n_or_share * len(rows)) if isinstance(n_or_share, float) else n_or_share
        )
        # a generator of its own per source and class: another source in the list must not change this one's
        # sample
        generator = np.random.default_rng([seed, zlib.crc32(f"{source}/{label}".encode())])
        kept[rows] = False
        kept[generator.choice(rows, n_kept, replace=False)] = True
    return np.flatnonzero(kept)


def check_merged(
    parts: Sequence[pa.Table],
    *,
    classes: Sequence[str],
    keep: Mapping[str, float],
    cleaning: Cleaning,
    unwritten: Mapping[str, int],
) -> None:
    """Check the merged dataset: every class has flows, every entry of `keep` spoke of some.

    Parameters
    ----------
    cleaning : Cleaning
        What was left out.
    unwritten : mapping
        Packets by class that match rules of labelling, but whose flows no table has.

    Raises
    ------
    ValueError
        With the class or entry.
    """
    present = {label for part in parts for label in pc.unique(part.column("label")).to_pylist()}
    if absent := [name for name in classes if name not in present]:
        raise ValueError("; ".join(_why_absent(name, cleaning, unwritten) for name in absent))
    sources = {source for part in parts for source in pc.unique(part.column("source")).to_pylist()}
    names = sources | {f"{source}/{label}" for source in sources for label in classes}
    if unknown := sorted(set(keep) - names):
        raise ValueError(
            f"integrate.keep names {', '.join(unknown)}; there are {', '.join(sorted(sources))}, alone or with /class"
        )


def _why_absent(name: str, cleaning: Cleaning, unwritten: Mapping[str, int]) -> str:
    """Say why no flow has a class, as far as is known."""
    not_finite, not_drawn = (
        sum(classes.get(name, 0) for classes in counts.values())
        for counts in (cleaning.not_finite, cleaning.not_drawn)
    )
    if not_finite or not_drawn:
        return (
            f"no flow of class {name} is left: {not_finite:,} have NaN or Infinity in a feature (a duration of 0 gives it, except under "
            f"`-S meter.profile=clean`), {not_drawn:,} are left out by integrate.keep"
        )
    if n_packets := unwritten.get(name):
        return (
            f"no flow of class {name} is left: {n_packets:,} packets match its rules, but their flows have one packet each and the "
            "profile writes none of those (`paper`, `original`); run again with `-S meter.profile=clean`"
        )
    return (
        f"no flow of class {name} is left; give captures that hold it, or take it out of data.classes. If it consists of flows of one "
        "packet, such as a flood without answers: the profiles `paper` and `original` write none, `-S meter.profile=clean` does"
    )


def constant_columns(
    parts: Iterable[pa.Table], features: Sequence[str] = MODEL_FEATURE_NAMES
) -> dict[str, float]:
    """Name the features that have one value in the whole dataset, with that value."""
    limits: dict[str, tuple[float, float]] = {}
    for part in parts:
        for name in features if part.num_rows else ():
            low_high = pc.min_max(part.column(name)).as_py()
            low, high = limits.get(name, (np.inf, -np.inf))
            limits[name] = min(low, low_high["min"]), max(high, low_high["max"])
    return {name: low for name, (low, high) in limits.items() if low == high}


def count_flows(table: pa.Table) -> dict[str, dict[str, int]]:
    """Count rows per source and class; sources in the order of their first row."""
    counts: dict[str, dict[str, int]] = {
        source: {} for source in pc.unique(table.column("source")).to_pylist()
    }
    _count(counts, table)
    return counts


def describe_cleaning(cleaning: Cleaning, constant: Mapping[str, float], n_rows: int) -> dict[str, Any]:
    """Write the counts for the file."""
    totals = {
        name: sum(sum(classes.values()) for classes in getattr(cleaning, name).values())
        for name in ("came", "not_finite", "not_drawn")
    }
    return {
        "flows": {**totals, "left": n_rows},
        "came": cleaning.came,
        "not_finite": {
            "why": "NaN or Infinity in a feature; the paper removes such instances. Rates over a duration of 0 are the usual cause",
            "flows": cleaning.not_finite,
            "columns": cleaning.columns,
        },
        "not_drawn": {"why": "left out by integrate.keep", "flows": cleaning.not_drawn},
        "constant_columns": {
            "why": "one value in every flow: no model can learn from it; it stays, because the 70 features are the paper's",
            "columns": dict(constant),
        },
    }


def _finite_rows(table: pa.Table, features: Sequence[str], columns: dict[str, dict[str, int]]) -> np.ndarray:
    """Find the rows with finite features only, and count what else there is by column."""
    finite = np.ones(table.num_rows, dtype=bool)
    for name in features:
        if not pa.types.is_floating(table.schema.field(name).type):
            continue
        values = table.column(name).to_numpy()
        good = np.isfinite(values)
        if good.all():
            continue
        finite &= good
        counts = columns.setdefault(name, {"nan": 0, "infinity": 0, "minus_infinity": 0})
        for kind, test in (
            ("nan", np.isnan(values)),
            ("infinity", np.isposinf(values)),
            ("minus_infinity", np.isneginf(values)),
        ):
            counts[kind] += int(test.sum())
    return finite


def _count(counts: dict[str, dict[str, int]], table: pa.Table) -> None:
    """Add the rows per source and class."""
    for row in (
        table.group_by(["source", "label"])
        .aggregate([([], "count_all")])
        .sort_by([("source", "ascending"), ("label", "ascending")])
        .to_pylist()
    ):
        classes = counts.setdefault(row["source"], {})
        classes[row["label"]] = classes.get(row["label"], 0) + row["count_all"]


def _rows_by_source_and_class(table: pa.Table) -> dict[tuple[str, str], np.ndarray]:
    """Give the row numbers of each source and class."""
    names = (
        pc.binary_join_element_wise(table.column("source"), table.column("label"), "\t")
        .combine_chunks()
        .dictionary_encode()
    )
    codes = names.indices.to_numpy(zero_copy_only=False)
    return {
        tuple(name.split("\t")): np.flatnonzero(codes == code)
        for code, name in enumerate(names.dictionary.to_pylist())
    }
