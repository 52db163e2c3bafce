"""Every score of a prediction, from the truth and one score per class: nothing else is needed, so nothing is
retrained.

A class that is absent from the truth has no recall, F or ranking score: its value is NaN, it stays out of
every average over classes, and `classes_scored` says how many were left. A class that is present but never
predicted has precision 0 and F 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from iotids.learning.scores.calibration import brier_score, calibration_error
from iotids.learning.scores.ranking import (
    area_under_roc,
    average_precision,
    detection_curve,
    fpr_at_recall,
    recall_at_fpr,
)

RECALL_LEVELS = (0.90, 0.95, 0.99)
FPR_LEVELS = (1e-2, 1e-3, 1e-4)


def score_predictions(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str], *, benign: str | None = None
) -> dict[str, float]:
    """All scores of one set of predictions, by flat name.

    Parameters
    ----------
    truth : (n,) integer array
        Index of the true class in `classes`.
    scores : (n, k) float array
        One score per class, larger is likelier; the predicted class is the first of the largest. Rows sum to
        1 for the scores that read them as probabilities (Brier, ECE, the `_half` scores).
    classes : sequence of k str
        Class names in column order.
    benign : str, optional
        The class that is no attack; the first class when not given. The detection scores rank by 1 - its
        score.

    Returns
    -------
    dict of str to float
        `rows`, `classes_scored` (classes present in the truth) and, see docs/evaluation.md for the formulas:

        accuracy, accuracy_ovr (the paper's eq. 5 summed over classes: mean over the k one-vs-rest decisions),
        precision_/recall_/f1_ micro, macro, weighted; balanced_accuracy; mcc;
        accuracy_half, precision_half, recall_half, f1_half (element-wise at score > 0.5: what Keras' own
        metrics print); roc_auc, pr_auc (two classes: of the attack; more: mean of one-vs-rest over present
        classes); detection_roc_auc, fpr_at_recall_90 _95 _99, recall_at_fpr_1e-2 _1e-3 _1e-4 (attack of any
        kind against benign); brier (sum over classes, 0 to 2), ece (15 equal-width bins of the top score). A
        score without meaning on these rows (no attack, no benign, no class) is NaN.

    Raises
    ------
    ValueError
        Shapes that do not meet, a truth outside the classes, a score that is NaN or infinite.
    """
    truth, scores = check_predictions(truth, scores, classes)
    confusion = confusion_matrix(truth, scores.argmax(axis=1), len(classes))
    benign_index = list(classes).index(benign) if benign is not None else 0
    result = {"rows": float(truth.size), "classes_scored": float(np.count_nonzero(confusion.sum(axis=1)))}
    result |= averages(confusion)
    result |= thresholded_at_half(truth, scores)
    result |= _one_vs_rest_ranking(truth, scores, benign_index)
    result |= _detection(truth, scores, benign_index)
    result["brier"] = brier_score(truth, scores)
    result["ece"] = calibration_error(truth, scores)
    return result


def score_fold(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    *,
    trained: np.ndarray,
    benign: str | None = None,
) -> dict[str, float]:
    """Scores of one fold over the rows whose class stood in its training part.

    Parameters
    ----------
    truth, scores, classes, benign
        As for `score_predictions`.
    trained : (k,) bool
        Whether the class had a row in the fold's training part. No model can name a class it never saw: such
        rows say nothing about the model, so they are left out here and counted as `untestable_rows`; they
        stay in the stored predictions.
    """
    testable = np.asarray(trained, bool)[truth]
    result = score_predictions(truth[testable], scores[testable], classes, benign=benign)
    return result | {"untestable_rows": float(np.count_nonzero(~testable))}


def check_predictions(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores as arrays that meet in shape and range; ValueError says which does not."""
    truth, scores = np.asarray(truth), np.asarray(scores)
    if truth.ndim != 1 or scores.shape != (truth.size, len(classes)):
        wanted = (truth.size, len(classes))
        raise ValueError(
            f"scores have shape {scores.shape}; {truth.size} rows and the classes {list(classes)} want {wanted}"
        )
    if truth.size and (truth.min() < 0 or truth.max() >= len(classes)):
        last = len(classes) - 1
        raise ValueError(
            f"truth holds class numbers {truth.min()} to {truth.max()}; the {len(classes)} classes are 0 to {last}"
        )
    bad = ~np.isfinite(scores)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"score of row {row} for class {classes[column]} is {scores[row, column]}; {int(bad.sum())} scores are not finite"
        )
    return truth, scores


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """(k, k) int64 counts: row = true class, column = predicted class."""
    cells = np.asarray(truth, np.int64) * n_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def class_counts(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F of every class, each (k,); NaN recall and F where the class is absent from the
    truth.
    """
    hits, support, claimed = (
        np.diag(confusion).astype(float),
        confusion.sum(axis=1).astype(float),
        confusion.sum(axis=0).astype(float),
    )
    absent = support == 0
    precision = np.divide(hits, claimed, out=np.where(absent, np.nan, 0.0), where=claimed > 0)
    recall = np.divide(hits, support, out=np.full(hits.size, np.nan), where=~absent)
    f1 = np.divide(2 * hits, support + claimed, out=np.full(hits.size, np.nan), where=~absent)
    return precision, recall, f1


def averages(confusion: np.ndarray) -> dict[str, float]:
    """Accuracies, micro, macro and weighted precision, recall and F, balanced accuracy and MCC of one
    confusion matrix.

    Macro and weighted averages run over the classes present in the truth. Micro precision, recall and F of a
    single-label problem are the accuracy; they are kept because the paper's columns have to be matched.
    `f1_macro` is the mean of the classes' F, not the F of the mean precision and recall.
    """
    n, k = int(confusion.sum()), confusion.shape[0]
    if n == 0:
        return dict.fromkeys(_AVERAGE_NAMES, float("nan"))
    precision, recall, f1 = class_counts(confusion)
    support = confusion.sum(axis=1)
    present = support > 0
    accuracy = np.trace(confusion) / n
    result = {"accuracy": accuracy, "accuracy_ovr": 1.0 - 2.0 * (1.0 - accuracy) / k}
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        result[f"{name}_micro"] = accuracy
        result[f"{name}_macro"] = values[present].mean()
        result[f"{name}_weighted"] = np.average(values[present], weights=support[present])
    result["balanced_accuracy"] = result["recall_macro"]
    result["mcc"] = _matthews(confusion)
    return {name: float(result[name]) for name in _AVERAGE_NAMES}


_AVERAGE_NAMES = (
    "accuracy",
    "accuracy_ovr",
    "precision_micro",
    "recall_micro",
    "f1_micro",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "balanced_accuracy",
    "mcc",
)


def _matthews(confusion: np.ndarray) -> float:
    """Matthews correlation for k classes (Gorodkin 2004); 0 where truth or prediction is one class only."""
    counts = confusion.astype(float)
    n, hits, support, claimed = counts.sum(), np.trace(counts), counts.sum(axis=1), counts.sum(axis=0)
    spread = np.sqrt(n * n - support @ support) * np.sqrt(n * n - claimed @ claimed)
    return float((n * hits - support @ claimed) / spread) if spread > 0 else 0.0


def thresholded_at_half(truth: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Micro scores over all n x k yes/no decisions 'score > 0.5', as Keras' Accuracy, Precision and Recall
    print them.

    With k > 2 a row may have no score above one half: then it counts as missed and as claimed by nobody, so
    precision exceeds recall. That is the pattern of the paper's multi-class rows.
    """
    if truth.size == 0:
        return dict.fromkeys(("accuracy_half", "precision_half", "recall_half", "f1_half"), float("nan"))
    claimed = scores > 0.5
    hits, n_claimed = int(claimed[np.arange(truth.size), truth].sum()), int(claimed.sum())
    wrong = (n_claimed - hits) + (truth.size - hits)
    return {
        "accuracy_half": 1.0 - wrong / scores.size,
        "precision_half": hits / n_claimed if n_claimed else 0.0,
        "recall_half": hits / truth.size,
        "f1_half": 2.0 * hits / (n_claimed + truth.size),
    }


def _one_vs_rest_ranking(truth: np.ndarray, scores: np.ndarray, benign_index: int) -> dict[str, float]:
    """ROC-AUC and average precision: of the attack class with two classes, else the mean over the classes
    present.
    """
    k = scores.shape[1]
    columns = [1 - benign_index] if k == 2 else range(k)
    curves = [detection_curve(truth == c, scores[:, c]) for c in columns]
    roc = np.array([area_under_roc(curve) for curve in curves])
    precision = np.array([average_precision(curve) for curve in curves])
    return {"roc_auc": _mean_of_known(roc), "pr_auc": _mean_of_known(precision)}


def _detection(truth: np.ndarray, scores: np.ndarray, benign_index: int) -> dict[str, float]:
    """Attack of any kind against benign, ranked by how little benign a row looks."""
    # minus the benign score, not 1 - score: the subtraction would tie scores below float32's 6e-8
    curve = detection_curve(truth != benign_index, -scores[:, benign_index])
    result = {"detection_roc_auc": area_under_roc(curve)}
    result |= {f"fpr_at_recall_{level * 100:.0f}": fpr_at_recall(curve, level) for level in RECALL_LEVELS}
    return result | {
        f"recall_at_fpr_1e{np.log10(level):.0f}": recall_at_fpr(curve, level) for level in FPR_LEVELS
    }


def _mean_of_known(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN when none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def per_class(truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F, support, predicted count, ROC-AUC and average precision of every class, by class
    name.
    """
    truth, scores = check_predictions(truth, scores, classes)
    confusion = confusion_matrix(truth, scores.argmax(axis=1), len(classes))
    precision, recall, f1 = class_counts(confusion)
    result = {}
    for c, name in enumerate(classes):
        curve = detection_curve(truth == c, scores[:, c])
        result[name] = {
            "precision": float(precision[c]),
            "recall": float(recall[c]),
            "f1": float(f1[c]),
            "support": float(confusion[c].sum()),
            "predicted": float(confusion[:, c].sum()),
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
