"""Is a package fit for this traffic? By how many flows it cannot decide, and how many are unlike its training.

Both need no labels. On sites left out of training they separate those on which most flows are judged right from
those on which many are not, which drift of the features does not (docs/unseen-site.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.counted import counted

FIT, DOUBTFUL, UNFIT, TOO_FEW = "fit", "doubtful", "unfit", "too few flows"
UNDECIDED_LOG_ODDS = 1 / 3  # a calibrated probability of attack between 0.42 and 0.58
UNFAMILIAR = 0.6  # of the distance from which on a flow is called unknown
LIMITS = {FIT: (0.08, 0.05), DOUBTFUL: (0.2, 0.15)}  # largest shares of undecided and of unfamiliar flows
FEWEST_FLOWS = 100


@dataclass(frozen=True)
class Fitness:
    """Flows looked at, and the shares of them that are undecided and unfamiliar."""

    flows: int
    undecided_share: float
    unfamiliar_share: float

    @property
    def verdict(self) -> str:
        """fit, doubtful or unfit; `too few flows` below 100."""
        if self.flows < FEWEST_FLOWS:
            return TOO_FEW
        for word, (undecided, unfamiliar) in LIMITS.items():
            if self.undecided_share <= undecided and self.unfamiliar_share <= unfamiliar:
                return word
        return UNFIT

    def in_words(self) -> str:
        """One sentence with the reason."""
        if self.verdict == TOO_FEW:
            few = f"{counted(self.flows, 'flow')} {'is' if self.flows == 1 else 'are'}"
            return f"{few} too few to say whether this model is fit for this network"
        return (
            f"this model is {self.verdict} for this network: {self.undecided_share:.1%} of {self.flows:,} flows are undecided, "
            f"{self.unfamiliar_share:.1%} far from all training flows"
        )

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "in_words": self.in_words(),
            "flows": self.flows,
            "undecided_share": round(self.undecided_share, 4),
            "unfamiliar_share": round(self.unfamiliar_share, 4),
        }


class FitnessCounter:
    """Counts while flows stream by."""

    def __init__(self) -> None:
        self._flows = self._undecided = self._unfamiliar = 0

    def add(self, log_odds: np.ndarray, familiarity: np.ndarray) -> None:
        """Count flows by their log-odds of attack (n,) and their distance over the threshold (n,); those that
        are no number count as unfamiliar.
        """
        self._flows += log_odds.size
        self._undecided += int((np.abs(log_odds) < UNDECIDED_LOG_ODDS).sum())
        self._unfamiliar += int((~(familiarity <= UNFAMILIAR)).sum())

    def result(self) -> Fitness:
        """What has been counted so far."""
        n = max(self._flows, 1)
        return Fitness(self._flows, self._undecided / n, self._unfamiliar / n)
