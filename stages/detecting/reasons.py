"""Which features spoke for a verdict: integrated gradients from a typical benign flow to the flow at hand.

The contribution of a feature is its difference from the benign median times the mean slope of the class's score against benign on
the straight way between the two (Sundararajan et al. 2017); contributions add up to the difference in score, in log-odds.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

STEPS = 6  # points on the way; the sum is then within a few percent of the difference in score


class HasGradient(Protocol):
    """What gives gradients (inference.Network)."""

    def gradient(self, X: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(n, d) gradient of sum(direction * logits) with respect to the normalised features."""


def contributions(network: HasGradient, X: np.ndarray, usual: np.ndarray, scale: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(n, d) float32 contributions in log-odds.

    Parameters
    ----------
    X : (n, d) float64
        Features.
    usual : (d,) float64
        The benign medians.
    scale : (d,) float64
        What one unit of a feature is in normalised units.
    direction : (n, k) float32
        Which combination of logits is explained: 1 for the class, -1 for benign.
    """
    total = np.zeros(X.shape, np.float32)
    for step in range(STEPS):
        share = (step + 0.5) / STEPS
        total += network.gradient(usual + share * (X - usual), direction)
    return total * ((X - usual) * scale).astype(np.float32) / STEPS


def strongest(weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, count) numbers of the features with the largest positive contribution, and these contributions; others have weight 0 or less."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(weights, order, axis=1)


def distinct_rows(X: np.ndarray, extra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of each distinct (features, extra) and, per row, which of these it equals.

    Floods are thousands of equal flows: explaining one of them explains all. Rows are compared by a 64-bit hash.
    """
    bits = np.ascontiguousarray(X).view(np.uint64)
    odd = np.random.default_rng(0).integers(1, 2**63, X.shape[1], dtype=np.uint64) | np.uint64(1)
    folded = (bits ^ (bits >> np.uint64(29))) @ odd + extra.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    _, first, inverse = np.unique(folded, return_index=True, return_inverse=True)
    return first, inverse
