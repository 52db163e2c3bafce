"""From scores to decisions: one temperature that makes probabilities honest, one threshold that says from
when on it is an attack.

Both are chosen on out-of-fold predictions: flows that the scoring model had not learned from (Guo et al. 2017
for the temperature).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST_SHARE = 1e-38  # below float32's smallest normal number: a stored score of 0
T_LOWEST, T_HIGHEST = 0.05, 20.0


def log_scores(scores: np.ndarray, smallest: float = SMALLEST_SHARE) -> np.ndarray:
    """(n, k) float64 logarithms of stored probabilities, those below `smallest` raised to it; a softmax of them
    gives the probabilities back, so they serve as logits.
    """
    return np.log(np.maximum(scores.astype(np.float64), smallest))


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """(n, k) float64 softmax of logits / temperature."""
    scaled = _per_class(logits) / temperature
    scaled -= scaled.max(axis=0)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=0)
    return scaled.T


def _per_class(logits: np.ndarray) -> np.ndarray:
    """(k, n) float64 copy: a few long rows are added up several times as fast as many short ones."""
    return np.array(logits.T, np.float64, order="C")


def attack_log_odds(logits: np.ndarray, temperature: float, benign_index: int) -> np.ndarray:
    """(n,) float64 logarithm of P(any attack) / P(benign).

    Unlike the probability it does not run into 1.0, so that two certain alarms can still be distinguished.
    """
    scaled = _per_class(logits) / temperature
    benign = scaled[benign_index].copy()
    scaled[benign_index] = -np.inf
    top = scaled.max(axis=0)
    return top + np.log(np.exp(scaled - top).sum(axis=0)) - benign


def probability_of(log_odds: np.ndarray | float) -> np.ndarray:
    """Probability of log-odds, without overflow on either side."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds, np.float64)))


def decide(
    logits: np.ndarray,
    *,
    temperature: float,
    benign_index: int,
    threshold: float,
    unnamed: Sequence[int] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """The class that each flow is called, (n,) int64, and the log-odds of attack that it rests on, (n,)
    float64.

    An attack is called by its likeliest attack class, also where benign alone is likelier; all else is
    benign. Classes in `unnamed` count as attacks and are no name for one, unless no other attack is left.
    """
    log_odds = attack_log_odds(logits, temperature, benign_index)
    attacks = _per_class(logits)
    attacks[benign_index] = -np.inf
    if len({*unnamed, benign_index}) < len(attacks):
        attacks[list(unnamed)] = -np.inf
    return np.where(log_odds >= threshold, attacks.argmax(axis=0), benign_index), log_odds


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature with the least mean negative log-likelihood, between 0.05 and 20.

    Parameters
    ----------
    logits : (n, k) float
    truth : (n,) integer array

    Notes
    -----
    The likelihood is concave in 1 / T, so halving the interval by the sign of its slope finds the one
    optimum.

    Raises
    ------
    ValueError
        No rows.
    """
    if truth.size == 0:
        raise ValueError("no out-of-fold predictions to calibrate on; run the network stage with this split")
    values = logits.astype(np.float64)
    own = values[np.arange(truth.size), truth].mean()
    low, high = 1.0 / T_HIGHEST, 1.0 / T_LOWEST
    for _ in range(40):
        inverse = np.sqrt(low * high)
        expected = np.einsum("ij,ij->i", probabilities(values, 1.0 / inverse), values).mean()
        low, high = (inverse, high) if own > expected else (low, inverse)
    return float(1.0 / np.sqrt(low * high))


def log_loss(logits: np.ndarray, truth: np.ndarray, temperature: float) -> float:
    """Mean negative log-likelihood."""
    own = probabilities(logits, temperature)[np.arange(truth.size), truth]
    return float(-np.log(np.maximum(own, SMALLEST_SHARE)).mean())


def threshold_for_alarms(benign_log_odds: np.ndarray, allowed: int) -> float:
    """The lowest threshold at which at most `allowed` of the benign flows raise an alarm (log-odds >=
    threshold); ties count together.

    With `allowed` at or above the number of flows every flow may alarm: minus infinity is answered by the
    lowest score.
    """
    ranked = np.sort(benign_log_odds)[::-1]
    if allowed >= ranked.size:
        return float(ranked[-1]) if ranked.size else 0.0
    return float(np.nextafter(ranked[allowed], np.inf))


def recall_at(
    log_odds: np.ndarray, truth: np.ndarray, classes: Sequence[str], benign_index: int, threshold: float
) -> dict[str, Any]:
    """What a threshold costs on labelled flows: share of benign flows that alarm, and of every attack class
    that is found.
    """
    alarm = log_odds >= threshold
    benign = truth == benign_index
    share = lambda chosen: float(alarm[chosen].mean()) if chosen.any() else None  # noqa: E731
    return {
        "false_alarm_share": share(benign),
        "benign_flows": int(benign.sum()),
        "recall": share(~benign),
        "recall_per_class": {name: share(truth == c) for c, name in enumerate(classes) if c != benign_index},
    }
