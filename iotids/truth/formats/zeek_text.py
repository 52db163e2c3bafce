"""Cut Zeek logs and copies of them into columns of text: tabs, three spaces, `,`, `;` or `|` between fields, or
JSON lines.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pc_csv

from iotids.truth.labelling.unpacked import unpacked

NEEDED = (
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
_OPTIONAL = ("duration", "detailed-label")
_SPELLINGS = {re.sub("[^a-z]", "", name): name for name in NEEDED} | {
    "origh": "id.orig_h",
    "origp": "id.orig_p",
    "resph": "id.resp_h",
    "respp": "id.resp_p",
    "protocol": "proto",
}
_SPACES = re.compile(rb" {3,}")
_COMMENT = re.compile(rb"^#[^\n]*(\n|\Z)", re.MULTILINE)
_FIELDS = re.compile(rb"^#fields[^\n]*", re.MULTILINE)
_LONG = re.compile(rb"[^\n]{500000,}")
BLOCK_BYTES = 4 << 20
MAX_CUT_SHORT = 100_000


@dataclass(frozen=True)
class Texts:
    """A log: the needed columns as text, lines that cannot be cut into its columns, and what these begin with."""

    columns: dict[str, pa.ChunkedArray]
    broken: list[str]
    cut_short: dict[str, pa.ChunkedArray] | None


@dataclass(frozen=True)
class _Layout:
    """How a log is cut into columns; `skip` tells whether its first line is a header."""

    delimiter: str
    columns: tuple[str, ...]
    skip: bool

    def places(self) -> dict[str, int]:
        """Give the places of the needed columns; of columns that come twice the first."""
        places: dict[str, int] = {}
        for place, title in enumerate(self.columns):
            name = _SPELLINGS.get(re.sub("[^a-z]", "", title.lower()))
            if name:
                places.setdefault(name, place)
        return places


def read_texts(path: Path) -> Texts:
    """Read a log as text.

    Raises
    ------
    ValueError
        Not UTF-8, no known layout, damaged compression, or no column of times, endpoints or labels.
    """
    with unpacked(path) as stream:
        head = stream.read(1 << 16)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        with unpacked(path) as stream:
            return _read_json(path, stream)
    layout = _layout(path, head)
    with unpacked(path) as stream:
        return _read_rows(path, stream, layout)


def _layout(path: Path, head: bytes) -> _Layout:
    """Find out the layout from the line `#fields`, wherever it stands, or from the first line."""
    try:
        head.rpartition(b"\n")[0].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    line = _without_quotes(head.partition(b"\n")[0].decode("utf-8-sig", "replace").rstrip("\r"))
    best = max((_by_header(line, sign) for sign in "\t,;|"), key=lambda layout: len(layout.places()))
    missing = _missing(best)
    if not missing and not line.startswith("#fields"):
        return best
    found = _FIELDS.search(head) or _find_fields(path)
    if found:
        separator = re.search(rb"^#separator[ \t]+(\S+)", head, re.MULTILINE)
        text = found.group().decode("utf-8", "replace").rstrip("\r").removeprefix("#fields")
        sign = (
            _separator(separator.group(1).decode("utf-8", "replace"))
            if separator
            else max("\t,;|", key=text.count)
        )
        best = _Layout(sign, tuple(_cut(text, sign)[1:]), skip=False)
        missing = _missing(best)
    if missing:
        hint = "; this is a log without labels" if missing == ["label"] else ""
        raise ValueError(
            f"{path}: no column {', '.join(missing)}{hint}; wanted Zeek's conn.log.labeled with a #fields line, a copy with a header "
            "and `,`, `;`, `|` or tabs between fields, or JSON lines"
        )
    return best


def _without_quotes(line: str) -> str:
    """The first line without the quotes that spreadsheets write; as it is where it is no line of a CSV."""
    try:
        return ",".join(next(csv.reader([line]), []))
    except csv.Error:  # a line break of old Macs in it, or a field without end
        return line


def _by_header(line: str, sign: str) -> _Layout:
    """Take a line as the header of a log with this sign between fields."""
    return _Layout(sign, tuple(name.strip().strip('"') for name in _cut(line, sign)), skip=True)


def _missing(layout: _Layout) -> list[str]:
    """Name the columns that a layout lacks."""
    places = layout.places()
    return [name for name in NEEDED if name not in places and name not in _OPTIONAL]


def _cut(line: str, sign: str) -> list[str]:
    """Cut a line into fields; three spaces are a sign between fields too."""
    return re.sub(r" {3,}", sign.replace("\\", r"\\"), line).split(sign)


def _separator(word: str) -> str:
    """Read Zeek's word for the sign between fields, such as \\x09."""
    found = re.fullmatch(r"\\x([0-9a-fA-F]{2})", word)
    sign = chr(int(found.group(1), 16)) if found else word[0]
    return sign if sign.isascii() and sign not in '\r\n"' else "\t"


def _find_fields(path: Path) -> re.Match[bytes] | None:
    """Look for the line `#fields` in the whole file."""
    with unpacked(path) as stream:
        for block in _whole_lines(stream):
            if found := _FIELDS.search(block):
                return found
    return None


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Read blocks that end with a line."""
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        lines, newline, rest = (rest + block).rpartition(b"\n")
        if not newline and len(rest) > 8 * BLOCK_BYTES:  # a line of 32 MB is none of a log
            rest = rest[:1000]
        yield lines + newline
    yield rest


class _Rows(io.RawIOBase):
    """The rows of a log as a file: without comments, one sign between fields, UTF-8, no endless line."""

    def __init__(self, path: Path, stream: IO[bytes], layout: _Layout) -> None:
        self.path, self.layout, self.ready = path, layout, b""
        self.blocks = self._clean(stream)

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Give the next bytes."""
        while not self.ready:
            block = next(self.blocks, None)
            if block is None:
                return 0
            self.ready = block
        n_bytes = min(len(target), len(self.ready))
        target[:n_bytes], self.ready = self.ready[:n_bytes], self.ready[n_bytes:]
        return n_bytes

    def _clean(self, stream: IO[bytes]) -> Iterator[bytes]:
        """Clean the blocks one by one."""
        sign = self.layout.delimiter.encode()
        skip = self.layout.skip
        for block in _whole_lines(stream):
            self._check_fields(block)
            block = _COMMENT.sub(b"", block.removeprefix(b"\xef\xbb\xbf"))
            block = _LONG.sub(lambda found: found.group()[:1000], block)
            if skip and block.strip():
                block, skip = block.lstrip(b"\r\n").partition(b"\n")[2], False
            yield _as_utf8(_SPACES.sub(lambda _: sign, block))

    def _check_fields(self, block: bytes) -> None:
        """Refuse a second `#fields` line that names other columns: two logs in one."""
        for found in _FIELDS.finditer(block):
            text = found.group().decode("utf-8", "replace").rstrip("\r").removeprefix("#fields")
            sign = self.layout.delimiter
            if not self.layout.skip and tuple(_cut(text, sign)[1:]) != self.layout.columns:
                raise ValueError(
                    f"{self.path}: several logs with other columns in one file; cut it at its #fields lines"
                )


def _as_utf8(block: bytes) -> bytes:
    """Replace bytes that are no UTF-8; their rows are judged like all others."""
    try:
        block.decode()
    except UnicodeDecodeError:
        return block.decode("utf-8", "replace").encode()
    return block


def _read_rows(path: Path, stream: IO[bytes], layout: _Layout) -> Texts:
    """Read fields with signs between them."""
    broken: list[str] = []

    def keep_apart(row: pc_csv.InvalidRow) -> str:
        broken.append(row.text[:1000] if len(broken) < MAX_CUT_SHORT else "")
        return "skip"

    names = [str(place) for place in range(len(layout.columns))]
    places = layout.places()
    try:
        table = pc_csv.read_csv(
            io.BufferedReader(_Rows(path, stream, layout), BLOCK_BYTES),
            read_options=pc_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
            parse_options=pc_csv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char='"' if layout.skip and layout.delimiter != "\t" else False,
                invalid_row_handler=keep_apart,
            ),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                include_columns=[str(place) for place in places.values()],
            ),
        )
        columns = {name: table.column(str(place)) for name, place in places.items()}
        n_rows = table.num_rows
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise ValueError(
                f"{path}: cannot be read as text with {layout.delimiter!r} between fields: {error}"
            ) from error
        columns, n_rows = {name: pa.chunked_array([[]], pa.string()) for name in places}, 0
    return Texts(_with_optional(columns, n_rows), broken, _cut_short(broken, layout))


def _cut_short(broken: Sequence[str], layout: _Layout) -> dict[str, pa.ChunkedArray] | None:
    """Read the fields that lines with too few or too many have at the known places."""
    rows = [row.split(layout.delimiter) for row in broken if row]
    if not rows:
        return None
    places = layout.places()
    columns = {
        name: pa.chunked_array(
            [[row[place].strip('"') if place < len(row) else "" for row in rows]], pa.string()
        )
        for name, place in places.items()
    }
    return _with_optional(columns, len(rows))


def _with_optional(columns: dict[str, pa.ChunkedArray], n_rows: int) -> dict[str, pa.ChunkedArray]:
    """Order the columns, with unset ones for those that may be absent."""
    unset = pa.chunked_array([pa.repeat(pa.scalar("-", pa.string()), n_rows)])
    return {name: columns.get(name, unset) for name in NEEDED}


def _read_json(path: Path, stream: IO[bytes]) -> Texts:
    """Read a log of one JSON object a line."""
    rows: list[dict[str, str]] = []
    broken: list[str] = []
    for block in _whole_lines(stream):
        for line in block.removeprefix(b"\xef\xbb\xbf").splitlines():
            row = _json_row(line) if line.strip() else None
            if row is not None:
                rows.append(row)
            elif line.strip():
                broken.append(line[:1000].decode("utf-8", "replace"))
    names = {name for row in rows[:1000] for name in row}
    if missing := [name for name in NEEDED if name not in names and name not in _OPTIONAL]:
        hint = "; this is a log without labels" if missing == ["label"] else ""
        raise ValueError(f"{path}: JSON lines without {', '.join(missing)}{hint}")
    columns = {name: pa.chunked_array([[row.get(name, "-") for row in rows]], pa.string()) for name in NEEDED}
    return Texts(columns, broken, None)


def _json_row(line: bytes) -> dict[str, str] | None:
    """Read one object; None for what is none."""
    try:
        content = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if isinstance(ends := content.pop("id", None), dict):
        content |= {f"id.{key}": value for key, value in ends.items()}
    row: dict[str, str] = {}
    for key, value in content.items():
        name = _SPELLINGS.get(re.sub("[^a-z]", "", key.lower()))
        if name and isinstance(value, str | None):
            row.setdefault(name, _printable(value or "-"))
    return row


def _printable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can name and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
