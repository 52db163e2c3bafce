"""Do scores mean what they say: Brier score, expected calibration error, and the table behind a reliability
plot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Reliability:
    """Per confidence bin, each (bins,): edges are (bins + 1,); mean values are NaN in an empty bin. `rows` are
    sums of weights where rows have weights.
    """

    edges: np.ndarray
    rows: np.ndarray
    confidence_mean: np.ndarray
    accuracy: np.ndarray


def brier_score(truth: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean over rows of the squared distance between the scores and the truth's unit vector: 0 to 2 (Brier
    1950).

    With two classes this is twice the one-sided Brier score that some libraries print. NaN without rows.
    """
    if truth.size == 0:
        return float("nan")
    values = scores.astype(np.float64, copy=False)
    own = values[np.arange(truth.size), truth]
    distance = np.einsum("ij,ij->i", values, values) - 2.0 * own + 1.0
    return float(distance.mean() if weight is None else np.average(distance, weights=weight))


def reliability_table(
    truth: np.ndarray, scores: np.ndarray, *, bins: int = 15, weight: np.ndarray | None = None
) -> Reliability:
    """Rows, mean top score and share of hits per equal-width bin of the top score; a score on an edge belongs
    below it.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    confidence = scores.max(axis=1).astype(np.float64)
    hit = (scores.argmax(axis=1) == truth).astype(np.float64)
    number = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    rows = np.bincount(number, weight, minlength=bins)
    counts = np.ones(truth.size) if weight is None else weight
    with np.errstate(invalid="ignore"):
        confidence_mean = np.bincount(number, counts * confidence, bins) / rows
        accuracy = np.bincount(number, counts * hit, bins) / rows
    return Reliability(edges, rows, confidence_mean, accuracy)


def calibration_error(
    truth: np.ndarray, scores: np.ndarray, *, bins: int = 15, weight: np.ndarray | None = None
) -> float:
    """Expected calibration error: mean gap between confidence and hits over bins, weighted by rows; NaN
    without rows.
    """
    if truth.size == 0:
        return float("nan")
    table = reliability_table(truth, scores, bins=bins, weight=weight)
    filled = table.rows > 0
    gap = np.abs(table.accuracy[filled] - table.confidence_mean[filled])
    return float(np.sum(gap * table.rows[filled]) / table.rows.sum())
