"""Thresholds on the features themselves instead of on their scaled logarithms: scaling rises with the feature, so that `scaled <= t` is
`feature <= s` for one s, and no logarithm is left to compute.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from iotids.detecting.trees.graph import Node

SIGNED_LOG = (
    ("Sign", "features", "sign"),
    ("Abs", "features", "size"),
    ("Add", "size one", "size_plus_one"),
    ("Log", "size_plus_one", "log_size"),
    ("Mul", "sign log_size", "signed_log"),
)
ROUNDED = (("Cast", "scaled", "rounded_float"), ("Cast", "rounded_float", "rounded"))
ALL_BUT_SIGN = np.int64(np.iinfo(np.int64).max)
MOST_CELLS = 1 << 18  # thresholds of the feature that has most, times features; a quarter of a second


def rises(nodes: tuple[Node, ...], constants: dict[str, np.ndarray]) -> bool:
    """Whether nodes are a scaling as the exporter writes it, where each output rises with its feature."""
    steps = tuple((node.operator, " ".join(node.inputs), " ".join(node.outputs)) for node in nodes)
    if steps[-2:] == ROUNDED:
        steps = steps[:-2]
    if steps == (("Identity", "features", "scaled"),):
        return True
    source = "features"
    if steps[: len(SIGNED_LOG)] == SIGNED_LOG:
        steps, source = steps[len(SIGNED_LOG) :], "signed_log"
        if "one" not in constants or constants["one"].tolist() != [1.0]:
            return False
    mean, spread = (constants.get(name, np.array([np.nan])) for name in ("mean", "spread"))
    scaled = steps == (("Sub", f"{source} mean", "centred"), ("Div", "centred spread", "scaled"))
    return bool(scaled and np.isfinite(mean).all() and np.isfinite(spread).all() and (spread > 0).all())


def raw_thresholds(
    feature: np.ndarray, threshold: np.ndarray, n_features: int, scale: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray | None:
    """(m,) float64, for each threshold on a scaled feature the largest value of the feature that is not above it; None
    where there are too many.

    Found by halving the range of all doubles, with the scaling itself: equal to it to the last bit.

    Parameters
    ----------
    feature, threshold : (m,) int64, (m,) float64 finite
    scale : callable
        (n, n_features) float64 scaled features of features.
    """
    order = np.argsort(feature, kind="stable")
    if np.bincount(feature).max(initial=0) * n_features > MOST_CELLS:
        return None
    row = np.empty(feature.size, np.int64)
    row[order] = np.arange(feature.size) - np.searchsorted(feature[order], feature[order])
    wanted = np.full((int(row.max(initial=-1)) + 1, n_features), np.inf)
    wanted[row, feature] = threshold
    low, high = (np.full(wanted.shape, _as_whole(np.array(end))) for end in (-np.inf, np.inf))
    while (high - 1 > low).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        within = scale(_as_double(middle)) <= wanted
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return _as_double(low)[row, feature]


def _as_whole(values: np.ndarray) -> np.ndarray:
    """int64 in the order of the doubles."""
    bits = values.astype(np.float64).view(np.int64)
    return np.where(bits < 0, bits ^ ALL_BUT_SIGN, bits)


def _as_double(order: np.ndarray) -> np.ndarray:
    """Back from the order."""
    bits: np.ndarray = np.where(order < 0, order ^ ALL_BUT_SIGN, order)
    return bits.view(np.float64)
