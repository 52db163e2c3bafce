"""Read and write the files between stages; a file under its final name is always whole."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path next to `path`; it takes the final name when the block ends without an error.

    Parents are made. The temporary file is removed when the block fails, and when a signal ends the program
    through `plumbing.errors.run_plainly`; what a killed process left is removed by the next writer of the same
    path. A device or pipe is written directly, because it has no content to keep.

    Raises
    ------
    IsADirectoryError
        `path` is a folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        yield path
        return
    remove_abandoned(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _locked(temporary):
        try:
            yield temporary
            temporary.replace(path)
        except OSError as error:
            if error.errno is not None and error.filename in (None, str(temporary), temporary):
                error.filename = str(path)  # the name that the user knows
            raise
        finally:
            _remove(temporary)


def _remove(temporary: Path) -> None:
    """Remove a temporary file and what was named after it (the parts that workers write)."""
    for entry in temporary.parent.glob(f"*{glob.escape(temporary.name)}*"):
        entry.unlink(missing_ok=True)


@contextmanager
def _locked(temporary: Path) -> Iterator[None]:
    """Create a temporary file and hold its lock, which says to others that its writer is alive."""
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks: its abandoned files stay
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files of `path` whose writers were killed, with the files named after them."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.\d+\.part")
    for entry in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if pattern.fullmatch(entry.name) and _is_abandoned(entry):
            _remove(entry)


def _is_abandoned(temporary: Path) -> bool:
    """Whether no living process holds the lock of a temporary file."""
    try:
        descriptor = os.open(temporary, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write an Arrow table as Parquet (zstd); the same table gives the same bytes."""
    from iotids.writing.parquet_files import ParquetFileWriter

    with (
        replacing(path) as temporary,
        ParquetFileWriter(temporary, table.schema, compression="zstd") as file,
    ):
        file.write_table(table)


def schema_of_table(path: str | Path) -> pa.Schema:
    """Columns of a Parquet file; a missing file says which stage should have written it.

    Raises
    ------
    FileNotFoundError
        With the path and the command that makes it.
    ValueError
        The file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path}: not there. It is written by an earlier stage: run `dvc repro` (or `make`)"
        )
    try:
        return pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: no Parquet file ({error}); wanted is a table of flows") from error


def rows_of_table(path: str | Path) -> int:
    """Number of rows of a Parquet file; errors as `schema_of_table`."""
    import pyarrow.parquet as pq

    schema_of_table(path)
    return int(pq.read_metadata(path).num_rows)


def some_of(names: Sequence[object], n: int = 8) -> str:
    """The first n names, and how many more there are: a table may have hundreds of columns."""
    return ", ".join(map(str, names[:n])) + (f" and {len(names) - n} more" if len(names) > n else "")


def read_table(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file.

    Raises
    ------
    FileNotFoundError, ValueError
        As `schema_of_table`, and where the file lacks a column.
    """
    import pyarrow.parquet as pq

    present = schema_of_table(path).names
    if missing := sorted(set(columns or ()) - set(present)):
        raise ValueError(f"{path}: no column {some_of(missing)}; it has {some_of(present)}")
    return pq.read_table(path, columns=columns)


def read_batches(path: str | Path, columns: Sequence[str], *, n_rows: int) -> Iterator[pa.Table]:
    """Read columns of a Parquet file, at most `n_rows` rows at a time, in their order; memory holds one batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:  # else the whole file stays in memory
        for batch in file.iter_batches(batch_size=n_rows, columns=list(columns)):
            yield pa.Table.from_batches([batch]).select(list(columns))


def read_rows(path: str | Path, columns: Sequence[str], runs: Sequence[tuple[int, int]]) -> pa.Table:
    """Read runs of rows (begin, end) of a Parquet file, in their order; only row groups that hold some are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(columns)
    with pq.ParquetFile(path, pre_buffer=False) as file:  # else the whole file stays in memory
        parts = [file.schema_arrow.empty_table().select(names)]
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        ends = list(accumulate(sizes))
        for begin, end in runs:
            groups = [i for i, e in enumerate(ends) if e > begin and e - sizes[i] < end]
            if groups:
                table = file.read_row_groups(groups, columns=names).select(names)
                parts.append(table.slice(begin - ends[groups[0]] + sizes[groups[0]], end - begin))
    return pa.concat_tables(parts)


class TableWriter:
    """A Parquet file (zstd) that grows by whole row groups; the same rows give the same bytes.

    Rows are buffered until a group is full, so that the size of what comes in does not matter. A thread compresses a
    group while the next one is made; memory holds these two.
    """

    def __init__(self, path: Path, schema: pa.Schema, group_rows: int) -> None:
        from iotids.writing.parquet_files import ParquetFileWriter

        self._file = ParquetFileWriter(path, schema, compression="zstd")
        self._schema, self._group_rows = schema, group_rows
        self._waiting: list[pa.Table] = []
        self._n_waiting = self._n_written = 0
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        while table.num_rows:
            part = table.slice(0, self._group_rows - self._n_waiting)
            self._waiting.append(part)
            self._n_waiting += part.num_rows
            table = table.slice(part.num_rows)
            if self._n_waiting == self._group_rows:
                self._flush()

    def close(self) -> None:
        """Write what waits; a file without rows gets an empty group, as a whole table would."""
        if self._n_waiting or not self._n_written:
            self._flush()
        self._wait()
        self._file.close()

    def stop(self) -> None:
        """End the thread, after the group that it writes; also for a table that is given up."""
        self._thread.shutdown()

    def _wait(self) -> None:
        """Wait for the group that is being written, and raise what went wrong with it."""
        if self._writing is not None:
            self._writing.result()

    def _flush(self) -> None:
        """Have one row group written."""
        import pyarrow as pa

        table = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        self._wait()
        self._writing = self._thread.submit(self._file.write_table, table, row_group_size=self._group_rows)
        self._n_written += table.num_rows
        self._waiting, self._n_waiting = [], 0


@contextmanager
def growing_table(path: str | Path, schema: pa.Schema, *, group_rows: int = 131_072) -> Iterator[TableWriter]:
    """A table to write rows to; it takes its name when the block ends without an error."""
    with replacing(path) as temporary:
        writer = TableWriter(temporary, schema, group_rows)
        try:
            yield writer
            writer.close()
        finally:
            writer.stop()


def write_text(text: str, path: str | Path) -> None:
    """Write UTF-8 text."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON with an indent of one space; keys keep their order; NaN and Infinity become null (strict
    JSON).
    """
    write_text(json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)


def _finite(content: Any) -> Any:
    """Replace floats that JSON cannot hold by None, and NumPy scalars by Python's."""
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if hasattr(content, "item"):
        content = content.item()
    if isinstance(content, float) and content - content != 0.0:
        return None
    return content
