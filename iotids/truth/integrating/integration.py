"""Clean labelled flows as the paper does, draw a sample where one is wanted, and count everything that was
left out.

Source: paper, section V-A: instances with NaN, Infinity "and the like" are removed; the 70 features are fixed
by the schema, so constant features are reported and stay.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.schema import IDENTITY, MODEL_FEATURE_NAMES, TRUTH, Column, arrow_schema
from iotids.truth.integrating.labelled_tables import LabelledTable

IDENTITY_AND_TRUTH = arrow_schema((*IDENTITY, *TRUTH))


def dataset_schema(
    features: Sequence[str] = MODEL_FEATURE_NAMES, carried: tuple[Column, ...] = ()
) -> pa.Schema:
    """Columns of the dataset: identity and truth, then features as doubles, then what is carried as it is."""
    numbers = (pa.field(name, pa.float64(), nullable=False) for name in features)
    return pa.schema([*IDENTITY_AND_TRUTH, *numbers, *arrow_schema(carried)])


Counts = dict[str, dict[str, int]]  # flows by source and class
Key = tuple[str, str]  # source and class


@dataclass
class Cleaning:
    """What came in, what was left out and why, what is left; counts of flows.

    `limits` are the lowest and highest value of every feature of the flows that are left.
    """

    came: Counts = field(default_factory=dict)
    not_finite: Counts = field(default_factory=dict)
    not_drawn: Counts = field(default_factory=dict)
    left: Counts = field(default_factory=dict)
    columns: dict[str, dict[str, int]] = field(default_factory=dict)
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def constant(self) -> dict[str, float]:
        """Features that have one value in the whole dataset, with that value."""
        return {name: low for name, (low, high) in self.limits.items() if low == high}


def integrate_table(
    table: LabelledTable,
    write: Callable[[pa.Table], None],
    *,
    classes: Sequence[str],
    keep: Mapping[str, float],
    seed: int,
    cleaning: Cleaning,
    features: Sequence[str] = MODEL_FEATURE_NAMES,
    carried: tuple[Column, ...] = (),
) -> None:
    """Clean and sample the labelled flows of one table, a batch at a time; `cleaning` takes the counts.

    Memory holds a batch, and the numbers of the flows that are drawn. A table that is sampled is read twice:
    how many flows a class has must be known before some of them are drawn.

    Parameters
    ----------
    write : takes rows of `dataset_schema(features, carried)`, in the order they came
    keep : mapping
        From a source or `source/class` to the share (float) or number (int) of flows to keep.
    features : names
        Columns that must be finite and are kept.
    carried : columns
        Kept as they are, packets of a flow for example.

    Raises
    ------
    ValueError
        Columns are missing, or a label is not in the class list.
    """
    schema = dataset_schema(features, carried)
    check_columns(table, schema.names, carried)
    check_keep(keep)
    drawn = draw_flows(count_finite(table, features), keep, seed) if keep else {}
    came, finite, left, columns = Counter[Key](), Counter[Key](), Counter[Key](), dict[str, Counter[str]]()
    for batch in table.batches(schema.names):
        keys, codes = keys_of(batch)
        check_classes({label for _, label in keys}, classes, table.where)
        is_finite = finite_rows(batch, features, columns)
        chosen = []
        for code, key in enumerate(keys):
            mine = codes == code
            rows = np.flatnonzero(mine & is_finite)
            kept = rows[_places(drawn[key], finite[key], rows.size)] if key in drawn else rows
            came[key] += int(mine.sum())
            finite[key] += rows.size
            left[key] += kept.size
            chosen.append(kept)
        rows = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
        cleaned = (batch if rows.size == batch.num_rows else batch.take(rows)).cast(schema)
        _widen(cleaning.limits, cleaned, features)
        write(cleaned)
    _add(cleaning.came, came)
    _add(cleaning.not_finite, came - finite)
    _add(cleaning.not_drawn, finite - left)
    _add(cleaning.left, +left)
    for name in (name for name in features if name in columns):
        counts = cleaning.columns.setdefault(name, {"nan": 0, "infinity": 0, "minus_infinity": 0})
        for kind in counts:
            counts[kind] += columns[name][kind]


def check_columns(table: LabelledTable, names: Sequence[str], carried: tuple[Column, ...]) -> None:
    """Refuse a table that lacks columns (ValueError, with their names)."""
    if missing := [name for name in names if name not in table.schema.names]:
        groups = {"context": set(CONTEXT_NAMES), "sequence": {column.name for column in carried}}
        lacking = " and ".join(group for group, columns in groups.items() if columns & set(missing))
        wanted = f"{lacking} wants meter.columns to name it; " if lacking else ""
        raise ValueError(
            f"{table.where}: missing column {shorten(', '.join(missing), 200, placeholder=' …')}; {wanted}run `dvc repro` again, or import "
            "the table with `iotids import`"
        )


def check_classes(found: set[str], classes: Sequence[str], where: str) -> None:
    """Refuse labels outside the class list (ValueError, with their names)."""
    if unknown := sorted(found - set(classes)):
        raise ValueError(
            f"{where}: unknown class {', '.join(map(repr, unknown))}; data.classes are {', '.join(classes)}"
        )


def check_keep(keep: Mapping[str, float]) -> None:
    """Refuse a share that is not within 0 to 1, or a negative number (ValueError)."""
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


def count_finite(table: LabelledTable, features: Sequence[str]) -> Counter[Key]:
    """Flows whose features are all finite, by source and class."""
    numbers = [name for name in features if pa.types.is_floating(table.schema.field(name).type)]
    counts: Counter[Key] = Counter()
    for batch in table.batches(["source", "label", *numbers]):
        keys, codes = keys_of(batch)
        codes = codes[finite_rows(batch, numbers, {})]
        counts.update(dict(zip(keys, np.bincount(codes, minlength=len(keys)).tolist(), strict=True)))
    return counts


def draw_flows(n_flows: Mapping[Key, int], keep: Mapping[str, float], seed: int) -> dict[Key, np.ndarray]:
    """Draw the flows to keep, per source and class, without replacement; the same seed draws the same flows.

    A share keeps `round(share * n)` flows, a number keeps that many or all there are. Source and class that
    `keep` does not speak of are not in the result: all of their flows are kept.

    Returns
    -------
    by source and class (m,) int64, ascending: numbers of flows among those of the same source and class
    """
    drawn = {}
    for (source, label), n in n_flows.items():
        name = f"{source}/{label}"
        n_or_share = keep[name] if name in keep else keep.get(source)
        if n_or_share is None:
            continue
        n_kept = min(n, round(n_or_share * n) if isinstance(n_or_share, float) else n_or_share)
        # a generator of its own per source and class: another source in the list must not change this one's
        # sample
        generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
        drawn[source, label] = np.sort(generator.choice(n, n_kept, replace=False))
    return drawn


def keys_of(table: pa.Table) -> tuple[list[Key], np.ndarray]:
    """Sources and classes that occur, and (n,) the number of each row's among them."""
    names = pc.binary_join_element_wise(table.column("source"), table.column("label"), "\t")
    coded = names.combine_chunks().dictionary_encode()
    keys = [(source, label) for source, label in (name.split("\t") for name in coded.dictionary.to_pylist())]
    return keys, coded.indices.to_numpy(zero_copy_only=False)


def finite_rows(table: pa.Table, features: Sequence[str], columns: dict[str, Counter[str]]) -> np.ndarray:
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
        counts = columns.setdefault(name, Counter())
        counts["nan"] += int(np.isnan(values).sum())
        counts["infinity"] += int(np.isposinf(values).sum())
        counts["minus_infinity"] += int(np.isneginf(values).sum())
    return finite


def _places(drawn: np.ndarray, begin: int, n: int) -> np.ndarray:
    """Which of the flows begin to begin + n - 1 are drawn, counted from begin."""
    low, high = np.searchsorted(drawn, [begin, begin + n])
    return drawn[low:high] - begin


def _widen(limits: dict[str, tuple[float, float]], table: pa.Table, features: Sequence[str]) -> None:
    """Take the lowest and highest values of a table's features into the limits."""
    for name in features if table.num_rows else ():
        found = pc.min_max(table.column(name)).as_py()
        low, high = limits.get(name, (np.inf, -np.inf))
        limits[name] = min(low, found["min"]), max(high, found["max"])


def _add(counts: Counts, more: Mapping[Key, int]) -> None:
    """Add flows by source and class, in the order of their names."""
    for (source, label), n in sorted(more.items()):
        if n:
            classes = counts.setdefault(source, {})
            classes[label] = classes.get(label, 0) + n


def check_merged(
    *, classes: Sequence[str], keep: Mapping[str, float], cleaning: Cleaning, unwritten: Mapping[str, int]
) -> None:
    """Check the merged dataset: every class has flows, every entry of `keep` spoke of some.

    Parameters
    ----------
    cleaning : Cleaning
        What is left, and what was left out.
    unwritten : mapping
        Packets by class that match rules of labelling, but whose flows no table has.

    Raises
    ------
    ValueError
        With the class or entry.
    """
    present = {label for found in cleaning.left.values() for label in found}
    if absent := [name for name in classes if name not in present]:
        raise ValueError("; ".join(_why_absent(name, cleaning, unwritten) for name in absent))
    sources = set(cleaning.left)
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


def count_flows(table: pa.Table) -> Counts:
    """Count rows per source and class; sources in the order of their first row."""
    keys, codes = keys_of(table)
    counts: Counts = {source: {} for source, _ in keys}
    _add(counts, dict(zip(keys, np.bincount(codes, minlength=len(keys)).tolist(), strict=True)))
    return counts


def describe_cleaning(cleaning: Cleaning) -> dict[str, Any]:
    """Write the counts for the file."""
    totals = {
        name: sum(sum(classes.values()) for classes in getattr(cleaning, name).values())
        for name in ("came", "not_finite", "not_drawn", "left")
    }
    return {
        "flows": totals,
        "came": cleaning.came,
        "not_finite": {
            "why": "NaN or Infinity in a feature; the paper removes such instances. Rates over a duration of 0 are the usual cause",
            "flows": cleaning.not_finite,
            "columns": cleaning.columns,
        },
        "not_drawn": {"why": "left out by integrate.keep", "flows": cleaning.not_drawn},
        "constant_columns": {
            "why": "one value in every flow: no model can learn from it; it stays, because the 70 features are the paper's",
            "columns": cleaning.constant,
        },
    }
