"""One split inside the training fold: what a choice is made by, so that no test row is looked at."""

from __future__ import annotations

import numpy as np

FEWEST = 2  # rows of a class: one to learn from, one to judge by


def inner_split(truth: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Rows to learn from, rows to judge by (a share of each class, at least one), both ascending; and the
    classes with too few rows to judge them, which are learnt from whole.

    Parameters
    ----------
    truth : (n,) class numbers
    """
    rng, judged, few = np.random.default_rng(seed), [], []
    for number in np.unique(truth):
        rows = rng.permutation(np.flatnonzero(truth == number))
        if rows.size < FEWEST:
            few.append(int(number))
            continue
        judged.append(rows[: max(1, round(share * rows.size))])
    chosen = np.sort(np.concatenate(judged)) if judged else np.zeros(0, np.int64)
    return np.setdiff1d(np.arange(truth.size), chosen), chosen, few


def class_f1(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> list[float | None]:
    """F1 of each class; None for one without a row."""
    scores: list[float | None] = []
    for number in range(n_classes):
        true, found = truth == number, predicted == number
        hits = int((true & found).sum())
        scores.append(None if not true.any() else 2.0 * hits / int(true.sum() + found.sum()))
    return scores
