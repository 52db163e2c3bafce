"""The features that spoke for each verdict: for an attack by integrated gradients, for an unknown flow the
strangest ones, for a benign one none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotids.detecting.judging.distance_kernels import three_strangest
from iotids.detecting.judging.novelty import Novelty
from iotids.detecting.judging.reasons import HasGradient, contributions, distinct_rows, strongest

N_REASONS = 3


@dataclass(frozen=True)
class Reasons:
    """Per flow up to three features, strongest first.

    feature : (n, 3) int64 number of the feature. weight : (n, 3) float32, log-odds (attack) or spreads
        (unknown; infinite for what is no
    number). told : (n, 3) bool, which of the entries there are.
    """

    feature: np.ndarray
    weight: np.ndarray
    told: np.ndarray


def no_reasons(n: int) -> Reasons:
    """Room for the reasons of n flows, none of them told yet."""
    return Reasons(
        np.zeros((n, N_REASONS), np.int64),
        np.zeros((n, N_REASONS), np.float32),
        np.zeros((n, N_REASONS), bool),
    )


def explain_strange(
    reasons: Reasons, rows: np.ndarray, scaled: np.ndarray, prototype: np.ndarray, novelty: Novelty
) -> None:
    """Name what differs most from the nearest typical flow.

    Parameters
    ----------
    rows : (m,) int64
        Flows that are unlike training.
    scaled, prototype : (n, d) float32, (n,) int64
        All flows as `Novelty.scale` gives them, and their nearest prototypes.
    """
    three_strangest(scaled, novelty.prototypes, prototype, rows, reasons.feature, reasons.weight)
    reasons.told[rows] = True


def explain_broken(reasons: Reasons, rows: np.ndarray, X: np.ndarray) -> None:
    """Name the features that are NaN or infinite; `X` are all flows, `rows` those with such a feature."""
    for row in rows:
        bad = np.flatnonzero(~np.isfinite(X[row]))[:N_REASONS]
        reasons.feature[row, : bad.size], reasons.weight[row, : bad.size], reasons.told[row, : bad.size] = (
            bad,
            np.inf,
            True,
        )


def explain_attacks(
    reasons: Reasons,
    rows: np.ndarray,
    normalised: np.ndarray,
    direction: np.ndarray,
    *,
    usual: np.ndarray,
    network: HasGradient,
) -> None:
    """Name the features with the largest contributions; equal flows are explained once.

    Parameters
    ----------
    rows : (m,) int64
        Flows that are called attacks.
    normalised : (m, d) float32
        These flows as the first dense layer sees them; `usual` (d,) the benign medians likewise.
    direction : (m, k) float32
        Which combination of logits speaks for each.
    """
    first, inverse = distinct_rows(normalised.astype(np.float64), direction.argmax(axis=1))
    order, weight = strongest(contributions(network, normalised[first], usual, direction[first]), N_REASONS)
    reasons.feature[rows], reasons.weight[rows] = order[inverse], weight[inverse]
    reasons.told[rows] = reasons.weight[rows] > 0
