"""Every metric of a set of predictions by name, of one class after the other, and over folds.

A class that is absent from the truth has no recall, F or ranking score: its value is NaN, it stays out of
every average over classes, and `classes_scored` says how many were left. A class that is present but never
predicted has precision 0 and F 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from iotids.learning.scores.confusions import class_counts
from iotids.learning.scores.judged import judge
from iotids.learning.scores.metrics import all_metrics
from iotids.learning.scores.ranking import area_under_roc, average_precision, detection_curve


def score_predictions(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    *,
    benign: str | None = None,
    trained: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    """Every metric of the registry, by name; arguments and errors as `judged.judge`.

    Rows sum to 1 for the metrics that read scores as probabilities (Brier, ECE, the `_half` scores).
    """
    return all_metrics(judge(truth, scores, classes, benign=benign, trained=trained, weight=weight))


def per_class(truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F, support, predicted count, ROC-AUC and average precision of every class, by class
    name.
    """
    judged = judge(truth, scores, classes)
    precision, recall, f1 = class_counts(judged.confusion)
    result = {}
    for c, name in enumerate(classes):
        curve = detection_curve(judged.truth == c, judged.scores[:, c])
        result[name] = {
            "precision": float(precision[c]),
            "recall": float(recall[c]),
            "f1": float(f1[c]),
            "support": float(judged.confusion[c].sum()),
            "predicted": float(judged.confusion[:, c].sum()),
            "roc_auc": area_under_roc(curve),
            "pr_auc": average_precision(curve),
        }
    return result


def mean_and_std(folds: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and sample standard deviation over folds of every score; folds where a score is NaN are left out
    of it.

    The standard deviation of fewer than two known values is NaN. Scores are those of the first fold.
    """
    means, stds = {}, {}
    for name in folds[0] if folds else ():
        values = np.array([fold[name] for fold in folds], float)
        known = values[~np.isnan(values)]
        means[name] = float(known.mean()) if known.size else float("nan")
        stds[name] = float(known.std(ddof=1)) if known.size > 1 else float("nan")
    return means, stds


def score_fold(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    *,
    trained: np.ndarray,
    benign: str | None = None,
) -> dict[str, float]:
    """Every metric over the rows whose class stood in the fold's training part."""
    return score_predictions(truth, scores, classes, benign=benign, trained=trained)
