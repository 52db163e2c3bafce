"""A classifier as scikit-learn has them: the mean of two forests' class shares, one of them blind to the first columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from iotids.learning.baselines.site_trees import Drawn, grown_trees


class TwoForests(ClassifierMixin, BaseEstimator):
    """`n_estimators` trees each, in equal parts from every draw of flows; `leaves`: flows in a leaf of the forest that sees the
    columns from `first_column` on, and of the one that sees all.
    """

    def __init__(self, n_estimators: int, leaves: tuple[int, int], first_column: int, seed: int) -> None:
        self.n_estimators, self.leaves, self.first_column, self.seed = (
            n_estimators,
            leaves,
            first_column,
            seed,
        )

    def fit(self, draws: Sequence[Drawn]) -> TwoForests:
        """Grow both on the rows of every draw."""
        leaf_of_last, leaf_of_all = self.leaves
        n = self.n_estimators // len(draws)
        self.of_last_, self.of_all_ = [], []
        for number, (X, y, weights) in enumerate(draws):
            grown = partial(grown_trees, y=y, n=n, weights=weights, seed=self.seed + number)
            self.of_last_.append(grown(X[:, self.first_column :], leaf=leaf_of_last))
            self.of_all_.append(grown(X, leaf=leaf_of_all))
        return self

    @property
    def estimators_(self) -> list[Any]:
        """The trees of both."""
        return [tree for forest in (*self.of_last_, *self.of_all_) for tree in forest.estimators_]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, classes seen)."""
        context = X[:, self.first_column :]
        shares = sum(one.predict_proba(context) for one in self.of_last_)
        shares = shares + sum(one.predict_proba(X) for one in self.of_all_)
        return np.asarray(shares) / (2 * len(self.of_all_))
