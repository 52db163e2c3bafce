"""Confusion matrices as data for `dvc plots`, with every pair of classes, so that the plot is square also where a class is
never predicted (template `.dvc/plots/confusion_square.json`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.writing.markdown import csv_table

WHOLE = 1000


def confusion_csv(confusion: np.ndarray, classes: Sequence[str], model: str) -> str:
    """CSV with columns model, actual, predicted, per_mille: a line for every pair of classes.

    Parameters
    ----------
    confusion : (k, k) flows, row = true class
    model : title, which the plot shows; two experiments can show different models

    Shares are of the true class, rounded so that each class has exactly 1,000 (largest remainder); a class without
    flows has zeros.
    """
    rows = []
    for actual, counts in zip(classes, confusion, strict=True):
        for predicted, share in zip(classes, _share_out(counts, WHOLE), strict=True):
            rows.append([model, actual, predicted, int(share)])
    return csv_table(["model", "actual", "predicted", "per_mille"], rows)


def _share_out(counts: np.ndarray, total: int) -> np.ndarray:
    """(k,) integers in proportion to the counts that add up to `total`; zeros for no counts."""
    if counts.sum() == 0:
        return np.zeros(counts.size, np.int64)
    exact = counts * total / counts.sum()
    whole = np.floor(exact).astype(np.int64)
    for k in np.argsort(-(exact - whole), kind="stable")[: total - whole.sum()]:
        whole[k] += 1
    return whole
