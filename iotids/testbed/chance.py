"""Random draws that give the same numbers on every Python: named streams and a few distributions of whole
microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def stream(seed: int, *names: object) -> Random:
    """Return the random stream of one part of the sample.

    Parts have their own streams, so that changing one capture leaves the bytes of all others as they were.
    A string seed is hashed with SHA-512 by `random.Random`, independently of `PYTHONHASHSEED`.
    """
    return Random("/".join(str(part) for part in (seed, *names)))


def around(rng: Random, value: float, share: float) -> int:
    """Draw near `value`, at most `share` of it away, the middle more likely than the edges."""
    return int(value * (1.0 + share * (rng.random() + rng.random() - 1.0)))


def waiting(rng: Random, mean: float) -> int:
    """Draw an exponential waiting time with this mean, cut at six times the mean; at least 1."""
    return 1 + int(mean * min(6.0, -math.log(1.0 - rng.random())))


def log_uniform(rng: Random, low: float, high: float) -> int:
    """Draw between two positive numbers so that every decade is equally likely: round trips, sizes, scan
    pauses.
    """
    return int(low * (high / low) ** rng.random())


def weighted(rng: Random, choices: Sequence[tuple[float, T]]) -> T:
    """Pick one of the (weight, thing) pairs; the weights need not add up to 1."""
    point = rng.random() * sum(weight for weight, _ in choices)
    for weight, thing in choices:
        point -= weight
        if point < 0:
            return thing
    return choices[-1][1]


def happens(rng: Random, probability: float) -> bool:
    """Throw a coin that comes up with this probability."""
    return rng.random() < probability
