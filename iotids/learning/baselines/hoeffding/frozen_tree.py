"""A Hoeffding tree that learns no more, as arrays: splits, and leaves with the statistics that their answers need."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from iotids.learning.baselines.weka_bayes import DEFAULT_PRECISION, SMALLEST_LIKELIHOOD


class FrozenTree(NamedTuple):
    """m nodes, node 0 the root; k classes, d features.

    feature, threshold : (m,) rows with feature <= threshold go to the first child; feature is -1 in a leaf
    children : (m, 2)
    by_bayes : (m,) bool, the leaf answers by naive Bayes, else by its class shares
    shares : (m, k) class shares
    seen : (m, k), mean and std : (m, k, d) of naive Bayes
    """

    feature: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    by_bayes: np.ndarray
    shares: np.ndarray
    seen: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def score_rows(tree: FrozenTree, X: np.ndarray) -> np.ndarray:
    """(n, k) scores of (n, d) rows, leaf by leaf."""
    scores = np.empty((X.shape[0], tree.shares.shape[1]))
    stack = [(0, np.arange(X.shape[0]))]
    while stack:
        node, rows = stack.pop()
        if tree.feature[node] >= 0:
            left = X[rows, tree.feature[node]] <= tree.threshold[node]
            first, second = tree.children[node].tolist()
            stack += [(first, rows[left]), (second, rows[~left])]
        elif rows.size and tree.by_bayes[node]:
            scores[rows] = bayes_scores(X[rows], tree.seen[node], tree.mean[node], tree.std[node])
        elif rows.size:
            scores[rows] = tree.shares[node]
    return scores


def bayes_scores(X: np.ndarray, seen: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(n, k) posterior of a leaf's naive Bayes."""
    logs = bayes_logs(X[:, None, :], seen, mean, std)
    scores = np.exp(logs - logs.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def bayes_logs(x: np.ndarray, seen: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(..., k) unnormalised log posterior of rows (..., 1, d) or of one row (d,): in logarithms nothing
    underflows.
    """
    half = DEFAULT_PRECISION / 2.0
    offset = np.rint(x / DEFAULT_PRECISION) * DEFAULT_PRECISION - mean
    mass = ndtr((offset + half) / std) - ndtr((offset - half) / std)
    prior = np.log((seen + 1.0) / (seen.sum() + seen.size))
    return prior + np.log(np.maximum(mass / DEFAULT_PRECISION, SMALLEST_LIKELIHOOD)).sum(axis=-1)
