"""Ranks within a site: what is usual there, learnt from its unlabelled traffic."""

from __future__ import annotations

import numpy as np

KNOTS = 101


class SiteRanks:
    """Turns values into their share of a site's own unlabelled traffic that is smaller; ties count half.

    The traffic may hold attacks: a site whose traffic is mostly attack then ranks these as usual.
    """

    def __init__(self, unlabelled: np.ndarray) -> None:
        if not len(unlabelled):
            raise ValueError("a site without traffic has no ranks; give at least one flow of it")
        self._knots = np.quantile(unlabelled, np.linspace(0, 1, KNOTS), axis=0)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """(n, d) in [0, 1], in steps of half a per cent."""
        ranks = np.empty(X.shape)
        for column in range(X.shape[1]):
            knots = self._knots[:, column]
            left, right = (np.searchsorted(knots, X[:, column], side) for side in ("left", "right"))
            ranks[:, column] = (left + right) / (2 * KNOTS)
        return ranks
