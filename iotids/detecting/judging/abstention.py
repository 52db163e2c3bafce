"""Does a verdict stand? Split conformal sets per class on the log-odds of attack; where they do not bear it out, it
is withdrawn.

An attack class is possible where the log-odds are at least as high as all but a share of that class's held-out flows
had, benign where they are no higher than all but a share of the benign ones had. So the true class of a flow that is
exchangeable with the held-out ones is among the possible ones with the wanted probability, whatever the model
(Vovk, Gammerman and Shafer 2005, label-conditional). Of each class at most 1 - coverage are judged wrong. Flows of
another network are not exchangeable: what was measured there is on the model card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.detecting.judging.verdict_words import ATTACK, BENIGN, NOTHING_FITS, SEVERAL_FIT, STANDS

NEVER = "never"  # the edge of a class that nothing is promised for


@dataclass(frozen=True)
class PossibleClasses:
    """Which classes the log-odds of attack allow.

    coverage : the wanted probability. edges : (k,) float64, of benign the highest log-odds, of an attack the lowest
        (NaN for a class without a promise; infinite for benign where held-out flows are too few to exclude it).
    """

    coverage: float
    edges: np.ndarray
    benign_index: int

    def of(self, log_odds: np.ndarray) -> np.ndarray:
        """(n, k) bool for (n,) log-odds of attack."""
        possible: np.ndarray = log_odds[:, None] >= self.edges
        possible[:, self.benign_index] = log_odds <= self.edges[self.benign_index]
        return possible

    def withdrawn(self, code: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
        """(n,) int8, place in UNKNOWN_BECAUSE: STANDS for verdicts that only classes of their own kind allow.

        Parameters
        ----------
        code : (n,) verdicts; those that are neither attack nor benign stand.
        """
        possible = self.of(log_odds)
        benign = possible[:, self.benign_index].copy()
        possible[:, self.benign_index] = False
        attack = possible.any(axis=1)
        own, other = np.where(code == ATTACK, attack, benign), np.where(code == ATTACK, benign, attack)
        why = np.where(own & ~other, STANDS, np.where(attack | benign, SEVERAL_FIT, NOTHING_FITS))
        return np.where((code == ATTACK) | (code == BENIGN), why, STANDS).astype(np.int8)


def fit_possible_classes(
    log_odds: np.ndarray,
    truth: np.ndarray,
    n_classes: int,
    *,
    benign_index: int,
    coverage: float,
    without: Sequence[int] = (),
) -> PossibleClasses:
    """Edges from labelled flows that the model has not learnt from; an attack with fewer of them than the coverage
    takes has none.

    Parameters
    ----------
    log_odds : (n,) of attack. truth : (n,) class numbers
    coverage : float
        Between 0 and 1.
    without : sequence of int
        Classes that nothing is promised for.
    """
    edges = np.full(n_classes, np.nan)
    for c in set(range(n_classes)) - set(without):
        sign = -1.0 if c == benign_index else 1.0
        own = np.sort(sign * log_odds[truth == c])
        # of n + 1 exchangeable flows the new one is among the `left` lowest with a probability of at most 1 - coverage
        left = int(np.floor((1.0 - coverage) * (own.size + 1) + 1e-9))
        if left or c == benign_index:
            edges[c] = sign * (own[left - 1] if left else -np.inf)
    return PossibleClasses(coverage, edges, benign_index)


def possible_to_plain(possible: PossibleClasses, classes: Sequence[str]) -> dict[str, Any]:
    """For reference.json: the edge of each class; none where it is infinite, NEVER without a promise."""
    edges = {
        name: NEVER if np.isnan(edge) else float(edge) if np.isfinite(edge) else None
        for name, edge in zip(classes, possible.edges.tolist(), strict=True)
    }
    return {"coverage": possible.coverage, "log_odds": edges}


def possible_from_plain(
    plain: Mapping[str, Any] | None, classes: Sequence[str], benign_index: int
) -> PossibleClasses | None:
    """Back from JSON; None for packages without."""
    if plain is None:
        return None
    written = [plain["log_odds"][name] for name in classes]
    edges = np.array([np.nan if edge == NEVER else np.inf if edge is None else edge for edge in written])
    return PossibleClasses(float(plain["coverage"]), edges, benign_index)
