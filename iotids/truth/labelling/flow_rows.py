"""The flows of a source, read capture by capture: only what a truth asks of them is ever held for a whole capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.writing.tables import read_batches, read_rows

BATCH_ROWS = 131_072
Run = tuple[int, int]  # rows begin to end - 1


@dataclass(frozen=True)
class FlowRows:
    """A table of flows.

    Attributes
    ----------
    runs : rows of each capture, in their order; captures in the order of their first row
    read : columns, runs -> those rows of the table, in the order of the runs
    """

    runs: dict[str, list[Run]]
    read: Callable[[Sequence[str], Sequence[Run]], pa.Table]


def flows_in_file(path: Path) -> FlowRows:
    """A Parquet file; FileNotFoundError or ValueError where it is none."""
    return FlowRows(runs_of(read_batches(path, ["capture"], n_rows=BATCH_ROWS)), partial(read_rows, path))


def flows_in_memory(table: pa.Table) -> FlowRows:
    """A table that is there already."""
    return FlowRows(runs_of([table.select(["capture"])]), partial(_rows_of, table))


def _rows_of(table: pa.Table, columns: Sequence[str], runs: Sequence[Run]) -> pa.Table:
    """Columns of some runs of rows."""
    chosen = table.select(list(columns))
    return pa.concat_tables([chosen.slice(0, 0), *(chosen.slice(begin, end - begin) for begin, end in runs)])


def runs_of(batches: Iterable[pa.Table]) -> dict[str, list[Run]]:
    """Runs of rows of one capture, by capture, from the column `capture`."""
    runs: dict[str, list[Run]] = {}
    place = 0
    for batch in batches:
        coded = batch.column("capture").combine_chunks().dictionary_encode()
        codes, names = coded.indices.to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()
        begins = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(codes) else np.zeros(0, int)
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(codes)], strict=False):
            mine = runs.setdefault(names[codes[begin]], [])
            if mine and mine[-1][1] == place + begin:
                mine[-1] = mine[-1][0], place + end
            else:
                mine.append((place + begin, place + end))
        place += len(codes)
    return runs
