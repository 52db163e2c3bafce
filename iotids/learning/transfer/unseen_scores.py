"""How well flows of unseen sites are judged: figures in which every site and class counts alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST = 10  # flows of either kind that a site needs for an AUC of its own


@dataclass(frozen=True)
class UnseenScores:
    """Means over (site, class) cells of the share judged right, and over sites of the AUC; NaN without any."""

    benign: float
    attacks: float
    auc_within: float
    cells: dict[tuple[str, str], float]
    aucs: dict[str, float]

    @property
    def balanced(self) -> float:
        """Mean of benign flows judged right and attacks found."""
        return (self.benign + self.attacks) / 2


def score_unseen(
    sites: np.ndarray, labels: np.ndarray, scores: np.ndarray, *, benign: str, threshold: float = 0.5
) -> UnseenScores:
    """Judge scores of attack, each given by a model that has not seen the row's site.

    Parameters
    ----------
    sites, labels : (n,) strings
    scores : (n,) in [0, 1]
    """
    is_attack = labels != benign
    right = (scores >= threshold) == is_attack
    cells, aucs = {}, {}
    for site in np.unique(sites):
        here = sites == site
        for label in np.unique(labels[here]):
            cells[str(site), str(label)] = float(right[here & (labels == label)].mean())
        above, below = scores[here & is_attack], scores[here & ~is_attack]
        if min(len(above), len(below)) >= FEWEST:
            aucs[str(site)] = area_under_roc(above, below)
    return UnseenScores(
        _mean([share for (_, label), share in cells.items() if label == benign]),
        _mean([share for (_, label), share in cells.items() if label != benign]),
        _mean(list(aucs.values())),
        cells,
        aucs,
    )


def area_under_roc(above: np.ndarray, below: np.ndarray) -> float:
    """Chance that one of `above` has a higher score than one of `below`, ties half."""
    ordered = np.sort(below)
    wins = np.searchsorted(ordered, above, "left") + np.searchsorted(ordered, above, "right")
    return float(wins.sum() / (2 * len(above) * len(below)))


def macro_f_elsewhere(sites: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the classes that at least two sites have: no other can be known on an unseen site."""
    known = [label for label in np.unique(labels) if len(np.unique(sites[labels == label])) > 1]
    scores = []
    for label in known:
        true, found = labels == label, predicted == label
        hits = (true & found).sum()
        scores.append(2 * hits / (true.sum() + found.sum()) if hits else 0.0)
    return _mean(scores)


def _mean(values: list[float]) -> float:
    """Mean, NaN of nothing."""
    return float(np.mean(values)) if values else float("nan")
