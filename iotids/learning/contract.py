"""What every baseline is: something that fits and gives one score per class; and the checks that hold for all
of them.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from iotids.learning.data.flow_columns import check_finite


class Classifier(Protocol):
    """A model of the registry.

    It sees the training part of one fold only, so whatever it fits (scaling, ranking of features, priors) is
    fitted there. Inputs are never written to. The same seed gives the same scores on the same machine.
    """

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int) -> None:
        """Learn from (n, d) float64 features and (n,) class numbers below `n_classes`; a class may be
        missing.
        """

    def predict_scores(self, X: np.ndarray) -> np.ndarray:
        """(n, n_classes) float64 scores, rows summing to 1; 0 for a class that was not there in training."""

    def facts(self) -> dict[str, Any]:
        """What a reader may want to know of the fitted model: its size, the feature it chose, whether it
        converged.
        """


def check_training(X: np.ndarray, y: np.ndarray, *, n_classes: int) -> None:
    """Refuse training data no model can use.

    Raises
    ------
    ValueError
        No rows, shapes that do not meet, class numbers out of range, NaN or infinity; the message says which
        and where.
    """
    if X.ndim != 2 or y.shape != (X.shape[0],):
        raise ValueError(f"features have shape {X.shape} and classes {y.shape}; wanted are (n, d) and (n,)")
    if y.size == 0:
        raise ValueError(
            "the training part of the fold has no rows; look at the split's JSON for what was left out and why"
        )
    if y.min() < 0 or y.max() >= n_classes:
        raise ValueError(
            f"class numbers run from {y.min()} to {y.max()}; with {n_classes} classes they are 0 to {n_classes - 1}"
        )
    check_finite(X)


def spread_scores(scores: np.ndarray, seen: np.ndarray, n_classes: int) -> np.ndarray:
    """Put the scores of the classes seen in training into the columns of all classes.

    Parameters
    ----------
    scores : (n, len(seen)) float
    seen : class numbers in column order
    """
    full = np.zeros((scores.shape[0], n_classes))
    full[:, np.asarray(seen, int)] = scores
    return full
