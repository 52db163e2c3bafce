"""Write verdicts as they come: Parquet, CSV or JSON lines; a file carries `incomplete` in its name until all
is in it.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from iotids.writing.markdown import plain_column
from iotids.writing.parquet_files import ParquetFileWriter
from iotids.writing.whole_files import DiskFile, Standard

KINDS = ("parquet", "csv", "jsonl")
ROWS_PER_GROUP = 65_536  # a Parquet row group; what a killed process can lose
FOOTER_BYTES = 1 << 17  # room for the end of a Parquet file, asked for together with every row group's


class VerdictFile:
    """An open verdict file.

    Parameters
    ----------
    path : str
        Ends in .parquet, .csv or .jsonl; "-" is JSON lines on standard output.
    schema : pa.Schema
        Of the verdict table.

    Raises
    ------
    ValueError
        Another ending.
    OSError
        The file cannot be written there.
    """

    def __init__(self, path: str, schema: pa.Schema) -> None:
        self.path, self.schema, self.rows = path, schema, 0
        self.kind = "jsonl" if path == "-" else Path(path).suffix.lstrip(".")
        if self.kind not in KINDS:
            raise ValueError(
                f"{path}: verdicts are written as .parquet, .csv or .jsonl, or as JSON lines to standard output with `-o -`"
            )
        self._waiting: list[pa.Table] = []
        self._file: DiskFile | Standard = Standard() if path == "-" else DiskFile(self.working_path)
        self._parquet = None
        if self.kind == "parquet":
            packed = {
                "compression": "lz4",
                "use_dictionary": _repeating(schema),
                "write_statistics": ["start"],
            }
            self._parquet = ParquetFileWriter(self._file.stream, schema, **packed)
        if self.kind == "csv":
            self._file.add(_csv_lines(flat_reasons(schema.empty_table()), header=True))

    @property
    def working_path(self) -> Path:
        """Where the verdicts are until the file is complete."""
        path = Path(self.path)
        return path.with_name(f"{path.stem}.incomplete{path.suffix}")

    def write(self, table: pa.Table) -> None:
        """Add verdicts; CSV and JSON lines are on disk when this returns.

        Raises
        ------
        CannotWriteError
            Not all of them could be written; none of them counts.
        """
        if self._parquet is not None:
            self._waiting.append(table)
            if sum(t.num_rows for t in self._waiting) >= ROWS_PER_GROUP:
                self._write_group()
        else:
            self._file.add(
                _csv_lines(flat_reasons(table), header=False) if self.kind == "csv" else json_lines(table)
            )
        self.rows += table.num_rows

    def close(self, *, complete: bool) -> str:
        """Finish the file; a complete one gets its name, the other keeps `incomplete` in it. Gives the path.

        Raises
        ------
        CannotWriteError
            The last verdicts could not be written; close again as incomplete.
        """
        if self._parquet is not None:
            self._write_group()
            self._parquet.add_key_value_metadata({"complete": json.dumps(complete)})
            self._parquet.close()
        if self.path == "-":
            return "-"
        self._file.close()
        if not complete:
            return str(self.working_path)
        self.working_path.replace(self.path)
        return self.path

    def _write_group(self) -> None:
        """Write what waits as one row group, once the disk has promised the room."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            assert self._parquet is not None
            table = pa.concat_tables(waiting)
            self._file.promise(2 * table.nbytes + FOOTER_BYTES)
            self._parquet.write_table(table)


def _repeating(schema: pa.Schema) -> list[str]:
    """Columns whose values repeat; a dictionary of numbers that hardly do costs time and space."""
    texts = [
        field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_dictionary(field.type)
    ]
    return [*texts, "reasons.list.element.feature", "reasons.list.element.usual"]


def _csv_lines(table: pa.Table, *, header: bool) -> bytes:
    """Rows as text."""
    buffer = io.BytesIO()
    for place, name in enumerate(table.column_names):  # a capture may be called like a formula
        if pa.types.is_string(table.schema.field(name).type):
            table = table.set_column(place, name, plain_column(table.column(name)))
    pa.csv.write_csv(table, buffer, pa.csv.WriteOptions(include_header=header))
    return buffer.getvalue()


def flat_reasons(table: pa.Table) -> pa.Table:
    """The table with each flow's reasons as one text, for CSV."""
    return table.set_column(
        table.schema.get_field_index("reasons"), "reasons", reason_texts(table.column("reasons"))
    )


def reason_texts(reasons: pa.ChunkedArray) -> pa.Array:
    """`feature=value (usual: …, weight +…)` joined by semicolons, one text per flow."""
    lists = reasons.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], reasons.type)
    lengths = np.diff(lists.offsets.to_numpy()) if len(lists) else np.zeros(0, int)
    texts = iter([reason_text(**entry) for entry in lists.flatten().to_pylist()])
    return pa.array(["; ".join(next(texts) for _ in range(n)) for n in lengths.tolist()], pa.string())


def reason_text(*, feature: str, value: float, usual: float, weight: float) -> str:
    """One reason in words."""
    return f"{feature}={value:.6g} (usual {usual:.6g}, weight {weight:+.2g})"


def json_lines(table: pa.Table) -> bytes:
    """One JSON object per verdict; times as text, empty numbers as null."""
    rows = table.set_column(
        table.schema.get_field_index("start"), "start", table.column("start").cast(pa.string())
    ).to_pylist()
    return b"".join(
        json.dumps(_strict(row), ensure_ascii=False, allow_nan=False).encode() + b"\n" for row in rows
    )


def _strict(row: dict[str, Any]) -> dict[str, Any]:
    """Replace numbers that JSON does not have, in the reasons of flows with NaN or infinite features, by
    null.
    """
    for reason in row["reasons"]:
        for key in ("value", "weight"):
            if reason[key] - reason[key] != 0.0:
                reason[key] = None
    return row
