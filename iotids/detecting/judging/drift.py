"""How far the features of the observed traffic have moved from benign training traffic: PSI and
Kolmogorov-Smirnov per feature.

Benign training flows are the reference: the network of a user is mostly benign, and the share of attacks in
training is arbitrary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.flowmeter.kernels.entries import kernel_named

count_in_bins = kernel_named("row_kernels", "count_in_bins", "iotids.detecting.judging")
BINS = 20
SMALLEST_SHARE = 1e-4  # keeps the logarithm of an empty bin finite, as is usual for PSI
ROWS_PER_BATCH = 256  # of a block of flows every k-th is looked at: after ten blocks a share is known to 1 %
NOTABLE, STRONG = 0.1, 0.25  # customary readings of PSI: below 0.1 alike, above 0.25 moved
# flows; of fewer, chance alone makes PSI notable: it is near bins / flows where nothing moved
FEWEST = round(BINS / NOTABLE)


@dataclass(frozen=True)
class FeatureDrift:
    """One feature: population stability index, largest gap between the two distribution functions, flows
    looked at.
    """

    feature: str
    psi: float
    ks: float
    flows: int

    @property
    def reading(self) -> str:
        """In words."""
        if self.flows < FEWEST:
            return "too few flows"
        return "moved" if self.psi >= STRONG else "slightly moved" if self.psi >= NOTABLE else "alike"


def reference_bins(X: np.ndarray) -> list[dict[str, list[float]]]:
    """Per feature the inner bin edges (distinct quantiles) and the share of reference flows in each bin, for
    JSON.
    """
    shares, bins = np.linspace(0, 1, BINS + 1)[:-1], []
    for column in X.T:  # all at once would be copied
        edges = np.unique(np.append(np.quantile(column, shares, method="lower"), column.max()))
        counts = np.bincount(np.searchsorted(edges, column, side="left"), minlength=edges.size + 1)
        bins.append({"edges": edges.tolist(), "shares": (counts / len(X)).tolist()})
    return bins


class DriftCounter:
    """Counts flows per bin while they stream by."""

    def __init__(self, features: Sequence[str], bins: Sequence[dict[str, list[float]]]) -> None:
        self._features = tuple(features)
        self._shares = [np.array(b["shares"]) for b in bins]
        self._first = np.cumsum([0, *(shares.size for shares in self._shares)])
        self._edges = np.concatenate([[*b["edges"], np.inf] for b in bins])
        self._counts = np.zeros(self._edges.size, np.int64)
        self._flows = 0

    def add(self, X: np.ndarray, rows: np.ndarray) -> None:
        """Count some rows (m,) of features (n, d), 256 to 511 of them, evenly spaced."""
        rows = rows[:: max(1, rows.size // ROWS_PER_BATCH)]
        self._flows += rows.size
        count_in_bins(X, rows, self._edges, self._first, self._counts)

    def result(self) -> list[FeatureDrift]:
        """Drift of every feature, largest PSI first; empty without flows."""
        n = self._flows
        if n == 0:
            return []
        counts = np.split(self._counts, self._first[1:-1])
        drift = [
            FeatureDrift(name, psi(c / n, s), float(np.abs(np.cumsum(c / n - s)).max()), n)
            for name, c, s in zip(self._features, counts, self._shares, strict=True)
        ]
        return sorted(drift, key=lambda d: -d.psi)


def psi(shares: np.ndarray, reference: np.ndarray) -> float:
    """Population stability index: sum of (share - reference) * log(share / reference), shares of at least
    1e-4.
    """
    a, b = np.maximum(shares, SMALLEST_SHARE), np.maximum(reference, SMALLEST_SHARE)
    return float(((a - b) * np.log(a / b)).sum())


def drift_to_plain(drift: Sequence[FeatureDrift]) -> list[dict[str, Any]]:
    """For JSON."""
    return [
        {
            "feature": d.feature,
            "psi": round(d.psi, 4),
            "ks": round(d.ks, 4),
            "flows": d.flows,
            "reading": d.reading,
        }
        for d in drift
    ]
