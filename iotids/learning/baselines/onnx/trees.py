"""Decision trees as one TreeEnsembleRegressor in float64: the comparisons are those of the fitted trees, bit for
bit.

Written from the trees' arrays, because a converter that rounds thresholds to float32 sends flows whose
features are microseconds to other leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from iotids.learning.runs.onnx_graph import Part, cast, constant, node


class Tree(NamedTuple):
    """One tree; node 0 is the root. Rows with feature <= threshold go left; `left` is -1 in a leaf.

    weights : (nodes, targets) float64 what a leaf adds to each target
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    weights: np.ndarray


def ensemble(trees: Sequence[Tree], source: str, output: str, *, offset: np.ndarray) -> Part:
    """(n, targets) float32 `output`: `offset` plus the sum of the weights of the leaves that a float64 row reaches."""
    from onnx import helper

    sizes = [len(tree.left) for tree in trees]
    tree_of = np.repeat(np.arange(len(trees)), sizes)
    number = np.concatenate([np.arange(size) for size in sizes])
    left, right = (np.concatenate([getattr(tree, side) for tree in trees]) for side in ("left", "right"))
    leaf = left < 0
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees]).astype(np.float64)
    weights = np.concatenate([tree.weights for tree in trees])
    given = leaf[:, None] & (weights != 0.0)
    given[leaf & ~given.any(axis=1), 0] = True  # the operator wants a weight in every leaf
    rows, targets = np.nonzero(given)
    regressor = helper.make_node(
        "TreeEnsembleRegressor",
        [source],
        [output],
        name=output,
        domain="ai.onnx.ml",
        n_targets=weights.shape[1],
        aggregate_function="SUM",
        post_transform="NONE",
        base_values_as_tensor=constant("base_values", np.asarray(offset, np.float64)),
        nodes_treeids=tree_of,
        nodes_nodeids=number,
        nodes_featureids=np.where(leaf, 0, feature),
        nodes_modes=["LEAF" if is_leaf else "BRANCH_LEQ" for is_leaf in leaf],
        nodes_values_as_tensor=constant("thresholds", np.where(leaf, 0.0, threshold)),
        nodes_truenodeids=np.where(leaf, 0, left),
        nodes_falsenodeids=np.where(leaf, 0, right),
        nodes_missing_value_tracks_true=np.zeros(len(leaf), np.int64),
        target_treeids=tree_of[rows],
        target_nodeids=number[rows],
        target_ids=targets,
        target_weights_as_tensor=constant("leaf_weights", weights[rows, targets]),
    )
    return Part([regressor], [])


def float32_rounded(source: str, output: str) -> Part:
    """Scikit-learn's trees compare float32 values with float64 thresholds: round as they do."""
    return Part(
        [cast(source, f"{output}_float", np.float32), cast(f"{output}_float", output, np.float64)], []
    )


def scikit_tree(tree: object, *, share: float = 1.0, feature: int | None = None) -> Tree:
    """A tree of scikit-learn (`estimator.tree_`) whose leaves add `share` of their class shares.

    `feature` replaces the feature numbers where the tree was fitted on that single column.
    """
    values = tree.value[:, 0, :]  # type: ignore[attr-defined]
    shares = values / values.sum(axis=1, keepdims=True) * share
    features = tree.feature if feature is None else np.full(len(shares), feature)  # type: ignore[attr-defined]
    return Tree(features, tree.threshold, tree.children_left, tree.children_right, shares)  # type: ignore[attr-defined]


def boosted_tree(nodes: np.ndarray, *, target: int, n_targets: int) -> Tree:
    """A tree of HistGradientBoostingClassifier, from the structured array of one of its predictors."""
    leaf = nodes["is_leaf"].astype(bool)
    weights = np.zeros((len(nodes), n_targets))
    weights[:, target] = np.where(leaf, nodes["value"], 0.0)
    left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
    return Tree(nodes["feature_idx"].astype(np.int64), nodes["num_threshold"], left, right, weights)


def zero_beside(source: str, output: str) -> Part:
    """(n, 2) from one column: 0 beside it, so that softmax gives the two classes of a binary decision."""
    nodes = [
        node("Mul", [source, "nothing"], "no_score"),
        node("Concat", ["no_score", source], output, axis=1),
    ]
    return Part(nodes, [constant("nothing", np.array(0.0, np.float32))])
