"""Baselines that know almost nothing: the majority, the name of the source, and the best single feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.learning.contract import check_training, spread_scores

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

ROWS_TO_RANK = 100_000  # a feature's rank among 70 is settled long before


class Majority:
    """The class shares of the training part, for every flow."""

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int = 0) -> None:
        """Count the classes."""
        check_training(X, y, n_classes=n_classes)
        self.shares = np.bincount(y, minlength=n_classes) / y.size

    def predict_scores(self, X: np.ndarray) -> np.ndarray:
        """(n, k), all rows alike."""
        return np.tile(self.shares, (X.shape[0], 1))

    def facts(self) -> dict[str, Any]:
        """The most frequent class's number and share."""
        return {"class_number": int(self.shares.argmax()), "share": float(self.shares.max())}


class DatasetOracle:
    """Class shares of the network a flow comes from: what a model scores that recognises the data set and
    nothing else.

    Its only feature is the source's number (the registry says so); a source that was not trained on gets the
    overall shares.
    """

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int = 0) -> None:
        """Count the classes per source."""
        check_training(X, y, n_classes=n_classes)
        self.overall = np.bincount(y, minlength=n_classes) / y.size
        self.sources, number = np.unique(X[:, 0], return_inverse=True)
        counts = np.bincount(number * n_classes + y, minlength=self.sources.size * n_classes).reshape(
            -1, n_classes
        )
        self.shares = counts / counts.sum(axis=1, keepdims=True)

    def predict_scores(self, X: np.ndarray) -> np.ndarray:
        """(n, k) shares of each flow's source."""
        place = np.minimum(np.searchsorted(self.sources, X[:, 0]), self.sources.size - 1)
        known = self.sources[place] == X[:, 0]
        return np.where(known[:, None], self.shares[place], self.overall)

    def facts(self) -> dict[str, Any]:
        """How many sources were seen."""
        return {"sources": int(self.sources.size)}


class BestSingleFeature:
    """A small tree on the one feature whose tree separates the training part best (balanced accuracy).

    Parameters
    ----------
    leaves_per_class : int
        Leaves of the tree for each class.
    min_leaf_rows : int
        Rows a leaf needs; keeps the ranking from rewarding a feature with a value per row.
    """

    def __init__(self, *, leaves_per_class: int = 4, min_leaf_rows: int = 20) -> None:
        self.leaves_per_class, self.min_leaf_rows = leaves_per_class, min_leaf_rows

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int) -> None:
        """Rank all features on at most 100,000 seeded rows, then fit the winner on all rows."""
        check_training(X, y, n_classes=n_classes)
        self.n_classes = n_classes
        rows = (
            np.random.default_rng(seed).permutation(y.size)[:ROWS_TO_RANK]
            if y.size > ROWS_TO_RANK
            else np.arange(y.size)
        )
        ranked = [self._balanced_accuracy(X[rows, j : j + 1], y[rows], seed) for j in range(X.shape[1])]
        self.feature = int(np.argmax(ranked))
        self.tree = self._tree(seed).fit(X[:, self.feature : self.feature + 1], y)

    def predict_scores(self, X: np.ndarray) -> np.ndarray:
        """(n, k) class shares of the leaf."""
        return spread_scores(
            self.tree.predict_proba(X[:, self.feature : self.feature + 1]), self.tree.classes_, self.n_classes
        )

    def facts(self) -> dict[str, Any]:
        """Which feature it is."""
        return {"feature_number": self.feature, "leaves": int(self.tree.get_n_leaves())}

    def _balanced_accuracy(self, column: np.ndarray, y: np.ndarray, seed: int) -> float:
        """Mean recall over the classes, on the rows it was fitted to."""
        hit = self._tree(seed).fit(column, y).predict(column) == y
        counts = np.bincount(y)
        return float((np.bincount(y, hit)[counts > 0] / counts[counts > 0]).mean())

    def _tree(self, seed: int) -> DecisionTreeClassifier:
        """An unfitted tree; classes weigh the same, because the ranking is by balanced accuracy."""
        from sklearn.tree import DecisionTreeClassifier  # a second that majority and oracle need not wait

        return DecisionTreeClassifier(
            max_leaf_nodes=self.leaves_per_class * self.n_classes,
            min_samples_leaf=self.min_leaf_rows,
            class_weight="balanced",
            random_state=seed,
        )
