"""Which recipes learn side by side: those whose networks have the same shape, batches and optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from iotids.learning.networks.dense.kind import DenseSettings

OWN = ("dropout", "learning_rate", "momentum")  # what networks of one stack may differ in


def stacks(settings: Sequence[DenseSettings]) -> list[list[int]]:
    """Positions of the recipes that differ in OWN only, together."""
    alike: dict[tuple, list[int]] = {}
    for i, one in enumerate(settings):
        key = tuple(value for name, value in asdict(one).items() if name not in OWN)
        alike.setdefault(key, []).append(i)
    return list(alike.values())
