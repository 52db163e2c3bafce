"""Baselines that know almost nothing: the majority, and the name of the source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from iotids.learning.baselines.array_model import ArrayModel
from iotids.learning.contract import check_training


class Majority(ArrayModel):
    """The class shares of the training part, for every flow."""

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int = 0) -> None:
        """Count the classes."""
        check_training(X, y, n_classes=n_classes)
        self.shares, self.n_features = np.bincount(y, minlength=n_classes) / y.size, X.shape[1]

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k), all rows alike."""
        return np.tile(self.shares, (features.shape[0], 1))

    def arrays(self) -> dict[str, np.ndarray]:
        """The shares."""
        return {"shares": self.shares, "n_features": np.array(self.n_features)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Majority:
        """The shares again."""
        model = cls()
        model.shares, model.n_features = arrays["shares"], int(arrays["n_features"])
        return model

    def to_onnx(self) -> bytes:
        """The same logits for every flow."""
        from iotids.learning.baselines.onnx.constant import constant_onnx

        return constant_onnx(self.shares, n_features=self.n_features)

    def facts(self) -> dict[str, Any]:
        """The most frequent class's number and share."""
        return {"class_number": int(self.shares.argmax()), "share": float(self.shares.max())}


class DatasetOracle(ArrayModel):
    """Class shares of the network a flow comes from: what a model scores that recognises the data set and
    nothing else.

    Its only feature is the source's number (its kind says so); a source that was not trained on gets the
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

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) shares of each flow's source."""
        source = features[:, 0]
        place = np.minimum(np.searchsorted(self.sources, source), self.sources.size - 1)
        known = self.sources[place] == source
        return np.where(known[:, None], self.shares[place], self.overall)

    def arrays(self) -> dict[str, np.ndarray]:
        """Sources and shares."""
        return {"sources": self.sources, "shares": self.shares, "overall": self.overall}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> DatasetOracle:
        """Sources and shares again."""
        model = cls()
        model.sources, model.shares = arrays["sources"], arrays["shares"]
        model.overall = arrays["overall"]
        return model

    def facts(self) -> dict[str, Any]:
        """How many sources were seen."""
        return {"sources": int(self.sources.size)}
