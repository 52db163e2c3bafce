"""Kernel of a leaf of River's tree: naive Bayes judges a row, then the leaf's statistics take it in."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from iotids.learning.baselines.hoeffding.vfdt_kernels import kernel, normal_cdf
from iotids.learning.baselines.weka_bayes import DEFAULT_PRECISION, SMALLEST_LIKELIHOOD

SMALLEST_STD = DEFAULT_PRECISION / 6.0
LOG_SMALLEST = math.log(SMALLEST_LIKELIHOOD)


class LeafStatistics(NamedTuple):
    """What a leaf knows of k classes and d features.

    seen : (k,) rows
    total, squares : (k, d) sums of rounded values; bayes_mean, bayes_std : the normals they give to naive Bayes
    mean, deviations : (k, d) mean and squared deviations of raw values; lowest, highest : their range
    """

    seen: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    bayes_mean: np.ndarray
    bayes_std: np.ndarray
    mean: np.ndarray
    deviations: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def no_statistics(n_classes: int, n_features: int) -> LeafStatistics:
    """Of a leaf that has seen nothing."""
    values = np.zeros((8, n_classes, n_features))
    statistics = LeafStatistics(np.zeros(n_classes), *values)
    statistics.bayes_std[:] = SMALLEST_STD
    statistics.lowest[:], statistics.highest[:] = math.inf, -math.inf
    return statistics


@kernel
def judge_and_take_in(leaf, x, y):
    """Whether naive Bayes takes row x (d,) for class y, before the statistics of y learn it."""
    rounded = np.empty(x.size)
    for j in range(x.size):
        rounded[j] = np.rint(x[j] / DEFAULT_PRECISION) * DEFAULT_PRECISION
    judged = likeliest(leaf, rounded)
    take_in(leaf, x, rounded, y)
    return judged == y


@kernel
def likeliest(leaf, rounded):
    """The class of the largest posterior; the first of several."""
    k, n = leaf.seen.size, leaf.seen.sum()
    best, most = 0, -np.inf
    for c in range(k):
        log = math.log((leaf.seen[c] + 1.0) / (n + k))
        mean, std = leaf.bayes_mean[c], leaf.bayes_std[c]
        for j in range(rounded.size):
            log += log_likelihood(rounded[j] - mean[j], std[j])
        if log > most:
            best, most = c, log
    return best


@kernel
def log_likelihood(offset, std):
    """Of a rounded value at an offset from the mean; where a normal's mass is below the floor without being computed,
    it is not.
    """
    upper, lower = (offset + DEFAULT_PRECISION / 2.0) / std, (offset - DEFAULT_PRECISION / 2.0) / std
    if lower > 8.3 or upper < -19.5:
        return LOG_SMALLEST
    mass = normal_cdf(upper) - normal_cdf(lower)
    return math.log(max(mass / DEFAULT_PRECISION, SMALLEST_LIKELIHOOD))


@kernel
def take_in(leaf, x, rounded, y):
    """Update the statistics of class y."""
    leaf.seen[y] += 1.0
    n = leaf.seen[y]
    total, squares, bayes_mean, bayes_std = (
        leaf.total[y],
        leaf.squares[y],
        leaf.bayes_mean[y],
        leaf.bayes_std[y],
    )
    mean, deviations, lowest, highest = leaf.mean[y], leaf.deviations[y], leaf.lowest[y], leaf.highest[y]
    for j in range(x.size):
        total[j] += rounded[j]
        squares[j] += rounded[j] * rounded[j]
        bayes_mean[j] = total[j] / n
        # one floor does for both of Weka's: an unknown spread (below 1e-10) becomes precision / 6 as well
        bayes_std[j] = max(math.sqrt(abs(squares[j] - bayes_mean[j] * total[j]) / n), SMALLEST_STD)
        step = x[j] - mean[j]
        mean[j] += step / n
        deviations[j] += step * (x[j] - mean[j])
        lowest[j] = min(lowest[j], x[j])
        highest[j] = max(highest[j], x[j])
