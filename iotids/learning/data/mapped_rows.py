"""Rows of a matrix that may be mapped from a file: what was read leaves memory again."""

from __future__ import annotations

import mmap

import numpy as np

BLOCK_ROWS = 65_536


def rows_of(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(m, d) copy of some rows; of a mapped matrix, memory holds a block beside the copy."""
    if not isinstance(matrix, np.memmap):
        taken: np.ndarray = matrix[rows]
        return taken
    taken = np.empty((rows.size, *matrix.shape[1:]), matrix.dtype)
    for begin in range(0, rows.size, BLOCK_ROWS):
        block = slice(begin, begin + BLOCK_ROWS)
        taken[block] = matrix[rows[block]]
        release(matrix)
    return taken


def release(matrix: np.ndarray) -> None:
    """Take a mapped matrix out of this process' memory; its file keeps it. Nothing happens to one in memory."""
    mapping = getattr(matrix, "_mmap", None)  # none either where a mapped matrix came by network
    if mapping is not None and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)
