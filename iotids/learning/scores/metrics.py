"""The registry of metrics: one entry each, and every table, file and MLflow run has it by its name.

To add one, add an entry to METRICS. `stages/score.py` computes it from stored predictions, so nothing is
trained again; a table shows it when its name is written there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from iotids.learning.scores.calibration import brier_score, calibration_error
from iotids.learning.scores.judged import Judged
from iotids.learning.scores.ranking import area_under_roc, average_precision, fpr_at_recall, recall_at_fpr

RECALL_LEVELS = (0.90, 0.95, 0.99)
FPR_LEVELS = (1e-2, 1e-3, 1e-4)
NO_ROWS = "no rows"
NO_CONTRAST = "not both a positive and a negative row"


@dataclass(frozen=True)
class Metric:
    """One figure of a set of predictions.

    Attributes
    ----------
    name : as in every file
    title : as in the header of a table
    of : the figure; NaN where it has no meaning
    better : which direction is better; empty for counts
    undefined : when it is NaN
    meaning : in one line
    """

    name: str
    title: str
    of: Callable[[Judged], float]
    better: Literal["higher", "lower", ""]
    undefined: str
    meaning: str


def _average(name: str, title: str, meaning: str) -> Metric:
    """A metric that follows from the confusion matrix."""
    return Metric(name, title, lambda judged: judged.averages[name], "higher", NO_ROWS, meaning)


def _half(name: str, title: str, meaning: str) -> Metric:
    """A metric of the n x k decisions 'score > 0.5'."""
    return Metric(name, title, lambda judged: thresholded_at_half(judged)[name], "higher", NO_ROWS, meaning)


def _fpr_at(level: float) -> Metric:
    """False-positive rate at a recall."""
    name, title = f"fpr_at_recall_{level * 100:.0f}", f"FPR at recall {level:.2f}"
    meaning = f"smallest share of benign rows that alarm at a threshold that finds {level:.0%} of the attacks"
    return Metric(name, title, lambda j: fpr_at_recall(j.attack_curve, level), "lower", NO_CONTRAST, meaning)


def _recall_at(level: float) -> Metric:
    """Recall at a false-positive rate."""
    name, title = f"recall_at_fpr_1e{np.log10(level):.0f}", f"recall at FPR {level:g}"
    meaning = f"largest share of attacks found at a threshold at which {level:g} of the benign rows alarm"
    return Metric(name, title, lambda j: recall_at_fpr(j.attack_curve, level), "higher", NO_CONTRAST, meaning)


def thresholded_at_half(judged: Judged) -> dict[str, float]:
    """Micro scores over all n x k yes/no decisions 'score > 0.5', as Keras' Accuracy, Precision and Recall
    print them.

    With k > 2 a row may have no score above one half: then it counts as missed and as claimed by nobody, so
    precision exceeds recall. That is the pattern of the paper's multi-class rows.
    """
    truth, scores, k = judged.truth, judged.scores, len(judged.classes)
    if truth.size == 0:
        return dict.fromkeys(("accuracy_half", "precision_half", "recall_half", "f1_half"), float("nan"))
    claimed = scores > 0.5
    weight = np.ones(truth.size) if judged.weight is None else judged.weight
    n, hits = weight.sum(), float((weight * claimed[np.arange(truth.size), truth]).sum())
    n_claimed = float((weight * claimed.sum(axis=1)).sum())
    return {
        "accuracy_half": float(1.0 - ((n_claimed - hits) + (n - hits)) / (n * k)),
        "precision_half": hits / n_claimed if n_claimed else 0.0,
        "recall_half": float(hits / n),
        "f1_half": float(2.0 * hits / (n_claimed + n)),
    }


def mean_of_known(values: list[float]) -> float:
    """Mean of the values that are not NaN; NaN when none is."""
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")


# fmt: off
METRICS = {metric.name: metric for metric in (
    Metric("rows", "flows", lambda j: float(j.truth.size), "", "never", "rows that were scored"),
    Metric("classes_scored", "classes", lambda j: float(np.unique(j.truth).size), "", "never", "classes that these rows have"),
    _average("accuracy", "Acc.", "share of rows whose top score is the truth"),
    _average("accuracy_ovr", "Acc. one-vs-rest", "the paper's eq. 5 over all one-vs-rest decisions: 1 - 2 (1 - accuracy) / k; counts true negatives"),
    _average("precision_micro", "P micro", "equal to the accuracy in a single-label problem"),
    _average("recall_micro", "R micro", "equal to the accuracy in a single-label problem"),
    _average("f1_micro", "F micro", "equal to the accuracy in a single-label problem"),
    _average("precision_macro", "P macro", "mean precision of the classes present"),
    _average("recall_macro", "R macro", "mean recall of the classes present"),
    _average("f1_macro", "macro F", "mean of the F of the classes present"),
    _average("precision_weighted", "P weighted", "precision weighted by support, as Weka prints it"),
    _average("recall_weighted", "R weighted", "recall weighted by support, as Weka prints it: the accuracy"),
    _average("f1_weighted", "weighted F", "F weighted by support, as Weka prints it; hides rare classes"),
    _average("balanced_accuracy", "balanced accuracy", "mean recall of the classes present"),
    _average("mcc", "MCC", "Gorodkin's k-class correlation; 0 where truth or prediction is one class only"),
    _half("accuracy_half", "Acc. half", "over all n x k decisions 'score > 0.5', as Keras prints it"),
    _half("precision_half", "P half", "over all n x k decisions 'score > 0.5', as Keras prints it"),
    _half("recall_half", "R half", "over all n x k decisions 'score > 0.5': a row without such a score is missed"),
    _half("f1_half", "F half", "over all n x k decisions 'score > 0.5'"),
    Metric("roc_auc", "ROC area", lambda j: mean_of_known([area_under_roc(c) for c in j.class_curves]), "higher", NO_CONTRAST,
           "two classes: of the attack; more: mean one-vs-rest over classes with rows on both sides"),
    Metric("pr_auc", "PR area", lambda j: mean_of_known([average_precision(c) for c in j.class_curves]), "higher", NO_CONTRAST,
           "average precision, a step sum, of the same rankings; depends on the share of positives"),
    Metric("detection_roc_auc", "detection ROC area", lambda j: area_under_roc(j.attack_curve), "higher", NO_CONTRAST,
           "attack of any kind against benign, ranked by 1 - score of benign"),
    *map(_fpr_at, RECALL_LEVELS),
    *map(_recall_at, FPR_LEVELS),
    Metric("brier", "Brier", lambda j: brier_score(j.truth, j.scores, j.weight), "lower", NO_ROWS,
           "squared distance between scores and truth, summed over classes: 0 to 2"),
    Metric("ece", "ECE", lambda j: calibration_error(j.truth, j.scores, weight=j.weight), "lower", NO_ROWS,
           "mean gap between top score and share of hits, 15 equal-width bins"),
    Metric("untestable_rows", "untestable flows", lambda j: float(j.untestable), "", "never", "rows left out because their class was not trained"),
)}
# fmt: on


def find_metric(name: str) -> Metric:
    """The entry of a name; KeyError lists the names there are."""
    if name not in METRICS:
        raise KeyError(
            f"no metric {name!r}; known are {', '.join(METRICS)} (iotids/learning/scores/metrics.py)"
        )
    return METRICS[name]


def all_metrics(judged: Judged) -> dict[str, float]:
    """Every metric of a set of predictions, by name."""
    return {name: float(metric.of(judged)) for name, metric in METRICS.items()}
