"""Confusion matrices, and the scores that follow from one alone."""

from __future__ import annotations

import numpy as np

AVERAGES = (
    "accuracy",
    "accuracy_ovr",
    *(
        f"{name}_{average}"
        for average in ("micro", "macro", "weighted")
        for name in ("precision", "recall", "f1")
    ),
    "balanced_accuracy",
    "mcc",
)


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, n_classes: int, weight: np.ndarray | None = None
) -> np.ndarray:
    """(k, k) int64 counts, or float64 sums of weights: row = true class, column = predicted class."""
    cells = np.asarray(truth, np.int64) * n_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, weight, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def class_counts(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F of every class, each (k,); NaN where the class is absent from the truth, except
    for the precision of a class that was predicted nevertheless, which is 0.
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
    confusion matrix; all NaN without rows.

    Macro and weighted averages run over the classes present in the truth. Micro precision, recall and F of a
    single-label problem are the accuracy; they are kept because the paper's columns have to be matched.
    `f1_macro` is the mean of the classes' F, not the F of the mean precision and recall.
    """
    n, k = float(confusion.sum()), confusion.shape[0]
    if n == 0:
        return dict.fromkeys(AVERAGES, float("nan"))
    support = confusion.sum(axis=1)
    present = support > 0
    accuracy = np.trace(confusion) / n
    result = {"accuracy": accuracy, "accuracy_ovr": 1.0 - 2.0 * (1.0 - accuracy) / k}
    for name, values in zip(("precision", "recall", "f1"), class_counts(confusion), strict=True):
        result[f"{name}_micro"] = accuracy
        result[f"{name}_macro"] = values[present].mean()
        result[f"{name}_weighted"] = np.average(values[present], weights=support[present])
    result["balanced_accuracy"] = result["recall_macro"]
    result["mcc"] = _matthews(confusion)
    return {name: float(result[name]) for name in AVERAGES}


def _matthews(confusion: np.ndarray) -> float:
    """Matthews correlation for k classes (Gorodkin 2004); 0 where truth or prediction is one class only."""
    counts = confusion.astype(float)
    n, hits, support, claimed = counts.sum(), np.trace(counts), counts.sum(axis=1), counts.sum(axis=0)
    one_class = np.count_nonzero(support) < 2 or np.count_nonzero(claimed) < 2
    spread = np.sqrt(n * n - support @ support) * np.sqrt(n * n - claimed @ claimed) if not one_class else 0.0
    return float((n * hits - support @ claimed) / spread) if spread > 0 else 0.0
