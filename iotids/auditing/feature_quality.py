"""Features that smell: near-constant, equal to another, highly correlated, with impossible values, or telling
the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

ABSOLUTE_TIME_US = 1e14
"""Microseconds; no flow is idle or active for three years, but an absolute time is 1.5e15."""


def find_near_constant(features: Mapping[str, np.ndarray], share: float) -> dict[str, dict[str, float]]:
    """Name features whose commonest value takes at least this share of the rows."""
    found = {}
    for name, values in features.items():
        distinct, counts = np.unique(values, return_counts=True)
        if len(values) and counts.max() >= share * len(values):
            found[name] = {
                "value": float(distinct[counts.argmax()]),
                "share": float(counts.max() / len(values)),
                "distinct": len(distinct),
            }
    return found


def rank_correlations(features: Mapping[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Give Spearman's correlation of all pairs of features that are not constant: names and (k, k) float64."""
    names = [name for name, values in features.items() if len(values) and values.min() < values.max()]
    if not names:
        return [], np.zeros((0, 0))
    return names, np.atleast_2d(np.corrcoef(np.stack([_mid_ranks(features[name]) for name in names])))


def find_correlated(names: list[str], correlations: np.ndarray, threshold: float) -> list[list[str]]:
    """Group features linked by correlations of at least the threshold (either sign), largest group first."""
    linked = np.abs(correlations) >= threshold
    groups, left = [], set(range(len(names)))
    while left:
        group, frontier = set(), {min(left)}
        while frontier:
            group |= frontier
            frontier = {int(other) for one in frontier for other in np.flatnonzero(linked[one])} - group
        left -= group
        if len(group) > 1:
            groups.append([names[number] for number in sorted(group)])
    return sorted(groups, key=len, reverse=True)


def find_equal(features: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Group features that are equal in every row, up to rounding in the last digits."""
    groups: list[list[str]] = []
    for name, values in features.items():
        for group in groups:
            if np.allclose(features[group[0]], values, rtol=1e-9, atol=1e-9):
                group.append(name)
                break
        else:
            groups.append([name])
    return [group for group in groups if len(group) > 1]


def find_impossible(features: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Count values that cannot be: negative ones, and absolute times where there should be a time span."""
    found = {}
    for name, values in features.items():
        counts = {
            "negative": int((values < 0).sum()),
            "absolute_time": int((values > ABSOLUTE_TIME_US).sum()) if name.endswith("_us") else 0,
        }
        if any(counts.values()):
            found[name] = {**counts, "smallest": float(values.min()), "largest": float(values.max())}
    return found


def _mid_ranks(values: np.ndarray) -> np.ndarray:
    """Rank values; equal ones share the middle of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
