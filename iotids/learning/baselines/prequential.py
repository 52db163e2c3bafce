"""Test, then train, flow by flow in order of time: how a streaming model would have done on the air. No
cross-validation.

Its figures answer another question than the folds' and stand apart from them (`prequential` in folds.json):
every flow is tested once, by a model that has seen all earlier flows of all networks with their true labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from iotids.learning.baselines.vfdt import Vfdt
from iotids.learning.scores.scores import score_predictions


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
            scores[position] = model.predict_scores(X[row])[0]
            model.learn_more(X, y, row)
        else:
            model.learn_in_order(X, y, row, n_classes=n_classes)
    return scores


def prequential_record(
    X: np.ndarray,
    y: np.ndarray,
    start_us: np.ndarray,
    classes: Sequence[str],
    benign: str,
    *,
    settings: dict[str, Any],
    windows: int = 50,
) -> dict[str, Any]:
    """Scores over the whole run and the accuracy in each of `windows` equal stretches of flows, in order of
    flow start.

    Flows that start in the same microsecond are taken in row order.
    """
    order = np.lexsort((np.arange(y.size), start_us))
    X, y = np.ascontiguousarray(X, np.float64), np.ascontiguousarray(y, np.int64)
    scores = prequential_scores(Vfdt(**settings), X, y, order, n_classes=len(classes))
    hit = scores.argmax(axis=1) == y[order]
    parts = np.array_split(hit, min(windows, hit.size))
    return {
        "protocol": "test, then train, in order of flow start",
        "metrics": score_predictions(y[order], scores, classes, benign=benign),
        "window_flows": [part.size for part in parts],
        "window_accuracy": [float(part.mean()) for part in parts],
    }
