"""What a threshold would find of the labelled out-of-fold flows: kept in the package as quantiles per class,
read for any threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def log_odds_quantiles(
    log_odds: np.ndarray, truth: np.ndarray, classes: Sequence[str], count: int = 2001
) -> dict[str, list[float]]:
    """Per class the quantiles of the attack log-odds of labelled flows, from which `recall_at_threshold`
    reads.
    """
    grid = np.linspace(0.0, 1.0, count)
    return {
        name: np.quantile(log_odds[truth == c], grid, method="nearest").tolist()
        for c, name in enumerate(classes)
        if (truth == c).any()
    }


def recall_at_threshold(quantiles: Mapping[str, Sequence[float]], threshold: float) -> dict[str, float]:
    """Share of labelled flows per class at or above a threshold: recall of an attack, false alarms of benign."""
    return {
        name: float(1.0 - np.searchsorted(values, threshold, side="left") / len(values))
        for name, values in quantiles.items()
    }
