"""Which features to keep, chosen from the training rows alone: one function a method, each (X, y, m, seed) -> m columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.svm import LinearSVC

from iotids.learning.data.signed_log import signed_log

ALIKE = 0.7  # mean absolute correlation from which columns are one cluster


def by_mutual_information(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Most information about the class, by nearest neighbours. Source: Ross 2014."""
    return largest(mutual_info_classif(_unit(X), y, random_state=seed), m)


def by_anova_f(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Largest F statistic of the classes' means of logarithms."""
    del seed
    return largest(relevance(X, y), m)


def by_l1(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Largest weights, summed over classes, of a linear machine with an absolute penalty."""
    machine = LinearSVC(penalty="l1", dual=False, C=0.1, random_state=seed, max_iter=300)
    return largest(np.abs(machine.fit(_unit(X), y).coef_).sum(axis=0), m)


def by_tree_importance(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Most impurity removed in extremely randomised trees."""
    return largest(_trees(seed).fit(X, y).feature_importances_, m)


def by_permutation(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Largest loss of accuracy on one half of the rows, when a column is mixed there, of trees fitted on the other.

    Source: Breiman 2001, Sec. 10, on held-out rows.
    """
    rng = np.random.default_rng(seed)
    first, second = np.array_split(rng.permutation(len(y)), 2)
    trees, held = _trees(seed).fit(X[first], y[first]), X[second].copy()
    before, losses = (trees.predict(held) == y[second]).mean(), np.zeros(X.shape[1])
    for j in range(X.shape[1]):
        column = held[:, j].copy()
        held[:, j] = rng.permutation(column)
        losses[j] = before - (trees.predict(held) == y[second]).mean()
        held[:, j] = column
    return largest(losses, m)


def by_mrmr(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """One after the other, the largest F statistic over the mean absolute correlation with those chosen.

    Source: Ding & Peng 2005, FCQ.
    """
    del seed
    gain, alike = relevance(X, y), _correlation(X)
    chosen = [int(gain.argmax())]
    while len(chosen) < m:
        worth = gain / np.maximum(alike[:, chosen].mean(axis=1), 1e-3)
        worth[chosen] = -1.0
        chosen.append(int(worth.argmax()))
    return np.sort(np.array(chosen))


def by_clusters(X: np.ndarray, y: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Columns joined by correlation (average linkage, down to ALIKE) or to m clusters where those are more; of each
    cluster the column of largest F statistic, and of these the m largest.
    """
    from scipy.cluster.hierarchy import cut_tree, fcluster, linkage

    del seed
    gain, distance = relevance(X, y), 1 - _correlation(X)
    tree = linkage(distance[np.triu_indices(len(distance), 1)], "average")
    cluster = fcluster(tree, 1 - ALIKE, "distance")
    if np.unique(cluster).size < m:
        cluster = cut_tree(tree, n_clusters=m)[:, 0]
    members = [np.flatnonzero(cluster == c) for c in np.unique(cluster)]
    best = np.array([int(rows[gain[rows].argmax()]) for rows in members])
    return np.sort(best[largest(gain[best], m)])


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]] = {
    "mutual_information": by_mutual_information,
    "anova_f": by_anova_f,
    "l1": by_l1,
    "tree_importance": by_tree_importance,
    "permutation": by_permutation,
    "mrmr": by_mrmr,
    "clusters": by_clusters,
}


def choose_features(
    method: str, X: np.ndarray, y: np.ndarray, *, n_features: int, max_rows: int, seed: int
) -> np.ndarray:
    """Numbers of the chosen columns, ascending.

    Parameters
    ----------
    n_features : at most as many as X has
    max_rows : drawn without replacement; of each class at least two where it has them
    """
    if n_features >= X.shape[1]:
        return np.arange(X.shape[1])
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))
    rare = [np.flatnonzero(y == c)[:2] for c in np.unique(y)]
    kept = np.unique(np.concatenate([rows[:max_rows], *rare]))
    return METHODS[method](X[kept], y[kept], n_features, seed)


def largest(worth: np.ndarray, m: int) -> np.ndarray:
    """Numbers of the m largest, ascending; of equal ones the first; what is no number comes last."""
    worth = np.where(np.isfinite(worth), worth, -np.inf)
    return np.sort(np.argsort(-worth, kind="stable")[:m])


def relevance(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(d,) F statistic of each column's logarithms; 0 for a constant column, 1e12 for one that the class fixes."""
    x = _unit(X)
    varies, found = x.std(axis=0) > 0, np.zeros(X.shape[1])
    with np.errstate(all="ignore"):
        found[varies] = np.nan_to_num(f_classif(x[:, varies], y)[0], nan=0.0, posinf=1e12)
    return found


def _correlation(X: np.ndarray) -> np.ndarray:
    """(d, d) absolute correlation of logarithms; a constant column is like none but itself."""
    x = _unit(X)
    alike = np.abs(x.T @ x) / len(x)
    np.fill_diagonal(alike, 1.0)
    return np.clip(alike, 0.0, 1.0)


def _unit(X: np.ndarray) -> np.ndarray:
    """Logarithms of mean 0 and variance 1; constant columns are 0."""
    x = signed_log(X)
    spread = x.std(axis=0)
    same = spread <= 1e-9 * np.maximum(1.0, np.abs(x.mean(axis=0)))
    return np.where(same, 0.0, (x - x.mean(axis=0)) / np.where(same, 1.0, spread))


def _trees(seed: int) -> ExtraTreesClassifier:
    """Of a hundred trees."""
    return ExtraTreesClassifier(100, random_state=seed, n_jobs=1)
