"""Write flow tables as they grow: Parquet and Arrow IPC in row groups of a fixed size, or CSV as CICFlowMeter lays it
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, Column
from iotids.flowmeter.output.rows import schema_of
from iotids.flowmeter.profiles import CLEAN, Profile
from iotids.writing.parquet_files import ParquetFileWriter
from iotids.writing.table_origin import with_origin

ROW_GROUP_ROWS = 16_384  # 99 columns of it are about 13 MB
DICTIONARIES = (
    "src_ip",
    "dst_ip",
    "capture",
    "src_mac",
    "dst_mac",
)  # for all else, building them takes longer than writing the values
MOSTLY_ZERO = ("urg_", "rst_flags", "cwr_", "ece_", "_bulk_", "icmp_")
LABEL = "NeedManualLabel"

# where the corrected tool inserts its columns: behind which of the others
EXTRAS_BEHIND = {
    "bwd_urg_flags": ("fwd_rst_flags", "bwd_rst_flags"),
    "fwd_data_packets": ("bwd_data_packets",),
    "fwd_header_min_bytes": ("bwd_header_min_bytes",),
    "idle_min_us": (
        "icmp_code",
        "icmp_type",
        "fwd_retransmissions",
        "bwd_retransmissions",
        "retransmissions",
        "connection_duration_us",
    ),
}


class GroupedSink:
    """Rows in groups of a fixed size, however they arrive."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP_ROWS:
            self._write_groups(whole=True)

    def _write_groups(self, *, whole: bool) -> None:
        """Write the waiting rows; whole: only full row groups, the rest goes on waiting."""
        table = pa.Table.from_batches(self._waiting, self._schema)
        rows = table.num_rows - table.num_rows % ROW_GROUP_ROWS if whole else table.num_rows
        if rows:
            self._write_table(table.slice(0, rows))
        rest = table.slice(rows)
        self._waiting = rest.to_batches()
        self._rows = rest.num_rows

    def _write_table(self, table: pa.Table) -> None:
        """Write rows, whole groups of them or the last."""
        raise NotImplementedError


class ArrowSink(GroupedSink):
    """Arrow IPC file: a record batch a row group, compressed with LZ4 when it is for keeping. What is wrong with an
    incomplete capture stands in the metadata of an empty last batch.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, compact: bool) -> None:
        super().__init__(schema)
        options = pa.ipc.IpcWriteOptions(compression="lz4" if compact else None)
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema, options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        super().write(batch.replace_schema_metadata(self._schema.metadata))

    def _write_table(self, table: pa.Table) -> None:
        """Write rows."""
        self._writer.write_table(table.combine_chunks(), max_chunksize=ROW_GROUP_ROWS)

    def close(self, incomplete: str = "") -> None:
        """Finish the file."""
        self._write_groups(whole=False)
        if incomplete:
            empty = pa.RecordBatch.from_pylist([], self._schema)
            self._writer.write_batch(empty, custom_metadata={"incomplete": incomplete})
        self._writer.close()
        self._file.close()


class ParquetSink(GroupedSink):
    """Parquet file of one or more captures' flows; row groups do not depend on how the rows arrive.

    Parameters
    ----------
    path : Path
    schema : pa.Schema
        Columns, and metadata that the file is to carry.
    compact : bool
        Compress every column with LZ4 and write addresses as dictionaries, a third of the size; without, only
        columns that are zero in nearly all rows: for these LZ4 is faster than writing the zeros, for the
        others it takes two to three times as long.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, compact: bool = True) -> None:
        super().__init__(schema)
        packing = {
            _path_of(field): "lz4" if compact or any(word in field.name for word in MOSTLY_ZERO) else "none"
            for field in schema
        }
        dictionaries = list(DICTIONARIES) if compact else ["capture"]
        self._writer = ParquetFileWriter(
            path, schema, compression=packing, use_dictionary=dictionaries, write_statistics=False
        )

    def _write_table(self, table: pa.Table) -> None:
        """Write rows."""
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)

    def close(self, incomplete: str = "") -> None:
        """Finish the file; `incomplete` goes into its metadata."""
        self._write_groups(whole=False)
        if incomplete:
            self._writer.add_key_value_metadata({"incomplete": incomplete})
        self._writer.close()


class CsvSink:
    """CSV file with CICFlowMeter's columns, in its order, with its names and time stamps."""

    def __init__(self, path: Path, profile: Profile) -> None:
        self._profile = profile
        self._file: IO[str] = path.open("w", encoding="utf-8", newline="\n")
        self._columns = csv_columns(profile)
        names = [profile.cwr_name if c.name == "cwr_flags" else c.cic_name or c.name for c in self._columns]
        self._file.write(",".join([*names, "Label"]) + "\n")

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        cells = [self._text(column, batch.column(column.name)) for column in self._columns]
        self._file.writelines(",".join(row) + f",{LABEL}\n" for row in zip(*cells, strict=True))

    def _text(self, column: Column, values: pa.Array) -> list[str]:
        """Cells of a column as text."""
        if column.name == "start_us":
            write_time = microsecond_time if self._profile.microsecond_text else twelve_hour_time
            return [write_time(value) for value in values.to_pylist()]
        if column.dtype == "float64":
            return [java_double(value) for value in values.to_pylist()]
        return [str(value) for value in values.to_pylist()]

    def close(self, incomplete: str = "") -> None:
        """Finish the file; CSV has no place to say that it is incomplete, the ledger does."""
        self._file.close()


Sink = ParquetSink | ArrowSink | CsvSink
SUFFIXES = (".parquet", ".arrow", ".csv")


def _path_of(field: pa.Field) -> str:
    """What Parquet calls the values of a column."""
    return f"{field.name}.list.element" if pa.types.is_fixed_size_list(field.type) else field.name


class sink_for:  # noqa: N801  a context manager, used like a function
    """The sink for a file name; closed without a trace of completeness when the block fails.

    Parquet and Arrow files say in their metadata how their flows were made: `origin`, or else the profile alone. CSV
    has no place for it; there the ledger says it.

    Raises
    ------
    ValueError
        When the name ends in none of SUFFIXES, or a CSV file is to have optional columns.
    """

    def __init__(
        self,
        path: Path,
        profile: Profile,
        *,
        suffix: str = "",
        compact: bool = True,
        columns: Iterable[str] = (),
        origin: Mapping[str, str] | None = None,
    ) -> None:
        suffix = suffix or path.suffix
        if suffix not in SUFFIXES:
            raise ValueError(
                f"output {path}: the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
            )
        if suffix == ".csv" and columns:
            raise ValueError(
                f"output {path}: a CSV file has the columns of CICFlowMeter; for {', '.join(columns)} the name must end in .parquet or .arrow"
            )
        self.sink: Sink
        if suffix == ".csv":
            self.sink = CsvSink(path, profile)
        else:
            kind = ParquetSink if suffix == ".parquet" else ArrowSink
            schema = with_origin(schema_of(profile, columns), origin or {"profile": profile.name})
            self.sink = kind(path, schema, compact=compact)

    def __enter__(self) -> Sink:
        """Hand out the sink."""
        return self.sink

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file when an error prevents the regular close; on a full disk that fails too, and the
        first error is the one to show.
        """
        if kind is not None:
            with suppress(OSError, ValueError):
                self.sink.close("the program stopped before the end")


def csv_columns(profile: Profile) -> list[Column]:
    """The columns of a profile's CSV, but for the label: those that CICFlowMeter has, in its order; in clean
    behind them the features that it does not have.
    """
    extras = {column.name: column for column in CORRECTED_EXTRAS if column.cic_name}
    columns = [column for column in IDENTITY if column.cic_name]
    for column in FEATURES:
        if column.cic_name:
            columns.append(column)
        if profile.has_extras:
            columns += [extras[name] for name in EXTRAS_BEHIND.get(column.name, ())]
    if profile.logic == CLEAN:
        columns += [column for column in FEATURES + CORRECTED_EXTRAS if not column.cic_name]
    return columns


def java_double(value: float) -> str:
    """A double as Java prints it: 12345.0, 1.2E7, 5.0E-4, NaN, Infinity.

    Digits are the shortest that give the same double; Java before 19 sometimes prints one more.
    """
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(value, trim="0")
    digits, _, exponent = np.format_float_scientific(value, trim="0").partition("e")
    return f"{digits}E{int(exponent)}"


def twelve_hour_time(time_us: int) -> str:
    """Time as CICFlowMeter prints it, in UTC: 31/12/2019 11:59:59 PM."""
    date, _, clock = str(np.datetime64(time_us // 1_000_000, "s")).partition("T")
    year, month, day = date.rsplit("-", 2)
    hour = int(clock[:2])
    return f"{day}/{month}/{year} {(hour + 11) % 12 + 1:02d}{clock[2:]} {'AM' if hour < 12 else 'PM'}"


def microsecond_time(time_us: int) -> str:
    """Time as the corrected tool prints it, in UTC: 2019-12-31 23:59:59.123456, the fraction only as far as
    needed.
    """
    fraction = time_us % 1_000_000
    text = str(np.datetime64(time_us // 1_000_000, "s")).replace("T", " ")
    if fraction == 0:
        return text
    return f"{text}.{fraction // 1000:03d}" if fraction % 1000 == 0 else f"{text}.{fraction:06d}"


def read_back(path: Path) -> Iterator[pa.RecordBatch]:
    """Rows of a Parquet file, piece by piece."""
    with pq.ParquetFile(path, pre_buffer=False) as file:  # else the whole file stays in memory
        yield from file.iter_batches(batch_size=ROW_GROUP_ROWS)
