"""Confusion matrices as data for plots: `dvc plots` counts lines, so a matrix is written as lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.writing.markdown import csv_table

LINES_PER_CLASS = 1000


def confusion_lines(
    confusion: np.ndarray, classes: Sequence[str], *, lines_per_class: int = LINES_PER_CLASS
) -> str:
    """CSV with columns actual, predicted: 1,000 lines for every true class, shared out like its predictions.

    So the counts that DVC's `confusion` template shows are per mille of the true class, and the file stays
    small for millions of flows. Shares are rounded so that each class has exactly its lines (largest
    remainder); a class without flows has none.
    """
    rows = []
    for actual, counts in zip(classes, confusion, strict=True):
        for predicted, n_lines in zip(classes, _share_out(counts, lines_per_class), strict=True):
            rows += [[actual, predicted]] * int(n_lines)
    return csv_table(["actual", "predicted"], rows)


def _share_out(counts: np.ndarray, total: int) -> np.ndarray:
    """(k,) integers in proportion to the counts that add up to `total`; zeros for no counts."""
    if counts.sum() == 0:
        return np.zeros(counts.size, np.int64)
    exact = counts * total / counts.sum()
    whole = np.floor(exact).astype(np.int64)
    for k in np.argsort(-(exact - whole), kind="stable")[: total - whole.sum()]:
        whole[k] += 1
    return whole
