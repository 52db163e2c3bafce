"""Rows of a table by group: which text each row has, which groups of a batch are worth a look, and a few rows of many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def numbered(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts of a column, and (n,) int64 which of them each row has."""
    encoded = (
        column.unify_dictionaries().combine_chunks()
        if pa.types.is_dictionary(column.type)
        else column.combine_chunks().dictionary_encode()
    )
    return encoded.dictionary, encoded.indices.to_numpy().astype(np.int64)


def few_rows(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    """Some rows of a table of several batches, in this order; `take` would copy every column as a whole before."""
    order = np.argsort(rows, kind="stable")
    wanted, parts, start = np.asarray(rows)[order], [], 0
    for batch in table.to_batches():
        stop = start + batch.num_rows
        low, high = np.searchsorted(wanted, (start, stop))
        if low < high:
            parts.append(batch.take(pa.array(wanted[low:high] - start)))
        start = stop
    found = pa.Table.from_batches(parts, table.schema).combine_chunks()
    return found.take(pa.array(np.argsort(order, kind="stable")))


def largest_groups(*by: np.ndarray, count: int) -> np.ndarray:
    """Numbers of the non-empty groups of a batch that are largest by any of the figures; a flood with forged
    senders makes a group of every flow.
    """
    there = np.flatnonzero(by[0])
    if there.size <= count:
        return there
    share = count // len(by)
    return np.unique(np.concatenate([there[np.argpartition(-figure[there], share)[:share]] for figure in by]))
