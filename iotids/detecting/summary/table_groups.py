"""Rows of a verdict table by group: which text each row has, and which groups of a batch are worth a look."""

from __future__ import annotations

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


def largest_groups(*by: np.ndarray, count: int) -> np.ndarray:
    """Numbers of the non-empty groups of a batch that are largest by any of the figures; a flood with forged
    senders makes a group of every flow.
    """
    there = np.flatnonzero(by[0])
    if there.size <= count:
        return there
    share = count // len(by)
    return np.unique(np.concatenate([there[np.argpartition(-figure[there], share)[:share]] for figure in by]))
