"""Read a CSV of any encoding as text, and keep the lines that have another number of fields than its header."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv

from iotids.truth.labelling.notices import Notice


@dataclass(frozen=True)
class Texts:
    """A CSV: `fields` (n, k) as text with columns named `0` to `k-1`, its header, lines with another number
    of fields, notices.
    """

    fields: pa.Table
    header: list[str]
    lines: list[str]
    notices: list[Notice]


def read_texts(path: Path) -> Texts:
    """Read a CSV in UTF-8 (with or without a byte order mark), UTF-16 or Windows-1252.

    Raises
    ------
    ValueError
        An empty file or first line, or no text in any of these encodings.
    """
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
                raise ValueError(
                    f"{path}: no CSV of text in UTF-8, UTF-16 or Windows-1252: {error}"
                ) from error
    notices = (
        []
        if encoding == "utf8"
        else [Notice("not_utf8", "warning", 1, f"{path.name}: not UTF-8; read as {encoding}")]
    )
    return Texts(table, header, lines, notices)


def as_lines(texts: pa.Table, rows: np.ndarray) -> list[str]:
    """Write some rows as CSV lines again; `rows` (m,) int, numbers of rows."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(
        zip(*(column.to_pylist() for column in texts.take(rows).columns), strict=True) if len(rows) else []
    )
    return stream.getvalue().splitlines()


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
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
        return pa.table({name: pa.array([], pa.string()) for name in names})
