"""Drop inputs that tell the site but not the class: each one is judged alone, on sites held apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Probed:
    """What one input tells by itself: both in [0, 1], 0 is nothing."""

    site: np.ndarray
    attack: np.ndarray

    def kept(self, *, site_at_most: float, attack_at_least: float) -> np.ndarray:
        """(d,) bool: inputs that tell little of the site, or enough of the attack."""
        keep: np.ndarray = (self.site <= site_at_most) | (self.attack >= attack_at_least)
        return keep


def probe_inputs(X: np.ndarray, sites: np.ndarray, is_attack: np.ndarray) -> Probed:
    """Judge every input alone by ranks.

    Parameters
    ----------
    X : (n, d) without NaN
    sites : (n,) strings
    is_attack : (n,) bool

    Returns
    -------
    Probed
        site : mean over pairs of sites of |2 AUC - 1| on benign rows: how far benign traffic of one site
        lies from that of another. attack : |mean over sites with both classes of (2 AUC - 1)| of attack
        against benign: an input that points the other way on another site tells nothing. Either is 0 where
        there is no pair, no such site.
    """
    benign = {site: X[(sites == site) & ~is_attack] for site in np.unique(sites)}
    benign = {site: rows for site, rows in benign.items() if len(rows)}
    names = sorted(benign)
    between = [np.abs(_separation(benign[a], benign[b])) for i, a in enumerate(names) for b in names[i + 1 :]]
    within = [
        _separation(X[(sites == site) & is_attack], benign[site])
        for site in names
        if ((sites == site) & is_attack).any()
    ]
    nothing = np.zeros(X.shape[1])
    return Probed(
        np.mean(between, axis=0) if between else nothing,
        np.abs(np.mean(within, axis=0)) if within else nothing,
    )


def _separation(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """2 AUC - 1 of each column: 1 where all of `above` are larger than all of `below`, ties count half."""
    both = np.concatenate([above, below])
    ranks = np.empty(both.shape)
    for column in range(both.shape[1]):
        values, inverse, counts = np.unique(both[:, column], return_inverse=True, return_counts=True)
        del values
        ranks[:, column] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = len(above)
    area = (ranks[:n].sum(axis=0) - n * (n + 1) / 2) / (n * len(below))
    separation: np.ndarray = 2 * area - 1
    return separation
