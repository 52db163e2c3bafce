"""Predictions beside their truth: what every metric is computed from, checked once, counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from iotids.learning.scores.confusions import averages, confusion_matrix
from iotids.learning.scores.ranking import Curve, detection_curve


@dataclass(frozen=True)
class Judged:
    """Rows that a model has judged. Make one with `judge`.

    Attributes
    ----------
    truth : (n,) integer, index of the true class in `classes`
    scores : (n, k) float, one per class, larger is likelier; the first of the largest is predicted
    classes : k names in column order
    benign : index of the class that is no attack
    trained : (k,) bool, whether the class had a row in the training part
    weight : (n,) float with mean 1, or None: every row counts the same
    untestable : number of rows that were left out because their class was not trained
    """

    truth: np.ndarray
    scores: np.ndarray
    classes: tuple[str, ...]
    benign: int
    trained: np.ndarray
    weight: np.ndarray | None = None
    untestable: int = 0

    @cached_property
    def predicted(self) -> np.ndarray:
        """(n,) index of the predicted class."""
        return self.scores.argmax(axis=1)

    @cached_property
    def confusion(self) -> np.ndarray:
        """(k, k), row = true class; sums of weights where there are weights."""
        return confusion_matrix(self.truth, self.predicted, len(self.classes), self.weight)

    @cached_property
    def averages(self) -> dict[str, float]:
        """Every score that follows from the confusion matrix."""
        return averages(self.confusion)

    @cached_property
    def attack_curve(self) -> Curve:
        """Attack of any kind against benign, ranked by how little benign a row looks."""
        # minus the benign score, not 1 - score: the subtraction would tie scores below float32's 6e-8
        return detection_curve(self.truth != self.benign, -self.scores[:, self.benign], self.weight)

    @cached_property
    def class_curves(self) -> list[Curve]:
        """One class against the rest: the attack with two classes, else every class."""
        k = len(self.classes)
        columns = [1 - self.benign] if k == 2 else range(k)
        return [detection_curve(self.truth == c, self.scores[:, c], self.weight) for c in columns]

    def mean(self, values: np.ndarray) -> float:
        """Weighted mean of one value per row; NaN without rows."""
        return float(np.average(values, weights=self.weight)) if values.size else float("nan")


def judge(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    *,
    benign: str | None = None,
    trained: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> Judged:
    """Check predictions and keep the rows that say something about the model.

    Parameters
    ----------
    truth, scores, classes, trained
        As the attributes of `Judged`. No model can name a class it never saw: rows of untrained classes are
        left out and counted as `untestable`.
    benign : str, optional
        Name of the benign class; the first class when not given.
    weight : (n,) float, optional
        Not negative; scaled to mean 1 over the rows that are kept.

    Raises
    ------
    ValueError
        Shapes that do not fit, a truth outside the classes, a score that is NaN or infinite.
    """
    truth, scores = check_predictions(truth, scores, classes)
    known = np.ones(len(classes), bool) if trained is None else np.asarray(trained, bool)
    testable = known[truth]
    if weight is not None:
        weight = np.asarray(weight, float)[testable]
        weight = weight * (weight.size / weight.sum()) if weight.size else weight
    index = list(classes).index(benign) if benign is not None else 0
    untestable = int(np.count_nonzero(~testable))
    if untestable:
        truth, scores = truth[testable], scores[testable]
    return Judged(truth, scores, tuple(classes), index, known, weight, untestable)


def capture_weights(capture: np.ndarray) -> np.ndarray:
    """(n,) weights with which every capture counts the same: 1 / its rows."""
    _, number, size = np.unique(capture, return_inverse=True, return_counts=True)
    return 1.0 / size[number]


def check_predictions(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores as arrays that agree in shape and range; ValueError says which does not."""
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
