"""The project's own Hoeffding tree: Weka's semantics at a hundred times River's speed, for the paper's full
size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from iotids.learning.baselines.array_model import ArrayModel
from iotids.learning.baselines.hoeffding.vfdt_kernels import (
    ADAPTIVE,
    BAYES,
    DEAD,
    LOG_ROOT_2PI,
    MAJORITY,
    SMALLEST_STD,
    SPLIT,
    UNSET_VARIANCE,
    Nodes,
    learn_rows,
    predict_rows,
)
from iotids.learning.contract import check_training

LEAF_KINDS = {"majority": MAJORITY, "bayes": BAYES, "adaptive": ADAPTIVE}


class Vfdt(ArrayModel):
    """Hoeffding tree of Domingos and Hulten (2000) as Weka has it: one pass, then frozen.

    Parameters
    ----------
    grace_period, delta, tau, min_branch_fraction
        Weka's -G 200, -E 1e-7, -H 0.05, -M 0.01.
    leaf : 'majority', 'bayes' or 'adaptive'
        What a leaf answers with (Weka's -L 0, 1, 2).
    """

    def __init__(
        self,
        *,
        grace_period: float = 200.0,
        delta: float = 1e-7,
        tau: float = 0.05,
        min_branch_fraction: float = 0.01,
        leaf: str = "adaptive",
    ) -> None:
        if leaf not in LEAF_KINDS:
            raise ValueError(f"leaf {leaf!r}; known are {', '.join(LEAF_KINDS)}")
        self.leaf_kind = LEAF_KINDS[leaf]
        self.settings = (float(grace_period), float(delta), float(tau), float(min_branch_fraction))

    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int) -> None:
        """One pass over the rows in the order of a permutation drawn with `seed`."""
        self.learn_in_order(X, y, np.random.default_rng(seed).permutation(y.size), n_classes=n_classes)

    def learn_in_order(self, X: np.ndarray, y: np.ndarray, order: np.ndarray, *, n_classes: int) -> None:
        """Start anew and learn the rows in a given order."""
        check_training(X, y, n_classes=n_classes)
        self.nodes, self.n_nodes = empty_nodes(64, n_classes, X.shape[1]), 1
        self.learn_more(np.ascontiguousarray(X, np.float64), np.ascontiguousarray(y, np.int64), order)

    def learn_more(self, X: np.ndarray, y: np.ndarray, order: np.ndarray) -> None:
        """Learn further rows of contiguous float64 features and int64 classes, in a given order."""
        done = 0
        while done < order.size:
            done, self.n_nodes = learn_rows(
                self.nodes, self.n_nodes, X, y, order, done, self.leaf_kind, *self.settings
            )
            if done < order.size:
                self.nodes = doubled(self.nodes)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) leaf by leaf; nothing is learnt."""
        scores = np.empty((features.shape[0], self.nodes.seen.shape[1]))
        predict_rows(self.nodes, np.ascontiguousarray(features, np.float64), self.leaf_kind, scores)
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        """The nodes in use, and what a leaf answers with."""
        nodes = {name: part[: self.n_nodes] for name, part in self.nodes._asdict().items()}
        return nodes | {"leaf_kind": np.array(self.leaf_kind)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Vfdt:
        """The tree again."""
        model = cls()
        model.leaf_kind = int(arrays["leaf_kind"])
        model.nodes = Nodes(*(arrays[name] for name in Nodes._fields))
        model.n_nodes = len(model.nodes.kind)
        return model

    def facts(self) -> dict[str, Any]:
        """Size of the tree."""
        kind = self.nodes.kind[: self.n_nodes]
        leaves = int((kind != SPLIT).sum())
        return {
            "nodes": self.n_nodes,
            "leaves": leaves,
            "closed_leaves": int((kind == DEAD).sum()),
            "height": self.height(),
        }

    def height(self) -> int:
        """Levels of the tree; 1 for a single leaf."""
        depth = np.ones(self.n_nodes, int)
        for node in range(self.n_nodes):  # children are numbered after their parent
            if self.nodes.kind[node] == SPLIT:
                depth[self.nodes.child[node]] = depth[node] + 1
        return int(depth.max())


def empty_nodes(size: int, k: int, d: int) -> Nodes:
    """Room for `size` nodes, all of them leaves that have seen nothing."""
    per_value = (size, k, d)
    return Nodes(
        kind=np.zeros(size, np.int8),
        feature=np.full(size, -1, np.int32),
        cut=np.full(size, np.nan),
        child=np.full((size, 2), -1, np.int32),
        weight=np.zeros((size, k)),
        listed=np.zeros((size, k), np.bool_),
        tried_at=np.zeros(size),
        right_majority=np.zeros(size),
        right_bayes=np.zeros(size),
        seen=np.zeros((size, k)),
        total=np.zeros(per_value),
        squares=np.zeros(per_value),
        mean=np.zeros(per_value),
        std=np.full(per_value, SMALLEST_STD),
        inv_std=np.full(per_value, 1.0 / SMALLEST_STD),
        log_norm=np.full(per_value, -np.log(SMALLEST_STD) - LOG_ROOT_2PI),
        raw_total=np.zeros(per_value),
        raw_squares=np.zeros(per_value),
        low=np.full(per_value, np.inf),
        high=np.full(per_value, -np.inf),
        variance=np.full(per_value, UNSET_VARIANCE),
    )


def doubled(nodes: Nodes) -> Nodes:
    """The same nodes with as much room again."""
    size, k, d = nodes.total.shape
    fresh = empty_nodes(size, k, d)
    return Nodes(*(np.concatenate([old, new]) for old, new in zip(nodes, fresh, strict=True)))
