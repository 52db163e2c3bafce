"""River's Hoeffding tree with the settings and the leaves of Weka's, trained in one pass and frozen for the
test.

River's own naive-Bayes leaf leaves out terms it has no spread for, so on unscaled µs and byte features a
class seen once beats every other. The leaf here keeps River's growth and split rule and takes Weka's leaf
model: floors for spread and likelihood. Its statistics are arrays over (class, feature), which compiled code
judges a row by and takes it into (leaf_kernels.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from river.tree import HoeffdingTreeClassifier
from river.tree.nodes.branch import NumericBinaryBranch
from river.tree.nodes.htc_nodes import LeafNaiveBayesAdaptive
from river.tree.utils import BranchFactory
from scipy.special import ndtr, xlogy

from iotids.learning.baselines.array_model import ArrayModel
from iotids.learning.baselines.hoeffding.frozen_tree import FrozenTree, score_rows
from iotids.learning.baselines.hoeffding.kinds import HoeffdingSettings
from iotids.learning.baselines.hoeffding.leaf_kernels import judge_and_take_in, no_statistics
from iotids.learning.contract import check_training

N_CUT_POINTS = 10
UNLIMITED_MIB = 1e9


class HoeffdingTree(ArrayModel):
    """River's HoeffdingTreeClassifier as Weka's HoeffdingTree would be: one seeded pass over the training
    rows, then frozen.

    Parameters
    ----------
    grace_period, delta, tau, min_branch_fraction
        Weka's -G 200, -E 1e-7, -H 0.05, -M 0.01.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int) -> None:
        """One pass over the rows in the order of a permutation drawn with `seed` (Weka shuffles each training
        part too).
        """
        check_training(X, y, n_classes=n_classes)
        self.tree = WekaLikeTree(
            n_classes=n_classes, n_features=X.shape[1], **asdict(HoeffdingSettings(**self.settings))
        )
        for row in np.random.default_rng(seed).permutation(y.size):
            # a row serves as River's dict: the tree only asks for x[feature number]
            self.tree.learn_one(X[row], int(y[row]))
        self.frozen = freeze(self.tree)
        self.height = int(self.tree.height)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) leaf by leaf; nothing is learnt."""
        return score_rows(self.frozen, features)

    def arrays(self) -> dict[str, np.ndarray]:
        """The frozen tree."""
        return self.frozen._asdict() | {"height": np.array(self.height)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> HoeffdingTree:
        """The frozen tree again."""
        model = cls()
        model.frozen = FrozenTree(*(arrays[name] for name in FrozenTree._fields))
        model.height = int(arrays["height"])
        return model

    def facts(self) -> dict[str, Any]:
        """Size of the tree."""
        leaves = int((self.frozen.feature < 0).sum())
        return {"nodes": self.frozen.feature.size, "leaves": leaves, "height": self.height}

    def __getstate__(self) -> dict[str, Any]:
        """What scores need; River's objects are neither sent nor stored."""
        return {name: value for name, value in self.__dict__.items() if name != "tree"}


def freeze(tree: WekaLikeTree) -> FrozenTree:
    """The tree's splits and leaves, parents before their children."""
    nodes: list[Any] = [tree._root]
    children = []
    for node in nodes:  # grows while it is walked
        split = isinstance(node, NumericBinaryBranch)
        children.append([len(nodes), len(nodes) + 1] if split else [-1, -1])
        nodes += node.children if split else []
    shape = (len(nodes), tree.n_classes, tree.n_features)
    frozen = FrozenTree(
        feature=np.full(shape[0], -1),
        threshold=np.zeros(shape[0]),
        children=np.array(children),
        by_bayes=np.zeros(shape[0], bool),
        shares=np.zeros(shape[:2]),
        seen=np.zeros(shape[:2]),
        mean=np.zeros(shape),
        std=np.ones(shape),
    )
    for i, node in enumerate(nodes):
        if isinstance(node, NumericBinaryBranch):
            frozen.feature[i], frozen.threshold[i] = node.feature, node.threshold
        else:
            frozen.by_bayes[i], frozen.shares[i] = node.answers_by_bayes(), node.shares()
            known = node.statistics
            frozen.seen[i], frozen.mean[i], frozen.std[i] = known.seen, known.bayes_mean, known.bayes_std
    return frozen


class WekaLikeTree(HoeffdingTreeClassifier):
    """River's tree without memory limits and without its refusal to split a dominated leaf."""

    def __init__(self, *, n_classes: int, n_features: int, **settings: Any) -> None:
        super().__init__(
            leaf_prediction="nba",
            split_criterion="info_gain",
            nb_threshold=0,
            max_share_to_split=1.0,
            max_size=UNLIMITED_MIB,
            memory_estimate_period=2**62,
            **settings,
        )
        self.n_classes, self.n_features = n_classes, n_features

    def _new_leaf(self, initial_stats: dict | None = None, parent: Any = None) -> WekaLeaf:
        """A leaf whose class counts start from what the split expects of it."""
        return WekaLeaf(
            initial_stats or {}, 0 if parent is None else parent.depth + 1, self.n_classes, self.n_features
        )

    def _enforce_size_limit(self) -> None:
        """No limit; River would walk all leaves after every split."""


class WekaLeaf(LeafNaiveBayesAdaptive):
    """A leaf with Weka's naive Bayes (fresh after a split, Laplace prior, precision 0.01) and River's
    Gaussian split search.
    """

    def __init__(self, stats: dict, depth: int, n_classes: int, n_features: int) -> None:
        super().__init__(dict(stats), depth, None)
        self.statistics = no_statistics(n_classes, n_features)

    def learn_one(self, x: np.ndarray, y: int, *, w: float = 1.0, tree: Any = None) -> None:
        """Score both predictors on the row, then take it in."""
        if self.is_active():
            if not self.stats or max(self.stats, key=self.stats.get) == y:
                self._mc_correct_weight += w
            if judge_and_take_in(self.statistics, x, y):
                self._nb_correct_weight += w
        self.update_stats(y, w)

    def answers_by_bayes(self) -> bool:
        """Whether naive Bayes was right at least as often in this leaf as the majority."""
        return bool(self.is_active() and self._nb_correct_weight >= self._mc_correct_weight)

    def shares(self) -> np.ndarray:
        """(k,) class shares."""
        counts = np.array([self.stats.get(c, 0.0) for c in range(self.statistics.seen.size)])
        return counts / max(counts.sum(), 1e-300)  # a leaf that no row has reached

    def best_split_suggestions(self, criterion: Any, tree: Any) -> list[BranchFactory]:
        """No split, and the best cut of every feature: River's GaussianSplitter for all features and cuts at
        once.
        """
        known = self.statistics
        classes = np.flatnonzero(known.seen)
        low, high = known.lowest[classes].min(axis=0), known.highest[classes].max(axis=0)
        cuts = low + (high - low) / (N_CUT_POINTS + 1.0) * np.arange(1, N_CUT_POINTS + 1)[:, None]
        left = self._expected_left(cuts, classes)
        right = known.seen[classes] - left
        merit = self._info_gain(left, right, criterion.min_branch_fraction)
        merit[~((low < cuts) & (cuts < high))] = -math.inf
        best = merit.argmax(axis=0)
        suggestions = [BranchFactory()]
        for j in np.flatnonzero(merit.max(axis=0) > -math.inf):
            sides = [
                dict(zip(classes.tolist(), side[best[j], j].tolist(), strict=True)) for side in (left, right)
            ]
            suggestions.append(
                BranchFactory(float(merit[best[j], j]), int(j), float(cuts[best[j], j]), sides)
            )
        return suggestions

    def _expected_left(self, cuts: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """(cuts, d, classes) rows expected at or below every cut under each class's normal; exact outside its
        range.
        """
        known = self.statistics
        n = known.seen[classes]
        std = np.sqrt(known.deviations[classes] / np.maximum(n - 1.0, 1.0)[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            below = ndtr((cuts[:, None, :] - known.mean[classes]) / std)
        below = np.where(
            cuts[:, None, :] < known.lowest[classes],
            0.0,
            np.where(cuts[:, None, :] >= known.highest[classes], 1.0, below),
        )
        return np.moveaxis(below * n[:, None], 1, 2)

    def _info_gain(self, left: np.ndarray, right: np.ndarray, min_branch_fraction: float) -> np.ndarray:
        """(cuts, d) information gain in bits; -inf where a branch would hold too little."""
        total = left.sum(axis=2) + right.sum(axis=2)
        after = (_entropy_mass(left) + _entropy_mass(right)) / total
        stats = np.array(list(self.stats.values()))
        gain = _entropy_mass(stats) / stats.sum() - after
        thin = np.minimum(left.sum(axis=2), right.sum(axis=2)) / total <= min_branch_fraction
        return np.where(thin, -math.inf, gain)


def _entropy_mass(weights: np.ndarray) -> np.ndarray:
    """Entropy in bits times total weight, along the last axis."""
    total = weights.sum(axis=-1)
    return (xlogy(total, total) - xlogy(weights, weights).sum(axis=-1)) / math.log(2.0)
