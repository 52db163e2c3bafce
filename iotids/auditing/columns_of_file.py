"""The columns of a table's file, CSV or Parquet; of Parquet one is read when it is asked for, so that memory holds no table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from iotids.counted import counted

CSV_CELLS = pa_csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NaN", "nan", "-", "?"])


def open_columns(path: Path) -> tuple[list[str], Callable[[str], pa.ChunkedArray]]:
    """Names of the columns, without blanks around them and all different (`x`, `x.1`), and what reads one by its name.

    Raises
    ------
    FileNotFoundError, ValueError
        It is not there, no table, or has fewer than two rows; the message says what to do.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; an audit needs a table of labelled flows, CSV or Parquet"
        )
    with _reading(path):
        given, n_rows, read = (_of_parquet if path.suffix == ".parquet" else _of_csv)(path)
    if n_rows < 2:
        raise ValueError(f"{path}: {counted(n_rows, 'row')}; there is nothing to audit")
    names = different([name.strip() for name in given])
    numbers = {name: i for i, name in enumerate(names)}

    def column(name: str) -> pa.ChunkedArray:
        with _reading(path):
            return read(numbers[name])

    return names, column


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read which it is and what is wanted."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError, OSError) as error:
        why = str(error).splitlines()[0][:200]
        raise ValueError(
            f"{path}: no table that can be read ({why}); wanted is CSV with a header, or Parquet"
        ) from error


def different(names: Sequence[str]) -> list[str]:
    """The names, a repeated one with the first number that makes it a name of its own."""
    taken, made = set(names), []
    for i, name in enumerate(names):
        own = name
        if name in names[:i]:
            own = next(f"{name}.{k}" for k in count(1) if f"{name}.{k}" not in taken)
        taken.add(own)
        made.append(own)
    return made


def _of_csv(path: Path) -> tuple[list[str], int, Callable[[int], pa.ChunkedArray]]:
    """Names, number of rows, and what gives a column by its number."""
    table = pa_csv.read_csv(path, convert_options=CSV_CELLS)
    return table.column_names, table.num_rows, table.column


def _of_parquet(path: Path) -> tuple[list[str], int, Callable[[int], pa.ChunkedArray]]:
    """As `_of_csv`."""
    file = pq.ParquetFile(path, pre_buffer=False)  # else what was read stays in memory
    names = file.schema_arrow.names
    if len(set(names)) < len(names):  # a name would give all of its columns
        table = file.read()
        return names, table.num_rows, table.column
    return names, file.metadata.num_rows, lambda i: file.read(columns=[names[i]]).column(names[i])
