"""Differences between runs on the same folds, each with a 95 % interval.

The interval is the one of the corrected resampled t-test (Nadeau and Bengio, Machine Learning 52, 2003): folds of a
cross-validation share training rows, which a plain t interval overlooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from iotids.learning.scores.names import UNSEEN
from iotids.reporting.comparing.compared_run import ComparedRun


class Difference(NamedTuple):
    """A run minus the first one, of one model and score; NaN bounds where it cannot be paired, and then why not."""

    task: str
    model: str
    split: str
    score: str
    run: str
    first: float
    value: float
    difference: float
    low95: float
    high95: float
    folds: int
    unpaired: str

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low95 > 0 or self.high95 < 0


def differences(runs: Sequence[ComparedRun], scores: Sequence[str]) -> list[Difference]:
    """Every later run minus the first, for every model and split that both have, in the first one's order."""
    first, *others = runs
    found = []
    for key, theirs in first.folds.items():
        for other in others:
            mine = other.folds.get(key)
            for score in scores if mine else ():
                reason = _why_not(first, other, key[2], sorted(theirs), sorted(mine or {}))
                pairs = [
                    (fold[score], (mine or {}).get(name, {}).get(score))
                    for name, fold in theirs.items()
                    if score in fold
                ]
                both = np.array([pair for pair in pairs if pair[1] is not None], float).reshape(-1, 2)
                if not len(both):
                    continue
                values = _headline(first, key, score), _headline(other, key, score)
                low, high = (np.nan, np.nan) if reason else corrected_interval(both[:, 1] - both[:, 0])
                found.append(
                    Difference(
                        *key, score, other.name, *values, values[1] - values[0], low, high, len(both), reason
                    )
                )
    return found


def _headline(run: ComparedRun, key: tuple[str, str, str], score: str) -> float:
    """The value of every table (pooled for an unseen site); where a table lacks the score, the mean over the folds."""
    for row in run.table3:
        if (row["task"], row["model"], row["split"], row["score"]) == (*key, score) and row.get("value"):
            return float(row["value"])
    return float(np.mean([fold[score] for fold in run.folds[key].values() if score in fold]))


def _why_not(first: ComparedRun, other: ComparedRun, split: str, theirs: list[str], mine: list[str]) -> str:
    """Why two runs have no pairs of folds; empty where they have."""
    if first.data != other.data:
        return "other data or other folds"
    if theirs != mine:
        return "other folds"
    return "folds are sites" if split in UNSEEN else ""


def corrected_interval(difference: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean difference over the k folds of a cross-validation; NaN with fewer than two.

    Source: Nadeau and Bengio: variance times 1 / k + test rows / training rows, and that is 1 / (k - 1) here.
    """
    from scipy.stats import t  # a second's import

    k = len(difference)
    if k < 2:
        return float("nan"), float("nan")
    spread = float(difference.std(ddof=1)) * np.sqrt(1 / k + 1 / (k - 1))
    half, mean = float(t.ppf(0.975, k - 1)) * spread, float(difference.mean())
    return float(mean - half), float(mean + half)
