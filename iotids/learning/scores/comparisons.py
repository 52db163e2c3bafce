"""How sure is a score, and is one model better than another: bootstrap over recording groups, and Wilcoxon
over folds.

Flows of one capture resemble each other, so a bootstrap over flows would be far too sure. Whole groups are
drawn instead, and everything is computed from one confusion matrix per group: 2,000 resamples of 1.8 million
predictions take a second.
The corrected resampled t-test and Holm's correction are in significance.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SEED, RESAMPLES = 0, 2000  # a fixed seed: a run that is scored twice says the same


@dataclass(frozen=True)
class Interval:
    """A figure with its percentile bootstrap interval; NaN bounds where fewer than two groups exist."""

    value: float
    low: float
    high: float
    groups: int


def group_confusions(
    truth: np.ndarray, predicted: np.ndarray, group: np.ndarray, n_classes: int
) -> np.ndarray:
    """(g, k, k) counts: one confusion matrix per group, groups in sorted order, row = true class."""
    _, number = np.unique(group, return_inverse=True)
    cells = (number * n_classes + np.asarray(truth, np.int64)) * n_classes + np.asarray(predicted, np.int64)
    n_groups = int(number.max(initial=-1)) + 1
    return np.bincount(cells, minlength=n_groups * n_classes**2).reshape(n_groups, n_classes, n_classes)


def scores_of_confusions(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, balanced accuracy, macro and weighted F, and MCC of many confusion matrices at once.

    Parameters
    ----------
    confusions : (..., k, k) counts or weights
        A class absent from a matrix's truth is left out of its averages, as in `scores.averages`.

    Returns
    -------
    dict of str to (...,) arrays, names as in `score_predictions`
    """
    counts = np.asarray(confusions, float)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    support, claimed, n = counts.sum(axis=-1), counts.sum(axis=-2), counts.sum(axis=(-2, -1))
    present = support > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(present, hits / support, 0.0)
        f1 = np.where(present, 2.0 * hits / (support + claimed), 0.0)
        classes = present.sum(axis=-1)
        spread = np.sqrt(n * n - (support**2).sum(axis=-1)) * np.sqrt(n * n - (claimed**2).sum(axis=-1))
        matthews = (n * hits.sum(axis=-1) - (support * claimed).sum(axis=-1)) / spread
        return {
            "accuracy": hits.sum(axis=-1) / n,
            "balanced_accuracy": recall.sum(axis=-1) / classes,
            "f1_macro": f1.sum(axis=-1) / classes,
            "f1_weighted": (f1 * support).sum(axis=-1) / n,
            "mcc": np.where(spread > 0, matthews, 0.0),
        }


def bootstrap_scores(
    confusions: np.ndarray, *, seed: int = SEED, resamples: int = RESAMPLES
) -> dict[str, np.ndarray]:
    """(resamples,) pooled values of every score of `scores_of_confusions`, each of as many groups as there
    are, drawn with replacement; the same seed draws the same groups.

    Parameters
    ----------
    confusions : (g, k, k)
        From `group_confusions`.
    """
    g, k, _ = confusions.shape
    times = np.random.default_rng(seed).multinomial(g, np.full(g, 1.0 / g), size=resamples)
    return scores_of_confusions((times @ confusions.reshape(g, k * k)).reshape(resamples, k, k))


def bootstrap_intervals(
    confusions: np.ndarray, *, seed: int = SEED, resamples: int = RESAMPLES, level: float = 0.95
) -> dict[str, Interval]:
    """Every pooled score of `scores_of_confusions` with its percentile interval under resampling of groups;
    empty without rows.
    """
    if not len(confusions):
        return {}
    values = scores_of_confusions(confusions.sum(axis=0))
    return {
        score: percentile_interval(float(values[score]), drawn, len(confusions), level=level)
        for score, drawn in bootstrap_scores(confusions, seed=seed, resamples=resamples).items()
    }


def check_same_flows(first: np.ndarray, second: np.ndarray) -> None:
    """Refuse two models whose groups' class counts differ (ValueError): they were not tested on the same
    flows.
    """
    if first.shape != second.shape or not np.array_equal(first.sum(axis=2), second.sum(axis=2)):
        raise ValueError("the two models were tested on different flows; compare runs over the same splits")


def percentile_interval(value: float, drawn: np.ndarray, groups: int, *, level: float = 0.95) -> Interval:
    """A figure with the percentiles of its resampled values; no bounds with fewer than two groups."""
    if groups < 2:
        return Interval(value, float("nan"), float("nan"), groups)
    low, high = np.nanquantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(value, float(low), float(high), groups)


def wilcoxon_signed_rank(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p of the exact signed-rank test on paired scores (folds, or folds of several seeds).

    Pairs with NaN are left out; ties are dropped (Wilcoxon's own rule); NaN without a difference or with
    fewer than two pairs. With 5 pairs no p below 0.0625 exists, so five folds alone can never be significant
    at 0.05: use several split seeds.
    """
    from scipy.stats import wilcoxon  # takes a second to import

    difference = np.asarray(first, float) - np.asarray(second, float)
    difference = difference[~np.isnan(difference)]
    if difference.size < 2 or not difference.any():
        return float("nan")
    return float(wilcoxon(difference, zero_method="wilcox", method="auto").pvalue)
