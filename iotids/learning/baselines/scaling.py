"""How features are scaled before a classical model, and how many threads it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from iotids.learning.data.signed_log import signed_log

COLUMNS_AT_ONCE = 4  # at least 2: of a single column NumPy adds up in another order
BLOCK_ROWS = 65_536


def one_thread() -> threadpool_limits:
    """Folds run side by side, so a model gets one thread: no fight for cores, and sums in the same order on
    every machine.
    """
    return threadpool_limits(limits=1)


def scaling_steps(scaling: str) -> list[Any]:
    """Transformers before the model, to be fitted."""
    if scaling == "none":
        return []
    if scaling == "standard":
        return [StandardScaler()]
    if scaling == "log":
        return [FunctionTransformer(signed_log), StandardScaler(copy=False)]  # of what the first step made
    raise ValueError(f"scaling {scaling!r}; known are none, standard and log")


def fit_scaling(scaling: str, X: np.ndarray, *, overwrite: bool = False) -> tuple[list[Any], np.ndarray]:
    """Fitted transformers, and what they make of (n, d) `X`: float64, or `X` itself where nothing is scaled.

    The same bits as a pipeline's `fit_transform`, in the memory of the result and no more.

    Parameters
    ----------
    overwrite : the result may take the place of `X`
    """
    steps = scaling_steps(scaling)
    if not steps:
        return steps, X
    scaled = X if overwrite and X.dtype == np.float64 else np.array(X, np.float64)
    if scaling == "log":
        steps[0].fit(X[:1])
        signed_log(scaled, out=scaled)
    _fit_by_columns(steps[-1], scaled)
    for begin in range(0, len(scaled), BLOCK_ROWS):
        block = scaled[begin : begin + BLOCK_ROWS]
        block -= steps[-1].mean_
        block /= steps[-1].scale_
    return steps, scaled


def _fit_by_columns(scaler: StandardScaler, X: np.ndarray) -> None:
    """As scaler.fit(X), a few columns at a time: it takes three times the memory of what it is given."""
    parts = [StandardScaler().fit(X[:, mine]) for mine in column_blocks(X.shape[1])]
    scaler.fit(X[:1])
    for name in ("mean_", "var_", "scale_"):
        setattr(scaler, name, np.concatenate([getattr(part, name) for part in parts]))
    scaler.n_samples_seen_ = parts[0].n_samples_seen_


def column_blocks(n_features: int) -> list[slice]:
    """Columns in blocks of COLUMNS_AT_ONCE or a few more; fewer only where there are no more."""
    parts = np.array_split(np.arange(n_features), max(1, n_features // COLUMNS_AT_ONCE))
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]
