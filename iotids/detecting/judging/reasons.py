"""The features that speak for each verdict: for an attack by integrated gradients, or by occlusion where a model
has no gradient; for an unknown flow the strangest ones; for a benign one none.

By integrated gradients the contribution of a feature is its difference from the benign median times the mean
slope of the class's score against benign on the straight way between the two (Sundararajan et al. 2017);
contributions add up to the difference in score, in log-odds. By occlusion it is what the score loses when the
feature has the benign median instead, and gains when it alone differs from the benign medians.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from iotids.detecting.judging.novelty import Novelty
from iotids.flowmeter.kernels.entries import kernel_named

N_REASONS = 3
LONGEST_US = 1e14  # three years
STEPS = 4  # points on the way; of the three strongest features 94 % are those that 64 points give (measured on the sample)
FIRST_EXPLAINED = 64  # alarms of a run, where each takes twice as many runs of the model as it has features
FLOWS_PER_REASON = 4096  # and one more for so many flows: explaining takes less time than judging
RUNS_AT_ONCE = 4096  # rows that the model is given together
fold_rows = kernel_named("row_kernels", "fold_rows", "iotids.detecting.judging")
three_strangest = kernel_named("row_kernels", "three_strangest", "iotids.detecting.judging")


class Model(Protocol):
    """What computes (inference.Model)."""

    @property
    def has_gradient(self) -> bool:
        """Whether `gradient` can be asked."""

    def logits(self, X: np.ndarray) -> np.ndarray:
        """(n, k) logits of features."""

    def gradient(self, X: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(n, d) gradient of sum(direction * logits) by the features."""


@dataclass(frozen=True)
class Reasons:
    """Per flow up to three features, strongest first.

    feature : (n, 3) int64 number of the feature. weight : (n, 3) float32, log-odds (attack) or spreads
        (unknown; infinite for what is no
    number). given : (n, 3) bool, which of the entries there are.
    """

    feature: np.ndarray
    weight: np.ndarray
    given: np.ndarray


class Budget:
    """How many alarms of one run are explained by occlusion: 64, and one more for every 4,096 flows, at most 64 at once.

    Which ones these are depends on how flows are cut into blocks; what is said of one never does. Incidents are
    explained besides (`Judge.reasons_of`).
    """

    def __init__(self) -> None:
        self._left = float(FIRST_EXPLAINED)

    def earn(self, flows: int) -> None:
        """So many flows are judged."""
        self._left = min(self._left + flows / FLOWS_PER_REASON, float(FIRST_EXPLAINED))

    def spend(self, wanted: int) -> int:
        """How many of the wanted explanations may be made now."""
        granted = min(wanted, int(self._left))
        self._left -= granted
        return granted


def no_reasons(n: int) -> Reasons:
    """Room for the reasons of n flows, none of them given yet."""
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
    reasons.given[rows] = True


def explain_broken(reasons: Reasons, rows: np.ndarray, X: np.ndarray) -> None:
    """Name the features that are NaN or infinite; `X` are all flows, `rows` those with such a feature."""
    for row in rows:
        bad = np.flatnonzero(~np.isfinite(X[row]))[:N_REASONS]
        reasons.feature[row, : bad.size], reasons.weight[row, : bad.size], reasons.given[row, : bad.size] = (
            bad,
            np.inf,
            True,
        )


def drop_artefacts(reasons: Reasons, X: np.ndarray, usual: np.ndarray, is_time: np.ndarray) -> None:
    """Leave out reasons that quote a time no flow can last: CICFlowMeter's idle times hold points in time.

    Parameters
    ----------
    X : (n, d) features. usual : (d,) benign medians. is_time : (d,) bool, features in microseconds.
    """
    rows = np.flatnonzero(reasons.given.any(axis=1))
    feature = reasons.feature[rows]
    largest = np.maximum(np.abs(X[rows[:, None], feature]), np.abs(usual[feature]))
    artefact = is_time[feature] & np.isfinite(largest) & (largest > LONGEST_US)
    reasons.given[rows] &= ~artefact
    order = np.argsort(~reasons.given[rows], axis=1, kind="stable")  # what stays comes first
    for part in (reasons.feature, reasons.weight, reasons.given):
        part[rows] = np.take_along_axis(part[rows], order, axis=1)


def explain_attacks(
    reasons: Reasons,
    rows: np.ndarray,
    X: np.ndarray,
    direction: np.ndarray,
    *,
    usual: np.ndarray,
    model: Model,
    log_odds: np.ndarray,
    budget: Budget,
) -> None:
    """Name the features with the largest contributions; equal flows are explained once.

    Without a gradient only the surest different alarms are explained, as many as the budget allows.

    Parameters
    ----------
    rows : (m,) int64
        Flows that are called attacks.
    X : (n, d) float64
        Features of all flows; `usual` (d,) are the benign medians.
    direction : (m, k) float32
        Which combination of logits speaks for each.
    log_odds : (m,)
        How sure each alarm is.
    """
    first, inverse = distinct_rows(X, rows, direction.argmax(axis=1))
    explain, chosen = contributions, np.arange(first.size)
    if not model.has_gradient:
        explain, chosen = occlusions, np.argsort(-log_odds[first], kind="stable")
        chosen = chosen[: budget.spend(first.size)]
    weights = explain(model, X[rows[first[chosen]]], usual, direction[first[chosen]])
    distinct = no_reasons(first.size)
    distinct.feature[chosen], distinct.weight[chosen] = strongest(weights, N_REASONS)
    reasons.feature[rows], reasons.weight[rows] = distinct.feature[inverse], distinct.weight[inverse]
    reasons.given[rows] = reasons.weight[rows] > 0


def contributions(model: Model, X: np.ndarray, usual: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(n, d) float32 contributions in log-odds by integrated gradients.

    Parameters
    ----------
    X : (n, d) float64
    usual : (d,) float64
        The benign medians.
    direction : (n, k) float32
        Which combination of logits is explained: 1 for the class, -1 for benign.
    """
    way = X - usual
    total = np.zeros(way.shape)
    for step in range(STEPS):
        total += model.gradient(usual + (step + 0.5) / STEPS * way, direction)
    return (total * way / STEPS).astype(np.float32)


def occlusions(model: Model, X: np.ndarray, usual: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(n, d) float32 contributions in log-odds by occlusion: mean of what a feature's benign median in its place
    takes from the flow's score, and what the feature alone adds to the score of the benign medians.

    Arguments as for `contributions`. Features that have the benign median contribute 0 and take no run.
    """
    weights = np.zeros(X.shape, np.float32)
    flow, feature = np.nonzero(usual != X)
    whole = (model.logits(X) * direction).sum(axis=1)
    nothing = model.logits(usual[None])[0]
    for start in range(0, flow.size, RUNS_AT_ONCE):
        i, j = flow[start : start + RUNS_AT_ONCE], feature[start : start + RUNS_AT_ONCE]
        rows, towards = np.arange(i.size), direction[i]
        without, alone = X[i], np.repeat(usual[None], i.size, axis=0)
        without[rows, j], alone[rows, j] = usual[j], X[i, j]
        taken = whole[i] - (model.logits(without) * towards).sum(axis=1)
        added = ((model.logits(alone) - nothing) * towards).sum(axis=1)
        weights[i, j] = (taken + added) / 2
    return weights


def strongest(weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, count) numbers of the features with the largest positive contribution, and these contributions;
    others have weight 0 or less.
    """
    order = largest_columns(weights, count)
    return order, np.take_along_axis(weights, order, axis=1)


def largest_columns(values: np.ndarray, count: int) -> np.ndarray:
    """(n, count) numbers of the columns with the largest values, largest first; sorting all 70 would take ten
    times as long.
    """
    left, rows = values.copy(), np.arange(len(values))
    order = np.empty((len(values), count), np.int64)
    for place in range(count):
        order[:, place] = left.argmax(axis=1)
        left[rows, order[:, place]] = -np.inf
    return order


def distinct_rows(X: np.ndarray, rows: np.ndarray, extra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some rows (m,) the place of the first of each distinct (features, extra) and, per row, which of these it equals.

    Floods are thousands of equal flows: explaining one of them explains all. Rows are compared by a 64-bit
    hash.
    """
    odd = np.random.default_rng(0).integers(1, 2**63, X.shape[1], dtype=np.uint64) | np.uint64(1)
    folded = extra.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    fold_rows(np.ascontiguousarray(X).view(np.uint64), rows, odd, folded)
    _, first, inverse = np.unique(folded, return_index=True, return_inverse=True)
    return first, inverse
