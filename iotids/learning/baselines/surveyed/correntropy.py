"""How alike a feature is in normal traffic and in attacks: correntropy, [17] Moustafa et al. 2019."""

from __future__ import annotations

import numpy as np

from iotids.learning.data.signed_log import signed_log


def correntropy_by_feature(
    features: np.ndarray, apart: np.ndarray, *, max_rows: int, rng: np.random.Generator
) -> np.ndarray:
    """(d,) mean of exp(-(a - b)^2 / 2 s^2) over pairs of a normal and an attack flow; 1 for a constant feature.

    Features are compared as logarithms in units of their standard deviation; s is Silverman's 1.06 n^(-1/5) in
    those units. Where one side has no flow, every feature is 1: there is nothing to rank.

    Parameters
    ----------
    apart : (n,) bool: the flow is on the second side
    max_rows : of each side, drawn at random; pairs grow with its square

    Source: Liu, Pokharel, Principe 2007, eq. 3 (the estimator); Silverman 1986, eq. 3.28 (the width).
    """
    x = signed_log(features)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    sides = [x[_drawn(np.flatnonzero(apart == side), max_rows, rng)] for side in (False, True)]
    if not all(len(side) for side in sides):
        return np.ones(x.shape[1])
    width = 1.06 * (len(sides[0]) + len(sides[1])) ** -0.2
    return np.array([_mean_kernel(a, b, width) for a, b in zip(sides[0].T, sides[1].T, strict=True)])


def least_alike(similarity: np.ndarray, n_features: int) -> np.ndarray:
    """Numbers of the features of least similarity, ascending; of equal ones the first."""
    chosen: np.ndarray = np.sort(np.argsort(similarity, kind="stable")[:n_features])
    return chosen


def _mean_kernel(a: np.ndarray, b: np.ndarray, width: float) -> float:
    """Over all pairs."""
    return float(np.exp(-((a[:, None] - b) ** 2) / (2 * width * width)).mean())


def _drawn(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most so many of the rows."""
    return rows if rows.size <= most else rng.choice(rows, most, replace=False)
