"""Test, then train, flow by flow in order of time: how a streaming model would have done on the air. No
cross-validation.

Its figures answer another question than the folds' and are kept apart from them (prequential.parquet): every
flow is tested once, by a model that has seen all earlier flows of all sources with their true labels.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.baselines.hoeffding.vfdt import Vfdt
from iotids.learning.contract import TrainingData

if TYPE_CHECKING:
    from iotids.learning.baselines.hoeffding.kinds import VfdtSettings


def prequential_scores(
    model: Vfdt, X: np.ndarray, y: np.ndarray, order: np.ndarray, *, n_classes: int
) -> np.ndarray:
    """(n, k) score of every row by the model as it was before the row; rows in the order of `order`. The
    first row gets 1/k each.
    """
    scores = np.full((order.size, n_classes), 1.0 / n_classes)
    for position in range(order.size):
        row = order[position : position + 1]
        if position:
            scores[position] = model.scores(X[row])[0]
            model.learn_more(X, y, row)
        else:
            model.learn_in_order(X, y, row, n_classes=n_classes)
    return scores


def run_in_time_order(data: TrainingData, settings: VfdtSettings) -> tuple[np.ndarray, np.ndarray]:
    """(n,) rows in order of flow start and their (n, k) scores; equal starts are taken in row order."""
    order = np.lexsort((np.arange(data.truth.size), data.start_us))
    X = np.ascontiguousarray(data.features, np.float64)
    y = np.ascontiguousarray(data.truth, np.int64)
    return order, prequential_scores(Vfdt(**asdict(settings)), X, y, order, n_classes=data.n_classes)
