"""A classifier as scikit-learn has them: the mean of two forests' class shares, one of them blind to the first columns."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from iotids.learning.baselines.site_trees import grown_trees


class TwoForests(ClassifierMixin, BaseEstimator):
    """`n_estimators` trees each; `leaves`: flows in a leaf of the forest that sees the columns from `first_column` on, and of
    the one that sees all.
    """

    def __init__(self, n_estimators: int, leaves: tuple[int, int], first_column: int, seed: int) -> None:
        self.n_estimators, self.leaves, self.first_column, self.seed = (
            n_estimators,
            leaves,
            first_column,
            seed,
        )

    def fit(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> TwoForests:
        """Grow both on all rows."""
        leaf_of_last, leaf_of_all = self.leaves
        grown = partial(grown_trees, y=y, n=self.n_estimators, weights=weights, seed=self.seed)
        self.of_last_ = grown(X[:, self.first_column :], leaf=leaf_of_last)
        self.of_all_ = grown(X, leaf=leaf_of_all)
        return self

    @property
    def estimators_(self) -> list[Any]:
        """The trees of both."""
        return [*self.of_last_.estimators_, *self.of_all_.estimators_]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, classes seen)."""
        shares = self.of_last_.predict_proba(X[:, self.first_column :]) + self.of_all_.predict_proba(X)
        return np.asarray(shares) / 2
