"""An ensemble laid out for the kernel: each tree level by level, so that the two children of a node are neighbours and one word says
which feature a node asks and where its left child is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iotids.detecting.trees.ensemble import DEEPEST, Ensemble
from iotids.flowmeter.kernels.words import bundle

WIDTH = 8  # weights that are added at once


@bundle
class Trees(NamedTuple):
    """What the kernel walks; of each tree `starts[t]` to `starts[t + 1]`.

    words : (m,) uint32, feature, and the left child's place in the tree times 65,536; the right one follows it.
    thresholds : (m,) float64; of a leaf NaN, so every step goes right, and its word leads it to itself.
    weights : (m * width,) float64. starts, levels : (trees + 1,), (trees,) int64; steps to the deepest leaf.
    """

    words: np.ndarray
    thresholds: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    levels: np.ndarray


def laid_out(trees: Ensemble, thresholds: np.ndarray) -> Trees | None:
    """The layout with other thresholds, one for every node that is no leaf; None for trees that are too deep."""
    place, levels = np.zeros(trees.tree.size, np.int64), np.zeros(trees.roots.size, np.int64)
    free = np.ones(trees.roots.size, np.int64)  # the next place in each tree
    nodes = trees.roots
    for _ in range(DEEPEST + 1):
        nodes = nodes[~trees.is_leaf[nodes]]
        if nodes.size == 0:
            break
        tree = trees.tree[nodes]
        before = np.arange(tree.size) - np.searchsorted(tree, tree)  # of the same tree
        place[trees.left[nodes]] = free[tree] + 2 * before
        place[trees.right[nodes]] = free[tree] + 2 * before + 1
        count = np.bincount(tree, minlength=free.size)
        free += 2 * count
        levels += count > 0
        nodes = np.column_stack([trees.left[nodes], trees.right[nodes]]).ravel()
    else:
        return None
    word = np.where(trees.is_leaf, place - 1, trees.feature | place[trees.left] << 16)
    word[trees.is_leaf] = np.maximum(word[trees.is_leaf], 0) << 16
    at = trees.roots[trees.tree] + place
    m, k = trees.weights.shape
    words, limits = np.zeros(m, np.uint32), np.zeros(m)
    weights = np.zeros((m, -(-k // WIDTH) * WIDTH))
    words[at], weights[at, :k], limits[at[trees.is_leaf]] = word, trees.weights, np.nan
    limits[at[~trees.is_leaf]] = thresholds
    return Trees(words, limits, weights.ravel(), np.append(trees.roots, m), levels)
