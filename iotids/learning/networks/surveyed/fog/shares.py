"""Which flows each node of a fog has: equal shares, drawn at random or by site."""

from __future__ import annotations

import numpy as np

from iotids.learning.contract import TrainingData

SHARES = ("random", "site")


def node_shares(data: TrainingData, nodes: int, how: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Row numbers of each node; every row has one node.

    'random' deals out the flows of each class in turn, so that every node has every class. 'site' sorts flows by site
    and cuts the row into equal pieces: with as many nodes as sites of equal size each node is a site.

    Raises
    ------
    ValueError
        A node would get no flow, or with 'random' a class fewer flows than there are nodes.
    """
    n = data.truth.size
    if n < nodes:
        raise ValueError(f"node {n + 1} of {nodes} gets no flow: the training rows are {n}; lower nodes")
    mixed = rng.permutation(n)
    if how == "site":
        ordered = mixed[np.argsort(data.source[mixed], kind="stable")]
        return [np.sort(part) for part in np.array_split(ordered, nodes)]
    counts = np.bincount(data.truth, minlength=data.n_classes)
    for number in np.flatnonzero((counts > 0) & (counts < nodes)):
        raise ValueError(
            f"class {data.classes[number]} has {counts[number]} training flows for {nodes} nodes, so a node has none of it; "
            f"lower nodes or use shares: site"
        )
    ordered = mixed[np.argsort(data.truth[mixed], kind="stable")]
    return [np.sort(ordered[node::nodes]) for node in range(nodes)]


def missing_classes(data: TrainingData, shares: list[np.ndarray]) -> list[list[str]]:
    """Per node the classes of the training rows of which it has no flow."""
    every = np.unique(data.truth)
    return [[data.classes[c] for c in np.setdiff1d(every, data.truth[share])] for share in shares]
