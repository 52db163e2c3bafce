"""Read Zeek's labelled connection logs: the original mixed layout of IoT-23 and CSV copies of it.

In the original, fields are separated by tabs, but the last one holds `tunnel_parents`, `label` and
`detailed-label` separated by three spaces, in the header as in the rows. Lines that cannot be read are handed
back, not dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

_WANTED = (
    "ts",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "duration",
    "label",
    "detailed-label",
)
_NUMBER = r"^[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
_UNSET = ("-", "", "(empty)")


@dataclass(frozen=True)
class Connections:
    """Rows of a log: endpoints, protocol, first and last time in µs, label and detailed label; and the
    `broken` lines.
    """

    rows: pa.Table
    broken: tuple[str, ...]


def read_connections(path: str | Path) -> Connections:
    """Read a labelled connection log.

    Returns
    -------
    Connections
        `rows` has orig_ip, orig_port, resp_ip, resp_port, protocol (lower case), first_us, last_us, malicious
        (bool), detail.

    Raises
    ------
    ValueError
        Neither layout, no labels, not UTF-8, or no row at all.
    """
    layout = _layout(Path(path))
    broken: list[str] = []

    def keep_apart(row: pc_csv.InvalidRow) -> str:
        if not row.text.startswith("#"):
            broken.append(row.text)
        return "skip"

    quote = '"' if layout.delimiter == "," else False
    texts = dict.fromkeys(layout.columns, pa.string())
    try:
        table = pc_csv.read_csv(
            path,
            read_options=pc_csv.ReadOptions(
                column_names=list(layout.columns), skip_rows=layout.n_header_lines
            ),
            parse_options=pc_csv.ParseOptions(
                delimiter=layout.delimiter, quote_char=quote, invalid_row_handler=keep_apart
            ),
            convert_options=pc_csv.ConvertOptions(
                column_types=texts, strings_can_be_null=False, include_columns=layout.needed()
            ),
        )
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"{path}: cannot be read as UTF-8 text with {layout.delimiter!r} between fields: {error}"
        ) from error
    table = table.filter(pc.invert(pc.starts_with(table.column("ts"), "#")))
    if not table.num_rows and not broken:
        raise ValueError(f"{path}: a header, but no connection")
    return _clean(_split_labels(table), broken, path)


@dataclass(frozen=True)
class _Layout:
    """How a log is cut into columns."""

    delimiter: str
    n_header_lines: int
    columns: tuple[str, ...]

    def needed(self) -> list[str]:
        """Give the columns that hold what is wanted; one can hold several."""
        return [column for column in self.columns if set(re.split(r" {3,}", column)) & set(_WANTED)]


def _layout(path: Path) -> _Layout:
    """Find out the layout from the first lines."""
    with path.open("rb") as stream:
        head = [stream.readline(65536) for _ in range(40)]
    try:
        lines = [line.decode("utf-8-sig").rstrip("\r\n") for line in head if line]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start} of a header line)"
        ) from error
    n_comments = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    fields = next((line for line in lines[:n_comments] if line.startswith("#fields")), None)
    if fields is not None:
        columns, delimiter = fields.split("\t")[1:], "\t"
    else:
        header = lines[n_comments] if n_comments < len(lines) else ""
        delimiter = "\t" if "\t" in header else ","
        columns, n_comments = [name.strip() for name in header.split(delimiter)], n_comments + 1
    names = {name for column in columns for name in re.split(r" {3,}", column)}
    if missing := [name for name in _WANTED if name not in names]:
        hint = (
            "; this is a log without labels"
            if {"label", "detailed-label"} & set(missing) and "ts" in names
            else ""
        )
        wanted = "wanted Zeek's conn.log.labeled with a #fields line, or a CSV with a header"
        raise ValueError(f"{path}: no column {', '.join(missing)}{hint}; {wanted}")
    return _Layout(delimiter, n_comments, tuple(columns))


def _split_labels(table: pa.Table) -> pa.Table:
    """Cut a column that holds several, separated by three spaces or more, into those."""
    columns = {}
    for name in table.column_names:
        parts = re.split(r" {3,}", name)
        if len(parts) == 1:
            columns[name] = table.column(name)
            continue
        pattern = r"^" + r" {3,}".join(f"(?P<p{number}>.*?)" for number in range(len(parts))) + r"$"
        found = pc.extract_regex(table.column(name), pattern)
        columns |= {part: pc.struct_field(found, [number]) for number, part in enumerate(parts)}
    return pa.table({name: columns[name] for name in _WANTED})


def _clean(table: pa.Table, broken: list[str], path: str | Path) -> Connections:
    """Turn the text into numbers; rows where that fails are broken."""
    duration = pc.if_else(
        pc.is_in(table.column("duration"), value_set=pa.array(_UNSET)), "0", table.column("duration")
    )
    numbers = {
        "duration": duration,
        **{name: table.column(name) for name in ("ts", "id.orig_p", "id.resp_p")},
    }
    good = pc.is_in(pc.utf8_lower(table.column("label")), value_set=pa.array(["benign", "malicious"]))
    for column in numbers.values():
        good = pc.and_(good, pc.match_substring_regex(column, _NUMBER))
    good = pc.fill_null(good, False)
    bad_rows = table.filter(pc.invert(good)).slice(0, 1000).to_pylist()
    n_bad = table.num_rows - int(pc.sum(good).as_py() or 0)
    broken.extend("\t".join(str(value) for value in row.values()) for row in bad_rows)
    broken.extend("(and more)" for _ in range(n_bad - len(bad_rows)))
    if n_bad == table.num_rows:
        wanted = "wanted times and ports as numbers and `Benign` or `Malicious` as label"
        raise ValueError(
            f"{path}: none of {max(n_bad, len(broken)):,} rows can be used; {wanted}; the first: {broken[0]!r}"
        )
    first_us = np.rint(_floats(numbers["ts"].filter(good)) * 1e6).astype(np.int64)
    last_us = first_us + np.rint(_floats(numbers["duration"].filter(good)) * 1e6).astype(np.int64)
    table = table.filter(good)
    rows = pa.table(
        {
            "orig_ip": table.column("id.orig_h"),
            "orig_port": table.column("id.orig_p").cast(pa.int32()),
            "resp_ip": table.column("id.resp_h"),
            "resp_port": table.column("id.resp_p").cast(pa.int32()),
            "protocol": pc.utf8_lower(table.column("proto")),
            "first_us": first_us,
            "last_us": last_us,
            "malicious": pc.equal(pc.utf8_lower(table.column("label")), "malicious"),
            "detail": table.column("detailed-label"),
        }
    )
    return Connections(rows, tuple(broken))


def _floats(texts: pa.ChunkedArray) -> np.ndarray:
    """Read decimal numbers."""
    return texts.cast(pa.float64()).to_numpy()
