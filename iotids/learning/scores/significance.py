"""Is one model better than another? The corrected resampled t-test over the folds they share.

Folds of a cross-validation train on the same rows, so their differences are not independent and a plain
t-test finds too much. Nadeau and Bengio (2003) add the share of test to training rows to the variance; the
p-values are Holm's where several are asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr


def corrected_t_test(
    first: Sequence[float], second: Sequence[float], *, test_share: float
) -> tuple[float, float]:
    """Mean difference first - second over folds, and its two-sided p-value.

    Parameters
    ----------
    first, second : one score per fold, same folds in the same order
    test_share : test rows over training rows

    Returns
    -------
    p is 1 for no difference in any fold, and NaN with fewer than two folds where both scores are known.
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    difference = difference[~np.isnan(difference)]
    n = difference.size
    if n < 2:
        return (float(difference.mean()) if n else float("nan")), float("nan")
    mean, variance = float(difference.mean()), float(difference.var(ddof=1))
    if variance == 0.0:
        return mean, 1.0 if mean == 0.0 else 0.0
    statistic = mean / np.sqrt(variance * (1.0 / n + test_share))
    return mean, float(2.0 * stdtr(n - 1, -abs(statistic)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given; NaN stays NaN and counts for nothing."""
    known = [i for i in range(len(p_values)) if not np.isnan(p_values[i])]
    adjusted, largest = list(map(float, p_values)), 0.0
    for rank, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(known) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
