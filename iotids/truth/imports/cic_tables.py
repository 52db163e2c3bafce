"""Flow tables from elsewhere: CSV of any version of CICFlowMeter becomes a table of our schema, with an
account of what did not fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, TRUTH, Column, arrow_schema
from iotids.flowmeter.names import text_of_name
from iotids.truth.imports.column_names import Matching, match_header
from iotids.truth.imports.csv_texts import as_lines, read_texts
from iotids.truth.imports.header_check import check_again, check_header
from iotids.truth.imports.table_times import Clock, read_times
from iotids.truth.imports.table_values import decimal_sign, infer_time_unit, read_numbers, to_us
from iotids.truth.labelling.notices import Notice

_FEATURE_NAMES = {column.name for column in FEATURES}
_NO_LABEL = {"needmanuallabel", "no label", ""}


@dataclass(frozen=True)
class How:
    """How to read a table.

    Name of the source, class of each label (in lower case), the table's clock minus UTC, whether missing features
    become NaN; order of day and month and the hour below which a 12-hour clock means the afternoon, as in
    `table_times.Clock`; what stands before decimals, empty to find out; the name for the column `capture`, the
    file's if empty.
    """

    source: str
    labels: Mapping[str, str] = field(default_factory=dict)
    utc_offset_h: float = 0.0
    fill_missing: bool = False
    dates: str = ""
    pm_below: int = 0
    decimal: str = ""
    name: str = ""


@dataclass(frozen=True)
class Imported:
    """`flows` of our schema; `unknown` columns with `row` in `flows`; `broken` lines with their reason;
    notices.
    """

    flows: pa.Table
    unknown: pa.Table
    broken: pa.Table
    notices: tuple[Notice, ...]


def import_table(path: Path, how: How) -> Imported:
    """Read a CSV of flows.

    Parameters
    ----------
    path : Path
        Of any version: V3 (CIC-IDS2017), 2018 to 2019 (IoTID20), V4, the corrected fork, the Python port.

    Returns
    -------
    Imported
        `flows` has identity and features, the corrected extras if all are there, and the truth columns if the
        table has labels. Start times are microseconds since 1970 UTC, durations microseconds. No row is in neither
        `flows` nor `broken`.

    Raises
    ------
    ValueError
        Empty, no flow table, features missing, no row that can be used, durations in mixed units, dates of both
        orders, or labels without a class; with what came and what to do.
    """
    how = replace(how, name=how.name or text_of_name(path.name))
    read = read_texts(path, lambda header: len(match_header(header).columns))
    texts, header, lines = read.fields, read.header, read.lines
    matching = match_header(header)
    notices = [
        *read.notices,
        *check_header(path, header, matching, separator=read.separator, fill_missing=how.fill_missing),
        *check_again(path, header, matching, texts),
    ]
    columns, reasons, time_notices = _read_columns(path, texts, matching, how)
    notices += time_notices
    good = np.flatnonzero(reasons == "")
    if not len(good) and (len(reasons) or lines):
        first = reasons[0] if len(reasons) else f"not as many fields as the header ({len(header)})"
        raise ValueError(
            f"{path}: none of {len(reasons) + len(lines):,} rows can be used; the first: {first}: {(lines or as_lines(texts, np.array([0])))[0][:120]!r}"
        )
    unit, unit_notices = _time_unit(path, columns, good, header)
    flows = _assemble(path, texts, columns, matching, how, good=good, factor=to_us(unit))
    if "start_us" in columns and texts.num_rows and not columns["start_us"].any():
        notices.append(
            Notice(
                "no_times",
                "warning",
                texts.num_rows,
                f"{how.name}: no start time can be read; all are taken as 0",
            )
        )
    bad = np.flatnonzero(reasons != "")
    broken = pa.table(
        {
            "line": pa.array([*lines, *as_lines(texts, bad)], pa.string()),
            "reason": pa.array(
                ["not as many fields as the header"] * len(lines) + reasons[bad].tolist(), pa.string()
            ),
        }
    )
    if broken.num_rows:
        notices.append(
            Notice(
                "broken_rows",
                "warning",
                broken.num_rows,
                f"{how.name}: rows cannot be used, the first for {broken['reason'][0].as_py()!r}",
            )
        )
    if not flows.num_rows:
        notices.append(Notice("no_rows", "warning", 1, f"{how.name}: a header and no usable row"))
    unknown = pa.table(
        {"row": np.arange(len(good))}
        | {f"{header[p].strip()} [{p + 1}]": texts.column(p).take(good) for p in _unknown_places(matching)}
    )
    return Imported(flows, unknown, broken, (*notices, *unit_notices))


def _read_columns(
    path: Path, texts: pa.Table, matching: Matching, how: How
) -> tuple[dict[str, np.ndarray], np.ndarray, list[Notice]]:
    """Turn the matched columns into numbers; give them, per row why it cannot be used, or nothing, and notices."""
    notices: list[Notice] = []
    decimal = how.decimal or decimal_sign(
        (
            (texts.column(matching.columns[column.name]), _is_whole(column))
            for column in (*IDENTITY, *FEATURES, *CORRECTED_EXTRAS)
            if column.name in matching.columns and column.dtype != "string" and column.name != "start_us"
        ),
        str(path),
    )
    reasons = np.full(texts.num_rows, "", dtype=object)
    columns: dict[str, np.ndarray] = {}
    for column in (*IDENTITY, *FEATURES, *CORRECTED_EXTRAS):
        if column.name not in matching.columns or column.dtype == "string":
            continue
        field_texts = texts.column(matching.columns[column.name])
        if column.name == "start_us":
            clock = Clock(how.utc_offset_h, how.dates, how.pm_below)
            columns[column.name], broken, notices = read_times(field_texts, clock, str(path))
            broken &= not broken.all()
        else:
            columns[column.name], broken = read_numbers(field_texts, decimal)
            broken |= ~_fit(columns[column.name], column)
        reasons[broken & (reasons == "")] = (
            f"{column.cic_name}: no {'time' if column.name == 'start_us' else 'number'}"
        )
    return columns, reasons, notices


def _is_whole(column: Column) -> bool:
    """Tell whether a column has whole numbers whatever the unit of times is."""
    return column.dtype != "float64" and column.unit != "µs"


def _fit(numbers: np.ndarray, column: Column) -> np.ndarray:
    """Tell which numbers the type of a column can hold; times as microseconds, whatever their unit is here."""
    if column.dtype == "float64":
        return np.ones(len(numbers), bool)
    limit = 2.0**31 if column.dtype == "int32" else 2.0**63
    fits = np.isfinite(numbers) & (np.abs(numbers) < (limit if _is_whole(column) else limit / to_us("s")))
    return fits & (np.where(fits, numbers, 0.5) % 1 == 0) if _is_whole(column) else fits


def _time_unit(
    path: Path, columns: Mapping[str, np.ndarray], good: np.ndarray, header: Sequence[str]
) -> tuple[str, list[Notice]]:
    """Find the unit of the durations; two units in one table cannot be distinguished row by row and are refused."""
    needed = ("flow_duration_us", "flow_packets_per_s", "fwd_packets", "bwd_packets")
    by_style = "s" if any(title.strip() == "flow_duration" for title in header) else "µs"
    if any(name not in columns for name in needed):
        return by_style, [
            Notice(
                "unit_assumed",
                "warning",
                1,
                f"{text_of_name(path.name)}: durations taken as {by_style}: no rates to check by",
            )
        ]
    durations, rates, fwd, bwd = (columns[name][good] for name in needed)
    votes = infer_time_unit(durations, rates, fwd + bwd)
    if not votes:
        return by_style, [
            Notice(
                "unit_assumed",
                "info",
                1,
                f"{text_of_name(path.name)}: durations taken as {by_style}: no row to check by",
            )
        ]
    unit = max(votes, key=lambda name: votes[name])
    if sum(votes.values()) - votes[unit] > 0.01 * sum(votes.values()):
        counts = ", ".join(f"{n_rows:,} rows in {name}" for name, n_rows in votes.items())
        raise ValueError(
            f"{path}: durations in mixed units ({counts}, judged by packets per second); cut the file into one per unit"
        )
    notices = []
    if unit != "µs":
        notices.append(
            Notice(
                "unit_converted",
                "info",
                len(good),
                f"{text_of_name(path.name)}: times converted from {unit} to µs",
            )
        )
    if by_style == "s":
        meaning = "packet lengths are those of whole frames, not payload, and standard deviations those of a population"
        message = f"{text_of_name(path.name)}: made by the Python port, whose {meaning}; do not mix with other tools"
        notices.append(Notice("other_meaning", "warning", len(good), message))
    return unit, notices


def _assemble(
    path: Path,
    texts: pa.Table,
    columns: Mapping[str, np.ndarray],
    matching: Matching,
    how: How,
    *,
    good: np.ndarray,
    factor: float,
) -> pa.Table:
    """Put the table of our schema together."""
    has_extras = all(column.name in matching.columns for column in CORRECTED_EXTRAS)
    wanted: tuple[Column, ...] = (*IDENTITY, *FEATURES, *(CORRECTED_EXTRAS if has_extras else ()))
    made = {
        "capture": [how.name] * len(good),
        "flow_number": np.arange(len(good)),
        "first_packet": np.zeros(len(good)),
        "last_packet": np.zeros(len(good)),
    }
    arrays = {}
    for column in wanted:
        if column.name in made:
            values = made[column.name]
        elif column.dtype == "string":
            place = matching.columns.get(column.name)
            values = (
                [""] * len(good) if place is None else pc.utf8_trim_whitespace(texts.column(place).take(good))
            )
        elif column.name not in columns:
            values = np.full(len(good), np.nan if column in FEATURES else 0.0)
        else:
            values = columns[column.name][good]
            if column.unit == "µs" and column.name != "start_us":
                values = np.rint(values * factor) if column.dtype != "float64" else values * factor
        arrays[column.name] = values
    # a missing feature is NaN, which whole numbers cannot be
    schema = pa.schema(
        [
            pa.field(f.name, pa.float64())
            if f.name in matching.missing and f.name not in made and f.name in _FEATURE_NAMES
            else f
            for f in arrow_schema(wanted)
        ]
    )
    table = pa.table(
        {name: _as_type(values, schema.field(name).type) for name, values in arrays.items()}, schema=schema
    )
    truth = _truth(path, texts, matching, how, good)
    return (
        table
        if truth is None
        else pa.table([*table.columns, *truth.columns], schema=pa.schema([*table.schema, *truth.schema]))
    )


def _truth(path: Path, texts: pa.Table, matching: Matching, how: How, good: np.ndarray) -> pa.Table | None:
    """Make the truth columns from the table's label, category and subcategory; None without labels."""
    place = matching.labels.get("category", matching.labels.get("label"))
    if place is None or not len(good):
        return None
    words = pc.utf8_trim_whitespace(texts.column(place).take(good)).combine_chunks().dictionary_encode()
    distinct = words.dictionary.to_pylist()
    if {word.lower() for word in distinct} <= _NO_LABEL:
        return None
    if unknown := [word for word in distinct if word.lower() not in how.labels]:
        shown = ", ".join(repr(word[:60]) for word in sorted(unknown)[:20]) + " …" * (len(unknown) > 20)
        raise ValueError(
            f"{path}: labels without a class: {shown}; give them in a YAML of `label: CLASS` with --labels"
        )
    classes = pa.array([how.labels[word.lower()] for word in distinct], pa.string()).take(words.indices)
    sub = matching.labels.get("subcategory", place)
    rule = pa.repeat(pa.scalar(f"label of {how.name}"), len(good))
    columns = [
        pa.repeat(pa.scalar(how.source), len(good)),
        pa.repeat(pa.scalar(how.name), len(good)),
        classes,
        texts.column(sub).take(good),
        rule,
    ]
    return pa.table(columns, names=[column.name for column in TRUTH]).cast(arrow_schema(TRUTH))


def _as_type(values: object, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Make a column of a type from numbers or words."""
    if isinstance(values, np.ndarray) and pa.types.is_integer(kind):
        return pa.array(values.astype(np.int64)).cast(kind)
    return values.cast(kind) if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)


def _unknown_places(matching: Matching) -> list[int]:
    """Give the places of columns to keep apart: unknown ones, repeated ones, and labels beside the one that
    was used.
    """
    used = {matching.labels.get("category", matching.labels.get("label")), matching.labels.get("subcategory")}
    return sorted(
        [*matching.unknown, *(place for place, _ in matching.again), *(set(matching.labels.values()) - used)]
    )
