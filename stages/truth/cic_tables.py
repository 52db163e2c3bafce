"""Flow tables from elsewhere: CSV of any version of CICFlowMeter becomes a table of our schema, with an account of what did not fit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from stages.flowmeter.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, TRUTH, Column, arrow_schema
from stages.truth.column_names import Matching, match_header, suggest
from stages.truth.table_values import infer_time_unit, read_numbers, read_times, to_us
from stages.truth.verdicts import Notice

_FEATURE_NAMES = {column.name for column in FEATURES}
_NO_LABEL = {"needmanuallabel", "no label", ""}


@dataclass(frozen=True)
class How:
    """How to read a table.

    Name of the source, class of each label (in lower case), the table's clock minus UTC, and whether missing features become NaN.
    """

    source: str
    labels: Mapping[str, str] = field(default_factory=dict)
    utc_offset_h: float = 0.0
    fill_missing: bool = False


@dataclass(frozen=True)
class Imported:
    """`flows` of our schema; `unknown` columns with `row` in `flows`; `broken` lines with their reason; notices."""

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
        `flows` has identity and features, the corrected extras if all are there, and the truth columns if the table has labels.
        Start times are microseconds since 1970 UTC, durations microseconds.

    Raises
    ------
    ValueError
        Empty, no flow table, features missing, durations in mixed units, or labels without a class; with what came and what to do.
    """
    texts, header, lines, notices = _read_texts(path)
    matching = match_header(header)
    notices += _check_header(path, header, matching, how)
    notices += _check_again(path, header, matching, texts)
    columns, reasons = _read_columns(texts, matching, how)
    good = np.flatnonzero(reasons == "")
    unit, unit_notices = _time_unit(path, columns, good, header)
    flows = _assemble(path, texts, columns, matching, how, good=good, factor=to_us(unit))
    if "start_us" in columns and texts.num_rows and not columns["start_us"].any():
        notices.append(Notice("no_times", "warning", texts.num_rows, f"{path.name}: no start time can be read; all are taken as 0"))
    bad = np.flatnonzero(reasons != "")
    broken = pa.table({
        "line": pa.array([*lines, *_as_lines(texts, bad)], pa.string()),
        "reason": pa.array(["not as many fields as the header"] * len(lines) + reasons[bad].tolist(), pa.string()),
    })  # fmt: skip
    if broken.num_rows:
        notices.append(
            Notice(
                "broken_rows",
                "warning",
                broken.num_rows,
                f"{path.name}: rows cannot be used, the first for {broken['reason'][0].as_py()!r}",
            )
        )
    if not flows.num_rows:
        notices.append(Notice("no_rows", "warning", 1, f"{path.name}: a header and no usable row"))
    unknown = pa.table(
        {"row": np.arange(len(good))} | {f"{header[p].strip()} [{p + 1}]": texts.column(p).take(good) for p in _unknown_places(matching)}
    )
    return Imported(flows, unknown, broken, (*notices, *unit_notices))


def _read_texts(path: Path) -> tuple[pa.Table, list[str], list[str], list[Notice]]:
    """Read all fields as text: table with columns named by place, header, lines with another number of fields, notices."""
    with path.open("rb") as stream:
        first = stream.readline()
    if not first.strip():
        raise ValueError(f"{path}: empty, or an empty first line; wanted a CSV with a header")
    encodings = ["utf-16"] if first[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf8", "cp1252"]
    for encoding in encodings:
        lines: list[str] = []
        try:
            with path.open(encoding=encoding.replace("utf8", "utf-8-sig"), newline="") as stream:
                header = next(csv.reader(io.StringIO(stream.readline())))
            table = _read_csv(path, encoding, len(header), lines)
            break
        except (UnicodeDecodeError, pa.ArrowInvalid) as error:
            if encoding == encodings[-1]:
                raise ValueError(f"{path}: no CSV of text in UTF-8, UTF-16 or Windows-1252: {error}") from error
    notices = [] if encoding == "utf8" else [Notice("not_utf8", "warning", 1, f"{path.name}: not UTF-8; read as {encoding}")]
    return table, header, lines, notices


def _read_csv(path: Path, encoding: str, n_columns: int, lines: list[str]) -> pa.Table:
    """Read the fields after the first line."""
    names = [str(place) for place in range(n_columns)]

    def keep(row: pc_csv.InvalidRow) -> str:
        lines.append(row.text)
        return "skip"

    try:
        return pc_csv.read_csv(
            path,
            read_options=pc_csv.ReadOptions(column_names=names, skip_rows=1, encoding=encoding),
            parse_options=pc_csv.ParseOptions(invalid_row_handler=keep),
            convert_options=pc_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
        return pa.table({name: pa.array([], pa.string()) for name in names})


def _check_header(path: Path, header: Sequence[str], matching: Matching, how: How) -> list[Notice]:
    """Refuse what is no flow table; name what is missing and what is unknown."""
    needed = [column for column in FEATURES if column.name in matching.missing]
    if len(needed) > len(FEATURES) // 2 and not how.fill_missing:
        raise ValueError(
            f"{path}: no flow table: {len(FEATURES) - len(needed)} of {len(FEATURES)} features found; came {', '.join(header[:6])} …"
        )
    if needed and not how.fill_missing:
        hints = {column.cic_name: suggest(column.name, header, matching.unknown) for column in needed}
        names = ", ".join(f"{name} (is it {hint!r}?)" if hint else name for name, hint in hints.items())
        raise ValueError(f"{path}: missing features: {names}. Mend the header, or take them as NaN with --fill-missing")
    notices = []
    if needed:
        names = ", ".join(column.cic_name for column in needed)
        notices.append(Notice("missing_features", "warning", len(needed), f"{path.name}: taken as NaN: {names}"))
    if absent := [column.cic_name for column in IDENTITY if column.name in matching.missing]:
        notices.append(Notice("missing_identity", "info", len(absent), f"{path.name}: left empty: {', '.join(absent)}"))
    if matching.unknown:
        names = ", ".join(repr(header[place]) for place in matching.unknown)
        notices.append(Notice("unknown_columns", "warning", len(matching.unknown), f"{path.name}: kept apart: {names}"))
    return notices


def _check_again(path: Path, header: Sequence[str], matching: Matching, texts: pa.Table) -> list[Notice]:
    """Compare columns that come twice with their first."""
    notices = []
    for place, first in matching.again:
        n_other = int(pc.sum(pc.not_equal(texts.column(place), texts.column(first))).as_py() or 0)
        message = f"{path.name}: {header[place]!r} again as column {place + 1}; " + (
            f"differs in {n_other:,} rows, the first is taken" if n_other else "the same"
        )
        notices.append(Notice("column_again", "warning" if n_other else "info", 1, message))
    return notices


def _read_columns(texts: pa.Table, matching: Matching, how: How) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Turn the matched columns into numbers; give them, and per row why it cannot be used, or nothing."""
    reasons = np.full(texts.num_rows, "", dtype=object)
    columns: dict[str, np.ndarray] = {}
    for column in (*IDENTITY, *FEATURES, *CORRECTED_EXTRAS):
        if column.name not in matching.columns or column.dtype == "string":
            continue
        field_texts = texts.column(matching.columns[column.name])
        if column.name == "start_us":
            columns[column.name], broken = read_times(field_texts, how.utc_offset_h)
            broken &= not broken.all()
        else:
            columns[column.name], broken = read_numbers(field_texts)
            if column.dtype != "float64" and column.unit != "µs":
                broken |= ~(np.isfinite(columns[column.name]) & (columns[column.name] % 1 == 0))
        reasons[broken & (reasons == "")] = f"{column.cic_name}: no {'time' if column.name == 'start_us' else 'number'}"
    return columns, reasons


def _time_unit(path: Path, columns: Mapping[str, np.ndarray], good: np.ndarray, header: Sequence[str]) -> tuple[str, list[Notice]]:
    """Find the unit of the durations; two units in one table cannot be told apart row by row and are refused."""
    needed = ("flow_duration_us", "flow_packets_per_s", "fwd_packets", "bwd_packets")
    by_style = "s" if any(title.strip() == "flow_duration" for title in header) else "µs"
    if any(name not in columns for name in needed):
        return by_style, [Notice("unit_assumed", "warning", 1, f"{path.name}: durations taken as {by_style}: no rates to check by")]
    durations, rates, fwd, bwd = (columns[name][good] for name in needed)
    votes = infer_time_unit(durations, rates, fwd + bwd)
    if not votes:
        return by_style, [Notice("unit_assumed", "info", 1, f"{path.name}: durations taken as {by_style}: no row to check by")]
    unit = max(votes, key=lambda name: votes[name])
    if sum(votes.values()) - votes[unit] > 0.01 * sum(votes.values()):
        counts = ", ".join(f"{n_rows:,} rows in {name}" for name, n_rows in votes.items())
        raise ValueError(f"{path}: durations in mixed units ({counts}, judged by packets per second); cut the file into one per unit")
    notices = []
    if unit != "µs":
        notices.append(Notice("unit_converted", "info", len(good), f"{path.name}: times converted from {unit} to µs"))
    if by_style == "s":
        meaning = "packet lengths are those of whole frames, not payload, and standard deviations those of a population"
        message = f"{path.name}: made by the Python port, whose {meaning}; do not mix with other tools"
        notices.append(Notice("other_meaning", "warning", len(good), message))
    return unit, notices


def _assemble(
    path: Path, texts: pa.Table, columns: Mapping[str, np.ndarray], matching: Matching, how: How, *, good: np.ndarray, factor: float
) -> pa.Table:
    """Put the table of our schema together."""
    has_extras = all(column.name in matching.columns for column in CORRECTED_EXTRAS)
    wanted: tuple[Column, ...] = (*IDENTITY, *FEATURES, *(CORRECTED_EXTRAS if has_extras else ()))
    made = {
        "capture": [path.name] * len(good),
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
            values = [""] * len(good) if place is None else pc.utf8_trim_whitespace(texts.column(place).take(good))
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
            pa.field(f.name, pa.float64()) if f.name in matching.missing and f.name not in made and f.name in _FEATURE_NAMES else f
            for f in arrow_schema(wanted)
        ]
    )
    table = pa.table({name: _as_type(values, schema.field(name).type) for name, values in arrays.items()}, schema=schema)
    truth = _truth(path, texts, matching, how, good)
    return table if truth is None else pa.table([*table.columns, *truth.columns], schema=pa.schema([*table.schema, *truth.schema]))


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
        raise ValueError(
            f"{path}: labels without a class: {', '.join(map(repr, sorted(unknown)))}; give them in a YAML of `label: CLASS` with --labels"
        )
    classes = pa.array([how.labels[word.lower()] for word in distinct], pa.string()).take(words.indices)
    sub = matching.labels.get("subcategory", place)
    rule = pa.repeat(pa.scalar(f"label of {path.name}"), len(good))
    columns = [
        pa.repeat(pa.scalar(how.source), len(good)),
        pa.repeat(pa.scalar(path.name), len(good)),
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
    """Give the places of columns to keep apart: unknown ones, repeated ones, and labels beside the one that was used."""
    used = {matching.labels.get("category", matching.labels.get("label")), matching.labels.get("subcategory")}
    return sorted([*matching.unknown, *(place for place, _ in matching.again), *(set(matching.labels.values()) - used)])


def _as_lines(texts: pa.Table, rows: np.ndarray) -> list[str]:
    """Write some rows as CSV lines again."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(
        zip(*(column.to_pylist() for column in texts.take(rows).columns), strict=True) if len(rows) else []
    )
    return stream.getvalue().splitlines()
