"""Scores of a ranking: how many attacks are found at each rate of false alarms; ties are one threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HAIR = 1e-9  # of slack per row: 0.9 * 10 must not ask for 9.000000000000002 rows


@dataclass(frozen=True)
class Curve:
    """Alarms at every distinct threshold, from the strictest: (m,) counts (or sums of weights) of true and
    false alarms, and the totals.
    """

    true_alarms: np.ndarray
    false_alarms: np.ndarray
    n_positive: float
    n_negative: float

    @property
    def has_both(self) -> bool:
        """Whether there are positives and negatives; without both no ranking score has a meaning."""
        return bool(self.n_positive) and bool(self.n_negative)


def detection_curve(positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> Curve:
    """Count true and false alarms at each distinct score.

    Parameters
    ----------
    positive : (n,) bool
        Whether the row is what is looked for.
    score : (n,) float
        Larger is likelier positive; equal scores are one threshold, so the order of rows cannot matter.
    weight : (n,) float, optional
        How much a row counts; 1 when not given.
    """
    thresholds = np.unique(score)[::-1]
    true_alarms, n_positive = _above(score, positive, weight, thresholds)
    false_alarms, n_negative = _above(score, ~positive, weight, thresholds)
    return Curve(true_alarms, false_alarms, n_positive, n_negative)


def _above(
    score: np.ndarray, chosen: np.ndarray, weight: np.ndarray | None, thresholds: np.ndarray
) -> tuple[np.ndarray, float]:
    """Chosen rows at or above each threshold, and all of them."""
    mine = score[chosen]
    if weight is None:
        mine = np.sort(mine)
        return mine.size - np.searchsorted(mine, thresholds, side="left"), mine.size
    order = np.argsort(-mine, kind="stable")  # added up from the strictest: its sums are the exact ones
    sums = np.concatenate([[0.0], np.cumsum(weight[chosen][order])])
    return sums[np.searchsorted(-mine[order], -thresholds, side="right")], float(sums[-1])


def area_under_roc(curve: Curve) -> float:
    """Area under the ROC curve (ties count one half); NaN without positives or without negatives."""
    if not curve.has_both:
        return float("nan")
    recall = np.concatenate([[0.0], curve.true_alarms / curve.n_positive])
    fpr = np.concatenate([[0.0], curve.false_alarms / curve.n_negative])
    return float(np.sum(np.diff(fpr) * (recall[1:] + recall[:-1]) / 2.0))


def average_precision(curve: Curve) -> float:
    """Area under the precision-recall curve as a step sum, without interpolation; NaN without positives or
    without negatives, where it would be 1 whatever the scores are.
    """
    if not curve.has_both:
        return float("nan")
    gained = np.diff(curve.true_alarms, prepend=0)
    precision = curve.true_alarms / (curve.true_alarms + curve.false_alarms)
    return float(np.sum(gained * precision) / curve.n_positive)


def fpr_at_recall(curve: Curve, recall: float) -> float:
    """Smallest false-positive rate of a threshold that reaches this recall; NaN without positives or
    negatives.
    """
    if not curve.has_both:
        return float("nan")
    first = int(np.searchsorted(curve.true_alarms, recall * curve.n_positive - HAIR * curve.n_positive))
    return float(curve.false_alarms[min(first, len(curve.false_alarms) - 1)] / curve.n_negative)


def recall_at_fpr(curve: Curve, fpr: float) -> float:
    """Largest recall of a threshold whose false-positive rate stays within this one, 0 if none; NaN as above."""
    if not curve.has_both:
        return float("nan")
    limit = (fpr + HAIR) * curve.n_negative
    allowed = int(np.searchsorted(curve.false_alarms, limit, side="right"))
    return float(curve.true_alarms[allowed - 1] / curve.n_positive) if allowed else 0.0
