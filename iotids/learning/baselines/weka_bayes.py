"""Naive Bayes with Weka's estimator: values rounded to the attribute's own precision, a normal's mass over
one such step.

Source: weka.classifiers.bayes.NaiveBayes and weka.estimators.NormalEstimator of Weka 3.9.7, read and
cross-checked by running it (tests/crosscheck/weka.py). Differences to scikit-learn's GaussianNB are in
docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr

from iotids.learning.baselines.array_model import ArrayModel
from iotids.learning.contract import check_training

DEFAULT_PRECISION = 0.01  # of an attribute with fewer than two distinct values
SMALLEST_LIKELIHOOD = 1e-75
FLAT_STD = 1e-10  # below it Weka takes the spread for unknown
ROWS_PER_BLOCK = 65_536


class WekaNaiveBayes(ArrayModel):
    """Weka's NaiveBayes without kernel estimator and without discretisation, which are its defaults.

    Per attribute, precision = mean gap between adjacent distinct training values. Per class a normal with the
    population standard deviation, at least precision / 6. Prior (n_c + 1) / (n + k).
    """

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int = 0) -> None:
        """Fit; the seed has no effect. Row order matters in the last bits only: sums run in row order, as
        Weka's.
        """
        check_training(X, y, n_classes=n_classes)
        counts = np.bincount(y, minlength=n_classes)
        self.prior = (counts + 1.0) / (y.size + n_classes)
        self.precision = np.array([mean_gap(column) for column in X.T])
        self.mean, self.std = np.zeros((n_classes, X.shape[1])), np.zeros((n_classes, X.shape[1]))
        for j, precision in enumerate(self.precision):
            rounded = np.rint(X[:, j] / precision) * precision
            # bincount adds in row order, one by one: the rounding errors of Weka's running sums, on purpose
            total = np.bincount(y, rounded, n_classes)
            squares = np.bincount(y, rounded * rounded, n_classes)
            self.mean[:, j], self.std[:, j] = normal_from_sums(counts, total, squares, precision)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) posterior; a class that was not seen keeps its Laplace prior and a normal around 0, as in
        Weka.
        """
        scores = np.empty((features.shape[0], self.prior.size))
        for start in range(0, features.shape[0], ROWS_PER_BLOCK):
            block = slice(start, start + ROWS_PER_BLOCK)
            scores[block] = posterior(features[block], self.prior, self.mean, self.std, self.precision)
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        """Prior, normals and precisions."""
        return {name: getattr(self, name) for name in ("prior", "mean", "std", "precision")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> WekaNaiveBayes:
        """The estimators again."""
        model = cls()
        model.prior, model.precision = arrays["prior"], arrays["precision"]
        model.mean, model.std = arrays["mean"], arrays["std"]
        return model

    def facts(self) -> dict[str, Any]:
        """Number of stored figures."""
        return {"parameters": int(self.mean.size * 2 + self.precision.size + self.prior.size)}


def mean_gap(values: np.ndarray) -> float:
    """Mean distance between adjacent distinct values, 0.01 if there are fewer than two."""
    distinct = np.unique(values)
    return float(np.diff(distinct).sum() / (distinct.size - 1)) if distinct.size > 1 else DEFAULT_PRECISION


def normal_from_sums(
    counts: np.ndarray, total: np.ndarray, squares: np.ndarray, precision: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation as Weka's NormalEstimator derives them from running sums.

    Without rows: mean 0, precision / 6. A spread of at most 1e-10 counts as unknown and becomes precision / 6
    as well.
    """
    n = np.maximum(counts, 1)
    mean = total / n
    spread = np.sqrt(np.abs(squares - mean * total) / n)
    floor = np.broadcast_to(np.asarray(precision) / 6.0, spread.shape)
    return mean, np.where(spread > FLAT_STD, np.maximum(floor, spread), floor)


def posterior(
    X: np.ndarray, prior: np.ndarray, mean: np.ndarray, std: np.ndarray, precision: np.ndarray
) -> np.ndarray:
    """(n, k) class probabilities, multiplied attribute by attribute in Weka's order with its rescue from
    underflow.

    The order is part of the result: a class that has fallen below 1e-308 of the leader is 0 for good,
    whatever comes later.
    """
    scores = np.tile(prior, (X.shape[0], 1))
    for j in range(X.shape[1]):
        scores *= likelihood(X[:, j, None], mean[:, j], std[:, j], precision[j])
        top = scores.max(axis=1)
        scores[(top > 0) & (top < SMALLEST_LIKELIHOOD)] /= SMALLEST_LIKELIHOOD
    return scores / scores.sum(axis=1, keepdims=True)


def likelihood(
    value: np.ndarray, mean: np.ndarray, std: np.ndarray, precision: float | np.ndarray
) -> np.ndarray:
    """Mass of the normal over one step of the precision around the rounded value, per unit; at least 1e-75."""
    offset = np.rint(value / precision) * precision - mean
    mass = ndtr((offset + precision / 2.0) / std) - ndtr((offset - precision / 2.0) / std)
    return np.maximum(mass / precision, SMALLEST_LIKELIHOOD)
