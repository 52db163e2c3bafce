"""The logits of an ensemble of trees by own machine code; `forest_of` makes one of a model file that holds what the exporter of trees writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from iotids.detecting.trees.ensemble import ensemble_of
from iotids.detecting.trees.graph import cut_graph
from iotids.detecting.trees.layout import Trees, laid_out
from iotids.detecting.trees.raw_thresholds import raw_thresholds, rises
from iotids.flowmeter.kernels.entries import kernel_named

add_leaves = kernel_named("tree_kernels", "add_leaves", "iotids.detecting.trees")
ROOM = 128  # twice tree_kernels.BLOCK
ROWS_AT_ONCE = 4096
TRIED = 256  # rows on which logits are compared with onnxruntime's

Run = Callable[[np.ndarray], np.ndarray]


class Forest:
    """Sums of leaves, then what the graph computes of them (`after`: onnxruntime, some numbers a row)."""

    def __init__(self, trees: Trees, offset: np.ndarray, n_features: int, after: Run) -> None:
        self._trees, self._offset, self._n_features, self._after = trees, offset, n_features, after
        self._width = trees.weights.size // trees.words.size

    def logits(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float32 logits of (n, d) float64 features; ValueError for another d."""
        if X.ndim != 2 or X.shape[1] != self._n_features:
            raise ValueError(f"features of shape {X.shape}; {self._n_features} columns are wanted")
        parts = [X[start : start + ROWS_AT_ONCE] for start in range(0, max(len(X), 1), ROWS_AT_ONCE)]
        return np.concatenate([self._after(self._sums(part)) for part in parts])

    def _sums(self, X: np.ndarray) -> np.ndarray:
        """(n, targets) float32 sums of the leaves, added up in float64 in the order of the trees as onnxruntime does."""
        sums = np.zeros((len(X), self._width))
        if len(X):
            features = np.ascontiguousarray(X, np.float64).reshape(-1)
            add_leaves(features, len(X), X.shape[1], self._trees, np.empty(ROOM, np.uint64), sums.reshape(-1))
        return (sums[:, : self._offset.size] + self._offset).astype(np.float32)


def forest_of(
    content: bytes, n_features: int, *, whole: Run, opened: Callable[[bytes, str], Run]
) -> Forest | None:
    """A forest that gives the logits of a model file; None where the file holds something else, or logits differ.

    Parameters
    ----------
    whole : callable
        The model's logits by onnxruntime.
    opened : callable
        Opens a model for its first input and an output of a name.
    """
    try:
        cut = cut_graph(content)
        trees = None if cut is None else ensemble_of(cut.trees, n_features)
    except (IndexError, StopIteration, UnicodeDecodeError):
        return None  # damaged: onnxruntime says so, or reads it otherwise
    if cut is None or trees is None or not rises(cut.before, cut.constants):
        return None
    inner = ~trees.is_leaf
    feature, scale = trees.feature[inner], opened(cut.model_before(), cut.trees.inputs[0])
    limits = raw_thresholds(feature, trees.threshold[inner], n_features, scale)
    layout = None if limits is None else laid_out(trees, limits)
    if limits is None or layout is None:
        return None
    forest = Forest(layout, trees.offset, n_features, opened(cut.model_after(), "logits"))
    probe = _around(feature, limits, n_features)
    return forest if _same(forest.logits(probe), whole(probe)) else None


def _around(feature: np.ndarray, limits: np.ndarray, n_features: int) -> np.ndarray:
    """(TRIED, d) rows whose values are thresholds, the next doubles, and none (NaN)."""
    rows = np.zeros((TRIED, n_features))
    random = np.random.default_rng(0)
    for column in np.unique(feature).tolist():
        own = limits[feature == column]
        rows[:, column] = random.choice(np.concatenate([own, np.nextafter(own, np.inf)]), TRIED)
    rows[random.random(rows.shape) < 1 / n_features] = np.nan
    return rows


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same numbers."""
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
