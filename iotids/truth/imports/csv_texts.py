"""Read a CSV of any encoding, separator and compression as text, and keep the lines that have another number of
fields than its header.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv

from iotids.flowmeter.names import text_of_name
from iotids.truth.labelling.notices import Notice
from iotids.truth.labelling.unpacked import unpacked

SEPARATORS = (",", ";", "\t", "|")
MAX_HEADER_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Texts:
    """A CSV: `fields` (n, k) as text with columns named `0` to `k-1`, its header and separator, lines with another
    number of fields, notices.
    """

    fields: pa.Table
    header: list[str]
    separator: str
    lines: list[str]
    notices: list[Notice]


@dataclass(frozen=True)
class _Head:
    """What comes before the rows: the header's fields, the separator, and how many lines they take."""

    header: list[str]
    separator: str
    n_lines: int


def read_texts(path: Path, count_known: Callable[[Sequence[str]], int]) -> Texts:
    """Read a CSV in UTF-8 (with or without a byte order mark), UTF-16 or Windows-1252, plain or compressed.

    Parameters
    ----------
    count_known : callable
        How many titles of a header are known; the separator with most is the file's, unless a line `sep=` says so.

    Raises
    ------
    ValueError
        An empty file or first line, an archive, or no text in any of these encodings.
    """
    with unpacked(path) as stream:
        begin = stream.read(MAX_HEADER_BYTES)
    if not begin.split(b"\n", 1)[0].strip():
        raise ValueError(f"{path}: empty, or an empty first line; wanted a CSV with a header")
    encoding = _encoding(path, begin)
    lines: list[str] = []
    head = _read_head(path, begin, encoding, count_known)
    try:
        table = _read_csv(path, encoding, head, lines)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"{path}: no CSV with {head.separator!r} between fields: {str(error)[:300]}"
        ) from error
    name = text_of_name(path.name)
    notices = (
        []
        if encoding == "utf-8-sig"
        else [Notice("not_utf8", "warning", 1, f"{name}: not UTF-8; read as {encoding}")]
    )
    return Texts(table, head.header, head.separator, lines, notices)


def first_fields(path: Path) -> list[str]:
    """The fields of the first line, at commas; it may be a header or a row.

    Raises
    ------
    ValueError
        As `read_texts`.
    """
    with unpacked(path) as stream:
        begin = stream.read(MAX_HEADER_BYTES)
    if not (lines := begin.decode(_encoding(path, begin), "replace").splitlines()) or not lines[0].strip():
        raise ValueError(f"{path}: empty, or an empty first line; wanted a CSV")
    return _fields(path, lines[0], ",")


def read_batches(path: Path, n_fields: int, *, n_lines: int, lines: list[str]) -> Iterator[pa.Table]:
    """The rows after the first `n_lines` lines as text, columns named `0` to `n_fields - 1`, some megabytes at a time.

    `lines` takes those with another number of fields. Raises ValueError where this is no CSV.
    """
    with unpacked(path) as stream:
        begin = stream.read(MAX_HEADER_BYTES)
    names = [str(place) for place in range(n_fields)]
    try:
        with unpacked(path) as stream:
            text = io.BufferedReader(_Recoded(stream, _encoding(path, begin)), BLOCK_BYTES)
            for batch in pc_csv.open_csv(text, **_options(names, ",", n_lines, lines)):
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise ValueError(f"{path}: no CSV with ',' between fields: {str(error)[:300]}") from error


def as_lines(texts: pa.Table, rows: np.ndarray) -> list[str]:
    """Write some rows as CSV lines again; `rows` (m,) int, numbers of rows."""
    columns = [column.to_pylist() for column in texts.take(pa.array(rows)).columns] if len(rows) else []
    lines = []
    for fields in zip(*columns, strict=True):
        stream = io.StringIO()
        csv.writer(stream, lineterminator="").writerow(fields)
        lines.append(stream.getvalue())
    return lines


def _encoding(path: Path, begin: bytes) -> str:
    """Find the encoding in which the whole file is text."""
    reason = ""
    for encoding in _possible_encodings(begin):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with unpacked(path) as stream:
                while block := stream.read(BLOCK_BYTES):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            return encoding
        except UnicodeError as error:
            reason = str(error)[:200]
    raise ValueError(f"{path}: no CSV of text in UTF-8, UTF-16 or Windows-1252: {reason}")


def _possible_encodings(begin: bytes) -> list[str]:
    """Encodings that a file may be in by its first bytes; a mark is not always written before UTF-16."""
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ["utf-16"]
    if len(begin) >= 8 and not any(begin[1:8:2]):  # Latin letters
        return ["utf-16-le"]
    if len(begin) >= 8 and not any(begin[0:8:2]):
        return ["utf-16-be"]
    return ["utf-8-sig", "cp1252"]


class _Recoded(io.RawIOBase):
    """A text file as UTF-8 without a byte order mark."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self.stream, self.decoder, self.ready = stream, codecs.getincrementaldecoder(encoding)(), b""

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Give the next bytes."""
        while not self.ready:
            block = self.stream.read(BLOCK_BYTES)
            self.ready = self.decoder.decode(block, final=not block).encode("utf-8", "replace")
            if not block:
                break
        n_bytes = min(len(target), len(self.ready))
        target[:n_bytes], self.ready = self.ready[:n_bytes], self.ready[n_bytes:]
        return n_bytes


def _read_head(path: Path, begin: bytes, encoding: str, count_known: Callable[[Sequence[str]], int]) -> _Head:
    """Read the header, and a line `sep=;` before it, as spreadsheets write it."""
    # a character cut in two at the end is no fault of the file; rows are judged when they are read
    text = begin.decode(encoding, "replace")
    lines = text.splitlines()[:2] or [""]
    if (said := lines[0].strip().strip('"').lower()).startswith("sep=") and len(said) == 5 and len(lines) > 1:
        separator = said[-1]
        return _Head(_fields(path, lines[1], separator), separator, 2)
    if said == "sep=" and len(lines) > 1:  # a tab, which strip took
        return _Head(_fields(path, lines[1], "\t"), "\t", 2)
    headers = {separator: _fields(path, lines[0], separator) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda sign: (count_known(headers[sign]), len(headers[sign])))
    return _Head(headers[separator], separator, 1)


def _fields(path: Path, line: str, separator: str) -> list[str]:
    """Cut one line."""
    try:
        return next(csv.reader([line], delimiter=separator), [""])
    except csv.Error as error:
        raise ValueError(f"{path}: the first line is no header of a CSV: {error}") from error


def _read_csv(path: Path, encoding: str, head: _Head, lines: list[str]) -> pa.Table:
    """Read the fields after the header."""
    names = [str(place) for place in range(len(head.header))]
    try:
        with unpacked(path) as stream:
            text = io.BufferedReader(_Recoded(stream, encoding), BLOCK_BYTES)
            return pc_csv.read_csv(text, **_options(names, head.separator, head.n_lines, lines))
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
        return pa.table({name: pa.array([], pa.string()) for name in names})


def _options(names: list[str], separator: str, n_lines: int, lines: list[str]) -> dict[str, Any]:
    """Options that read every field as text and put lines with another number of fields aside."""

    def keep(row: pc_csv.InvalidRow) -> str:
        lines.append(row.text)
        return "skip"

    return {
        "read_options": pc_csv.ReadOptions(column_names=names, skip_rows=n_lines, block_size=2 * BLOCK_BYTES),
        "parse_options": pc_csv.ParseOptions(delimiter=separator, invalid_row_handler=keep),
        "convert_options": pc_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    }
