"""Ways to the class that need no understanding of attacks: the source of a flow, or one feature alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Counts = Mapping[str, Mapping[str, int]]


def dataset_oracle(counts: Counts, classes: Sequence[str], benign: str) -> dict[str, float]:
    """Score the rule "say the commonest class of the flow's source", and "say the commonest class".

    Parameters
    ----------
    counts : mapping
        Flows by source and class.

    Returns
    -------
    dict
        Accuracies over all classes and for benign against attack.
    """
    table = np.array([[counts[source].get(name, 0) for name in classes] for source in counts], dtype=np.int64)
    is_benign = np.array([name == benign for name in classes])
    binary = np.stack([table[:, is_benign].sum(axis=1), table[:, ~is_benign].sum(axis=1)], axis=1)
    n_flows = max(int(table.sum()), 1)
    return {
        "multiclass_oracle": float(table.max(axis=1).sum() / n_flows),
        "binary_oracle": float(binary.max(axis=1).sum() / n_flows),
        "multiclass_majority": float(table.sum(axis=0).max() / n_flows),
        "binary_majority": float(binary.sum(axis=0).max() / n_flows),
    }


def separability(values: np.ndarray, codes: np.ndarray, n_codes: int, n_bins: int = 64) -> float:
    """Tell how well one feature separates classes: balanced accuracy of a table of value ranges, fitted on
    these rows.

    Cut the feature into at most `n_bins` ranges of like many rows (a frequent value gets its own), and let
    each range say the class it is likeliest under: the mean over classes of the rows then right. 1/`n_codes`
    is chance, 1 is perfect.

    Parameters
    ----------
    values : (n,) float64
    codes : (n,) int
        Class numbers; classes without rows are left out.
    """
    bins = value_ranges(values, n_bins)
    table = np.bincount(bins * n_codes + codes, minlength=(int(bins.max(initial=0)) + 1) * n_codes).reshape(
        -1, n_codes
    )
    totals = table.sum(axis=0)
    likelihoods = table[:, totals > 0] / totals[totals > 0]
    return float(likelihoods.max(axis=1).sum() / (totals > 0).sum())


def value_ranges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Number the range each value falls in; ranges hold like many rows, equal values never part."""
    quantiles = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1), method="nearest"))
    return np.searchsorted(quantiles, values, side="left")


def ranking_area(values: np.ndarray, is_attack: np.ndarray) -> float:
    """Give the area under the ROC curve of one feature as a score, whichever way round is better: 0.5 to 1;
    ties count half.
    """
    n_attacks, n_others = int(is_attack.sum()), int((~is_attack).sum())
    if not n_attacks or not n_others:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    area = (mid_ranks[inverse[is_attack]].sum() - n_attacks * (n_attacks + 1) / 2) / (n_attacks * n_others)
    return float(max(area, 1 - area))


def separability_of_all(
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    sources: np.ndarray,
    *,
    n_classes: int,
    n_sources: int,
    benign: int,
) -> list[dict[str, Any]]:
    """Measure every feature alone: against the class, against benign or not, and against the source; best for
    the class first.
    """
    measured = [
        {
            "feature": name,
            "classes": separability(values, labels, n_classes),
            "attack_auc": ranking_area(values, labels != benign),
            "sources": separability(values, sources, n_sources),
        }
        for name, values in features.items()
    ]
    return sorted(measured, key=lambda row: (-row["classes"], row["feature"]))
