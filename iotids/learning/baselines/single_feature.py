"""The best single feature: what one column of a flow gives away."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.baselines.onnx.trees import ensemble, float32_rounded, scikit_tree
from iotids.learning.contract import Fitted, ModelKind, TrainingData, check_training, spread_scores
from iotids.learning.runs.onnx_graph import log_of_shares, model_bytes, spread_classes
from iotids.learning.runs.onnx_model import OnnxModel

ROWS_TO_RANK = 100_000  # a feature's rank among 70 is settled long before


class BestSingleFeature(Fitted):
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
        self.n_classes, self.n_features = n_classes, X.shape[1]
        rows = (
            np.random.default_rng(seed).permutation(y.size)[:ROWS_TO_RANK]
            if y.size > ROWS_TO_RANK
            else np.arange(y.size)
        )
        ranked = [self._balanced_accuracy(X[rows, j : j + 1], y[rows], seed) for j in range(X.shape[1])]
        self.feature = int(np.argmax(ranked))
        self.tree = self._tree(seed).fit(X[:, self.feature : self.feature + 1], y)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) class shares of the leaf."""
        shares = self.tree.predict_proba(features[:, self.feature : self.feature + 1])
        return spread_scores(shares, self.tree.classes_, self.n_classes)

    def save(self, folder: Path) -> None:
        """Write model.onnx."""
        OnnxModel(self.to_onnx()).save(folder)

    def to_onnx(self) -> bytes:
        """The tree, on its column among all features."""
        tree = scikit_tree(self.tree.tree_, feature=self.feature)
        parts = [
            float32_rounded("features", "rounded"),
            ensemble([tree], "rounded", "shares", offset=np.zeros(len(self.tree.classes_))),
            log_of_shares("shares"),
            spread_classes(self.tree.classes_, self.n_classes),
        ]
        return model_bytes(parts, n_features=self.n_features, n_classes=self.n_classes)

    def facts(self) -> dict[str, Any]:
        """Which feature it is."""
        return {"feature_number": self.feature, "leaves": int(self.tree.get_n_leaves())}

    def _balanced_accuracy(self, column: np.ndarray, y: np.ndarray, seed: int) -> float:
        """Mean recall over the classes, on the rows it was fitted to."""
        hit = self._tree(seed).fit(column, y).predict(column) == y
        counts = np.bincount(y)
        return float((np.bincount(y, hit)[counts > 0] / counts[counts > 0]).mean())

    def _tree(self, seed: int) -> Any:
        """An unfitted tree; classes weigh the same, because the ranking is by balanced accuracy."""
        from sklearn.tree import DecisionTreeClassifier  # naming the kind must not wait for it

        return DecisionTreeClassifier(
            max_leaf_nodes=self.leaves_per_class * self.n_classes,
            min_samples_leaf=self.min_leaf_rows,
            class_weight="balanced",
            random_state=seed,
        )

    @property
    def model_bytes(self) -> int:
        """Size of the file."""
        return len(self.to_onnx())


@dataclass(frozen=True)
class SingleFeatureSettings:
    """Size of the tree; see BestSingleFeature."""

    leaves_per_class: int = 4
    min_leaf_rows: int = 20


class SingleFeatureKind(ModelKind):
    """Which single feature separates the classes best, and how well."""

    name = "best_single_feature"
    settings_type = SingleFeatureSettings
    trains_from_file = True

    def fit(self, data: TrainingData, settings: SingleFeatureSettings, *, seed: int) -> Fitted:
        """Rank the features, fit a small tree on the best."""
        model = BestSingleFeature(**asdict(settings))
        model.fit(data.features, data.truth, n_classes=data.n_classes, seed=seed)
        return model

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)
