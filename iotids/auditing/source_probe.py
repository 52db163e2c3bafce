"""A probe that predicts a flow's source from its features: where it succeeds, a model can tell the class by
the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DEPTHS = (1, 3, 10)


def probe_sources(
    features: Mapping[str, np.ndarray],
    sources: np.ndarray,
    names: Sequence[str],
    groups: np.ndarray,
    *,
    seed: int,
) -> dict[str, Any] | None:
    """Train a small tree on half of the captures or groups and test it on the others.

    Parameters
    ----------
    features : mapping of (n,) float64
    sources : (n,) int
        What to predict: index into `names`.
    groups : (n,) int
        Rows of one group stay on one side; a source with one group is cut within it.
    seed : int

    Returns
    -------
    dict or None
        Balanced accuracies of trees of depth 1, 3 and 10, chance, and the features the deepest relied on;
        None with fewer than two sources.
    """
    # imported here: it takes more than a second, and the stage's --help and its errors need no tree
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.tree import DecisionTreeClassifier

    present = np.unique(sources)
    if len(present) < 2:
        return None
    matrix = np.stack([values.astype(np.float32) for values in features.values()], axis=1)
    train = _half(sources, groups, np.random.default_rng(seed))
    scores = {}
    for depth in DEPTHS:
        tree = DecisionTreeClassifier(max_depth=depth, class_weight="balanced", random_state=seed).fit(
            matrix[train], sources[train]
        )
        scores[str(depth)] = float(balanced_accuracy_score(sources[~train], tree.predict(matrix[~train])))
    order = np.argsort(-tree.feature_importances_, kind="stable")[:5]
    return {
        "sources": [names[number] for number in present],
        "chance": 1 / len(present),
        "balanced_accuracy": scores,
        "train_rows": int(train.sum()),
        "test_rows": int((~train).sum()),
        "relied_on": [list(features)[number] for number in order],
    }


def _half(sources: np.ndarray, groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Choose the training rows: half of each source's groups, or half of its rows when it has one group."""
    train = np.zeros(len(sources), dtype=bool)
    for source in np.unique(sources):
        rows = np.flatnonzero(sources == source)
        distinct = np.unique(groups[rows])
        if len(distinct) > 1:
            chosen = generator.permutation(distinct)[: len(distinct) // 2]
            train[rows] = np.isin(groups[rows], chosen)
        else:
            train[generator.permutation(rows)[: max(len(rows) // 2, 1)]] = True
    return train
