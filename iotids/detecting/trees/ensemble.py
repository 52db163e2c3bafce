"""The trees of an ONNX node as arrays, every number in them checked: packages come from anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotids.detecting.trees.graph import Node, leaves_of, number_of, numbers_of, tensor_of, text_of

MOST_NODES = 1 << 18  # of all trees; larger forests leave the cache, and onnxruntime is as fast
LARGEST_TREE = 1 << 15  # nodes
DEEPEST = 64  # steps from the root to a leaf
MOST_FEATURES = 1 << 15
MOST_TARGETS = 64


@dataclass(frozen=True)
class Ensemble:
    """Trees one after the other; rows with feature <= threshold go left.

    feature, left, right : (m,) int64, children by their place among all nodes. threshold : (m,) float64.
    is_leaf : (m,) bool. tree : (m,) int64, ascending. roots : (trees,) places.
    weights : (m, k) float64, what a leaf adds. offset : (k,) float64, what is added to the sum.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    is_leaf: np.ndarray
    tree: np.ndarray
    roots: np.ndarray
    weights: np.ndarray
    offset: np.ndarray


def ensemble_of(node: Node, n_features: int) -> Ensemble | None:
    """The trees of a node as the exporter writes them; None where anything is otherwise."""
    given = node.attributes
    tree, number, feature, left, right, missing = (
        numbers_of(given.get(f"nodes_{name}"))
        for name in (
            "treeids",
            "nodeids",
            "featureids",
            "truenodeids",
            "falsenodeids",
            "missing_value_tracks_true",
        )
    )
    is_leaf, threshold = leaves_of(given.get("nodes_modes")), tensor_of(given.get("nodes_values_as_tensor"))
    columns = (tree, number, feature, left, right, missing, is_leaf, threshold)
    if (
        text_of(given.get("aggregate_function")) != "SUM"
        or text_of(given.get("post_transform")) != "NONE"
        or any(column is None for column in columns)
    ):
        return None
    assert tree is not None and number is not None and feature is not None and left is not None
    assert right is not None and missing is not None and is_leaf is not None and threshold is not None
    sizes = {column.size for column in columns if column is not None}
    if len(sizes) != 1 or not 0 < tree.size <= MOST_NODES or not _is_numbered(tree, number) or missing.any():
        return None
    roots = np.flatnonzero(number == 0)
    left, right = roots[tree] + left, roots[tree] + right
    inner = np.flatnonzero(~is_leaf)
    if not _are_trees(left[inner], right[inner], inner, tree, roots):
        return None
    if n_features > MOST_FEATURES or feature.max() >= n_features or not np.isfinite(threshold).all():
        return None
    leaves = _weights_of(node, tree, roots, is_leaf)
    if leaves is None:
        return None
    return Ensemble(feature, threshold, left, right, is_leaf, tree, roots, *leaves)


def _is_numbered(tree: np.ndarray, number: np.ndarray) -> bool:
    """Whether trees and their nodes are numbered from 0 on, in order."""
    begins = number == 0
    sizes = np.diff(np.append(np.flatnonzero(begins), tree.size))
    return bool(
        begins[0]
        and (tree == np.cumsum(begins) - 1).all()
        and (np.diff(number)[~begins[1:]] == 1).all()
        and sizes.max() <= LARGEST_TREE
    )


def _are_trees(
    left: np.ndarray, right: np.ndarray, inner: np.ndarray, tree: np.ndarray, roots: np.ndarray
) -> bool:
    """Whether every node but the roots is the child of one node, of a smaller number and the same tree: no cycle, no end."""
    children = np.concatenate([left, right])
    if children.size and children.max() >= tree.size:
        return False
    parents = np.bincount(children, minlength=tree.size)
    wanted = np.ones(tree.size, np.int64)
    wanted[roots] = 0
    same = (tree[left] == tree[inner]).all() and (tree[right] == tree[inner]).all()
    return bool(same and (left > inner).all() and (right > inner).all() and (parents == wanted).all())


def _weights_of(
    node: Node, tree: np.ndarray, roots: np.ndarray, is_leaf: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """What every leaf adds, and the offset."""
    given = node.attributes
    of_tree, of_node, target = (
        numbers_of(given.get(f"target_{name}")) for name in ("treeids", "nodeids", "ids")
    )
    weights, offset = (
        tensor_of(given.get(name)) for name in ("target_weights_as_tensor", "base_values_as_tensor")
    )
    k = number_of(given.get("n_targets"))
    if of_tree is None or of_node is None or target is None or weights is None or offset is None or k is None:
        return None
    if (
        not 0 < k <= MOST_TARGETS
        or offset.size != k
        or {of_tree.size, of_node.size, target.size} != {weights.size}
    ):
        return None
    if weights.size == 0 or of_tree.max() >= roots.size or target.max() >= k:
        return None
    place = roots[of_tree] + of_node
    if place.max() >= tree.size or (tree[place] != of_tree).any() or not is_leaf[place].all():
        return None
    once = np.bincount(place * k + target, minlength=tree.size * k)
    if once.max() > 1 or not np.isfinite(weights).all() or not np.isfinite(offset).all():
        return None
    table = np.zeros((tree.size, k))
    table[place, target] = weights
    return table, offset
