"""The nearest neighbour: no model at all, and a high bar where flows repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from iotids.learning.baselines.array_model import ArrayModel
from iotids.learning.baselines.scaling import scaling_steps
from iotids.learning.contract import check_training, spread_scores
from iotids.learning.data.duplicates import vector_numbers


class NearestNeighbour(ArrayModel):
    """The class of the nearest distinct training flow, on log-scaled features.

    Parameters
    ----------
    max_rows : int
        Training rows beyond this are left out, seeded; the search is quadratic.
    """

    def __init__(self, *, max_rows: int = 50_000) -> None:
        self.max_rows = max_rows

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int) -> None:
        """Keep the first of every duplicate vector, at most `max_rows`, and scale them."""
        check_training(X, y, n_classes=n_classes)
        rows = np.unique(vector_numbers(X), return_index=True)[1]
        self.distinct_rows = rows.size
        if rows.size > self.max_rows:
            rows = np.sort(np.random.default_rng(seed).choice(rows, self.max_rows, replace=False))
        self._hold(X[rows], y[rows], n_classes)

    def _hold(self, kept: np.ndarray, classes: np.ndarray, n_classes: int) -> None:
        """Scale the kept rows and make them searchable."""
        self.kept, self.classes, self.n_classes = kept, classes, n_classes
        self.model = make_pipeline(
            *scaling_steps("log"), KNeighborsClassifier(n_neighbors=1, algorithm="brute")
        )
        self.model.fit(kept, classes)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) with a single 1 per row: one neighbour has no doubt."""
        shares = np.asarray(self.model.predict_proba(features))
        return spread_scores(shares, self.model.classes_, self.n_classes)

    def arrays(self) -> dict[str, np.ndarray]:
        """The kept rows and their classes."""
        numbers = np.array([self.n_classes, self.distinct_rows])
        return {"kept": self.kept, "classes": self.classes, "numbers": numbers}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NearestNeighbour:
        """Search the kept rows again."""
        model = cls(max_rows=len(arrays["kept"]))
        n_classes, model.distinct_rows = arrays["numbers"].tolist()
        model._hold(arrays["kept"], arrays["classes"], n_classes)
        return model

    def facts(self) -> dict[str, Any]:
        """How many training rows it holds."""
        return {"distinct_rows": int(self.distinct_rows), "kept_rows": len(self.kept)}
