"""Training data from plain arrays, as the contract hands them to a kind."""

from __future__ import annotations

import numpy as np

from iotids.learning.contract import TrainingData, find_kind
from iotids.learning.registry import KINDS


def training_data(X, y, *, n_classes, classes=None, dtype=np.float64, start_us=None):
    """Flows of one source in one recording, in the order of rows."""
    n = len(y)
    return TrainingData(
        np.asarray(X, dtype),
        np.asarray(y, np.int64),
        classes or tuple(f"C{c}" for c in range(n_classes)),
        classes[0] if classes else "C0",
        np.arange(n) if start_us is None else start_us,
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
    )


def fitted(name, X, y, *, n_classes, seed=0, **settings):
    """A model of this kind, fitted on all rows."""
    kind = find_kind(name, KINDS)
    data = training_data(as_wide(kind, X), y, n_classes=n_classes, dtype=kind.dtype)
    return kind.fit(data, kind.settings({**SMALL.get(name, {}), **settings}), seed=seed)


def fitted_scores(name, X, y, X_test, *, n_classes, seed=0, **settings):
    """Scores of other rows by it."""
    wide = as_wide(find_kind(name, KINDS), X_test)
    return fitted(name, X, y, n_classes=n_classes, seed=seed, **settings).scores(wide)


def as_wide(kind, X):
    """The columns again and again, as many as a kind that sees several groups of features takes; others as they are."""
    if len(kind.sees) < 2 or kind.any_features:
        return X
    return X[:, np.arange(len(kind.feature_names)) % X.shape[1]]


SMALL = {
    "fewer_features": {"n_features": 4, "classifier": "logistic_regression"}
}  # settings of kinds whose defaults want more features than a test has


class Memory:
    """A store that keeps arrays while the test runs."""

    def __init__(self):
        self.kept = {}

    def save(self, name, arrays):
        self.kept[name] = arrays

    def load(self, name):
        return self.kept.get(name)
