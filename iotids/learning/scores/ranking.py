"""Scores of a ranking: how many attacks are found at each rate of false alarms; ties are one threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Alarms at every distinct threshold, from the strictest: (m,) counts of true and false alarms, and the
    totals.
    """

    true_alarms: np.ndarray
    false_alarms: np.ndarray
    n_positive: int
    n_negative: int


def detection_curve(positive: np.ndarray, score: np.ndarray) -> Curve:
    """Count true and false alarms at each distinct score.

    Parameters
    ----------
    positive : (n,) bool
        Whether the row is what is looked for.
    score : (n,) float
        Larger is likelier positive; equal scores are one threshold, so the order of rows cannot matter.
    """
    found, missed = np.sort(score[positive]), np.sort(score[~positive])
    thresholds = np.unique(np.concatenate([found, missed]))[::-1]
    true_alarms = found.size - np.searchsorted(found, thresholds, side="left")
    false_alarms = missed.size - np.searchsorted(missed, thresholds, side="left")
    return Curve(true_alarms, false_alarms, found.size, missed.size)


def area_under_roc(curve: Curve) -> float:
    """Area under the ROC curve (ties count one half); NaN without positives or without negatives."""
    if not curve.n_positive or not curve.n_negative:
        return float("nan")
    recall = np.concatenate([[0.0], curve.true_alarms / curve.n_positive])
    fpr = np.concatenate([[0.0], curve.false_alarms / curve.n_negative])
    return float(np.sum(np.diff(fpr) * (recall[1:] + recall[:-1]) / 2.0))


def average_precision(curve: Curve) -> float:
    """Area under the precision-recall curve as a step sum, without interpolation; NaN without positives."""
    if not curve.n_positive:
        return float("nan")
    gained = np.diff(curve.true_alarms, prepend=0)
    precision = curve.true_alarms / (curve.true_alarms + curve.false_alarms)
    return float(np.sum(gained * precision) / curve.n_positive)


def fpr_at_recall(curve: Curve, recall: float) -> float:
    """Smallest false-positive rate of a threshold that reaches this recall; NaN without positives or
    negatives.
    """
    if not curve.n_positive or not curve.n_negative:
        return float("nan")
    # compared as counts, with a hair of slack: 0.9 * 10 must not ask for 9.000000000000002 rows
    first = int(np.searchsorted(curve.true_alarms, recall * curve.n_positive - 1e-9))
    return float(curve.false_alarms[first] / curve.n_negative)


def recall_at_fpr(curve: Curve, fpr: float) -> float:
    """Largest recall of a threshold whose false-positive rate stays within this one, 0 if none; NaN as above."""
    if not curve.n_positive or not curve.n_negative:
        return float("nan")
    allowed = int(np.searchsorted(curve.false_alarms, fpr * curve.n_negative + 1e-9, side="right"))
    return float(curve.true_alarms[allowed - 1] / curve.n_positive) if allowed else 0.0
