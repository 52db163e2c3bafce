"""Leave one site out, and choose among candidates without ever looking at the site that is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Fit = Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]
"""Takes training rows (their numbers), returns what gives scores for other rows' numbers."""
Judge = Callable[[np.ndarray, np.ndarray], float]
"""Takes row numbers and their scores, returns how good they are."""


@dataclass(frozen=True)
class Nested:
    """Scores of every row by a model without its site: of each candidate, and of the one chosen inside."""

    candidates: dict[str, np.ndarray]
    chosen: np.ndarray
    choices: dict[str, str]


def leave_site_out(sites: np.ndarray, fit: Fit) -> np.ndarray:
    """Score every row by a model fitted on the rows of all other sites.

    Raises
    ------
    ValueError
        Fewer than two sites.
    """
    names = np.unique(sites)
    if len(names) < 2:
        raise ValueError(f"{len(names)} site; leaving one out needs two or more")
    return _gathered(sites, {site: fit(np.flatnonzero(sites != site)) for site in names})


def nested_choice(sites: np.ndarray, candidates: Mapping[str, Fit], judge: Judge) -> Nested:
    """Choose a candidate for every site by a leave-one-site-out over the other sites.

    A model without the sites {i, j} serves both the choice for i (scoring j) and the choice for j (scoring
    i): with s sites every candidate is fitted s (s - 1) / 2 times for the choices and s times for the scores.

    Raises
    ------
    ValueError
        Fewer than three sites.
    """
    names = np.unique(sites)
    if len(names) < 3:
        raise ValueError(f"{len(names)} sites; a choice inside a leave-one-site-out needs three or more")
    inner = {name: _pair_scores(sites, fit) for name, fit in candidates.items()}
    outer = {name: leave_site_out(sites, fit) for name, fit in candidates.items()}
    chosen, choices = np.empty(len(sites)), {}
    for site in names:
        others = np.flatnonzero(sites != site)
        best = max(inner, key=lambda name: judge(others, inner[name][site][others]))
        choices[str(site)] = best
        chosen[sites == site] = outer[best][sites == site]
    return Nested(outer, chosen, choices)


def _pair_scores(sites: np.ndarray, fit: Fit) -> dict[str, np.ndarray]:
    """For each site: scores of all other sites' rows by models that have seen neither; NaN on its own rows."""
    scores = {site: np.full(len(sites), np.nan) for site in np.unique(sites)}
    for a, b in combinations(scores, 2):
        predict = fit(np.flatnonzero((sites != a) & (sites != b)))
        for here, other in ((a, b), (b, a)):
            rows = np.flatnonzero(sites == other)
            scores[here][rows] = predict(rows)
    return scores


def _gathered(sites: np.ndarray, models: Mapping[str, Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """Scores of each site's rows by its model."""
    scores = np.empty(len(sites))
    for site, predict in models.items():
        rows = np.flatnonzero(sites == site)
        scores[rows] = predict(rows)
    return scores
