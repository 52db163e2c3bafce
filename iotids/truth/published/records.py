"""Records of a published table as rows of ours: identity, features as numbers, the label as published; what did not fit is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.columns.own import PUBLISHED_LABELS
from iotids.flowmeter.columns.schema import IDENTITY, arrow_schema
from iotids.truth.imports.csv_texts import as_lines
from iotids.truth.imports.table_values import read_numbers
from iotids.truth.published.contract import OTHER, Release

MOST_LINES = 1000  # that are kept with their reason


@dataclass
class Account:
    """What was read of a file: rows, faults by reason with the first lines, values outside an open list by column, labels."""

    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lines: list[tuple[str, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)

    def put_aside(self, lines: Sequence[str], reasons: Sequence[str]) -> None:
        """Count lines that cannot be used."""
        self.reasons.update(reasons)
        room = MOST_LINES - len(self.lines)
        self.lines += list(zip(lines[:room], reasons[:room], strict=True))


def table_schema(release: Release) -> pa.Schema:
    """Columns of the rows: identity, features as doubles, label and sublabel as published."""
    numbers = [pa.field(name, pa.float64()) for name in release.features]
    return pa.schema(
        [*arrow_schema(IDENTITY), *numbers, *(pa.field(name, pa.string()) for name in PUBLISHED_LABELS)]
    )


def rows_of(
    texts: pa.Table, places: Mapping[str, int], release: Release, *, capture: str, account: Account
) -> pa.Table:
    """Rows of `table_schema(release)` from fields as text; rows with a fault are put aside."""
    words = {name: pc.utf8_trim_whitespace(texts.column(place)) for name, place in places.items()}
    reasons = np.full(texts.num_rows, "", dtype=object)
    columns: dict[str, Any] = {}
    for name in release.numbers:
        columns[name] = _numbers(words[name], name, release, reasons)
    for name, values in release.categories.items():
        columns |= _category(words[name], name, values, release, reasons, account)
    columns |= _labels(words, release)
    good = np.flatnonzero(reasons == "")
    bad = np.flatnonzero(reasons != "")
    account.put_aside(as_lines(texts, bad), reasons[bad].tolist())
    columns |= _identity(words, release, capture, account.rows, texts.num_rows)
    account.rows += good.size
    table = pa.table([columns[name] for name in table_schema(release).names], schema=table_schema(release))
    kept = table if good.size == table.num_rows else table.take(good)
    counts = kept.column(PUBLISHED_LABELS[0]).value_counts().to_pylist()
    account.labels.update({one["values"]: one["counts"] for one in counts})
    return kept


def _numbers(words: pa.ChunkedArray, name: str, release: Release, reasons: np.ndarray) -> np.ndarray:
    """(n,) float64; 0 where a record has no such field."""
    values, broken = read_plain(words, release.absent)
    reasons[broken & (reasons == "")] = f"{name}: no number"
    return values


def read_plain(words: pa.ChunkedArray, absent: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float64 of decimal or hexadecimal numbers, and which are none; texts in `absent` are 0."""
    if absent:
        words = pc.if_else(pc.is_in(words, value_set=pa.array(list(absent), pa.string())), "0", words)
    values, broken = read_numbers(words)
    if broken.any():
        coded = words.combine_chunks().dictionary_encode()
        hexadecimal = np.array([_hexadecimal(word) for word in coded.dictionary.to_pylist()])
        found = hexadecimal[coded.indices.to_numpy(zero_copy_only=False)]
        values = np.where(broken, found, values)
        broken &= np.isnan(found)
    return values, broken


def _hexadecimal(word: str) -> float:
    """The value of 0x1f; NaN for anything else."""
    try:
        return float(int(word, 16)) if word[:2].lower() == "0x" and len(word) <= 18 else np.nan
    except ValueError:
        return np.nan


def _category(
    words: pa.ChunkedArray,
    name: str,
    values: Sequence[str],
    release: Release,
    reasons: np.ndarray,
    account: Account,
) -> dict[str, np.ndarray]:
    """A column of 0 and 1 per value; values outside a closed list are a fault of the row."""
    codes = pc.index_in(words, value_set=pa.array(values, pa.string())).fill_null(-1).to_numpy()
    outside = codes < 0
    columns = {f"{name}={value}": (codes == number).astype(np.float64) for number, value in enumerate(values)}
    if name in release.open_lists:
        columns[f"{name}={OTHER}"] = outside.astype(np.float64)
        account.others[name] += int(outside.sum())
    elif outside.any():
        for row in np.flatnonzero(outside & (reasons == "")):
            reasons[row] = f"{name}: {words[int(row)].as_py()[:40]!r} is no value of it"
    return columns


def _labels(words: Mapping[str, pa.ChunkedArray], release: Release) -> dict[str, pa.ChunkedArray]:
    """Label and sublabel as published, without the mark after each."""
    label = words[release.label]
    if release.label_ends_with:
        label = pc.replace_substring_regex(label, rf"{chr(92)}{release.label_ends_with}$", "")
    if release.blank_label:
        label = pc.if_else(pc.equal(label, ""), release.blank_label, label)
    return dict(zip(PUBLISHED_LABELS, (label, words.get(release.sublabel, label)), strict=True))


def _identity(
    words: Mapping[str, pa.ChunkedArray], release: Release, capture: str, first: int, n: int
) -> dict[str, Any]:
    """Identity columns; the order of the file stands for time where a record has none."""
    numbers = np.arange(first, first + n)
    columns: dict[str, Any] = {}
    for column in IDENTITY:
        theirs = words.get(release.identity.get(column.name, ""))
        if column.name == "capture":
            columns[column.name] = pa.repeat(pa.scalar(capture), n)
        elif column.name == "flow_number" or (column.name == "start_us" and theirs is None):
            columns[column.name] = numbers
        elif theirs is None:
            columns[column.name] = pa.repeat(pa.scalar("" if column.dtype == "string" else 0), n).cast(
                pa.string() if column.dtype == "string" else column.dtype
            )
        elif column.dtype == "string":
            columns[column.name] = theirs
        else:
            columns[column.name] = _whole(theirs, 1e6 if column.name == "start_us" else 1.0, column.dtype)
    return columns


def _whole(words: pa.ChunkedArray, factor: float, dtype: str) -> np.ndarray:
    """(n,) whole numbers; 0 for a port that is none, such as that of ICMP, and for a time out of all bounds."""
    values, broken = read_plain(words, ("", "-"))
    values = np.rint(values * factor)
    bound = 2.0**31 if dtype == "int32" else 2.0**62
    return np.where(broken | ~(np.abs(values) < bound), 0.0, values).astype(dtype)
