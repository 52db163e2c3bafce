"""How features are scaled before a classical model, and how many threads it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits


def one_thread() -> threadpool_limits:
    """Folds run side by side, so a model gets one thread: no fight for cores, and sums in the same order on
    every machine.
    """
    return threadpool_limits(limits=1)


def scaling_steps(scaling: str) -> list[Any]:
    """Transformers fitted with the model."""
    if scaling == "none":
        return []
    if scaling == "standard":
        return [StandardScaler()]
    if scaling == "log":
        return [FunctionTransformer(signed_log), StandardScaler(copy=False)]  # of what the first step made
    raise ValueError(f"scaling {scaling!r}; known are none, standard and log")


def signed_log(X: np.ndarray) -> np.ndarray:
    """sign(x) log(1 + |x|): keeps order and sign, tames the tails. Takes the memory of its result and no more."""
    logs = np.abs(np.asarray(X, np.float64))
    np.log1p(logs, out=logs)
    return np.copysign(logs, X, out=logs)
