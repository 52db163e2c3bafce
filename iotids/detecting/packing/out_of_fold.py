"""What the cross-validation knows about a configuration: scores of flows by models that had not learned from
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.detecting.judging.operating_point import (
    SMALLEST_SHARE,
    attack_log_odds,
    decide,
    fit_temperature,
    log_loss,
    log_scores,
    probabilities,
    probability_of,
    recall_at,
    threshold_for_alarms,
)
from iotids.learning.scores.calibration import calibration_error

COMPARED_SHARES = (0.001, 0.003, 0.01, 0.03, 0.1)  # operating points that the model card compares
FEWEST_FOLDS = (
    2  # behind a median; with fewer, or less than half of all folds, one odd fold would set the threshold
)


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of one split, ascending by row: dataset row, fold, true class, and logarithms of the
    scores.
    """

    split: str
    row: np.ndarray
    fold: np.ndarray
    truth: np.ndarray
    logits: np.ndarray


def read_out_of_fold(
    predictions: pa.Table, split: str, classes: Sequence[str], smallest: float = SMALLEST_SHARE
) -> OutOfFold:
    """Take one split out of a run's predictions.parquet.

    Parameters
    ----------
    smallest : float
        What the packed model gives where it would give 0: scores below count as this.

    Raises
    ------
    ValueError
        The run has no such split, or other classes.
    """
    wanted = [f"score_{name}" for name in classes]
    if missing := [name for name in wanted if name not in predictions.column_names]:
        raise ValueError(
            f"the run's predictions lack {', '.join(missing)}; they are of other classes: run the network stage again"
        )
    first = predictions.filter(pc.equal(predictions.column("order"), 0))
    splits = first.column("split").cast(pa.string())
    mine = first.filter(pc.equal(splits, split))
    if mine.num_rows == 0:
        known = ", ".join(sorted(pc.unique(splits).to_pylist()))
        raise ValueError(
            f"the run has no predictions for the split {split!r} (it has {known}): set final.split or network.splits"
        )
    mine = mine.sort_by("row")
    scores = np.stack([mine.column(name).to_numpy() for name in wanted], axis=1)
    row, fold, truth = (mine.column(name).to_numpy() for name in ("row", "fold", "truth"))
    return OutOfFold(split, row, fold, truth, log_scores(scores, smallest))


def choose_temperature(predictions: OutOfFold) -> dict[str, Any]:
    """The temperature and the scores' errors before and after it, for package.json."""
    temperature = fit_temperature(predictions.logits, predictions.truth)
    figures = {
        "temperature": temperature,
        "split": predictions.split,
        "flows": int(predictions.truth.size),
    }
    for name, t in (("before", 1.0), ("after", temperature)):
        figures[f"log_loss_{name}"] = log_loss(predictions.logits, predictions.truth, t)
        figures[f"ece_{name}"] = calibration_error(predictions.truth, probabilities(predictions.logits, t))
    return figures


@dataclass(frozen=True)
class Threshold:
    """A threshold on the log-odds, how many folds it is the median of (0: all folds pooled), and how many
    benign flows are behind it.
    """

    log_odds: float
    folds: int
    benign_flows: int


def choose_operating_point(
    predictions: OutOfFold,
    classes: Sequence[str],
    *,
    benign_index: int,
    temperature: float,
    false_alarm_share: float,
) -> dict[str, Any]:
    """The threshold for a wanted share of false alarms, what it gives on the out-of-fold flows, and what
    others would have given.

    The threshold is the median over folds of the thresholds that would keep each fold's benign flows to the
    wanted share. One threshold for all folds together would follow the single fold whose model is most
    wrongly sure of itself, and find nothing in the others. Where fewer than two folds, or fewer than half of
    them, have benign flows enough to show the wanted share, the pooled flows of all folds decide.

    Raises
    ------
    ValueError
        All folds together have too few benign flows for the wanted share.
    """
    log_odds = attack_log_odds(predictions.logits, temperature, benign_index)
    costs, chosen = {}, None
    for share in sorted({*COMPARED_SHARES, false_alarm_share}):
        threshold = choose_threshold(predictions, log_odds, benign_index, share)
        if threshold is None:
            continue
        cost = recall_at(log_odds, predictions.truth, classes, benign_index, threshold.log_odds)
        costs[share] = {"log_odds": threshold.log_odds, **cost}
        chosen = threshold if share == false_alarm_share else chosen
    if chosen is None:
        benign = int((predictions.truth == benign_index).sum())
        raise ValueError(
            f"the split {predictions.split} tests {benign:,} benign flows; a false-alarm share of {false_alarm_share:g} takes "
            f"{1 / max(false_alarm_share, 1e-9):,.0f} or more to be seen: raise final.false_alarm_share or add benign captures"
        )
    measured = {key: value for key, value in costs[false_alarm_share].items() if key != "log_odds"}
    named = _named_per_class(predictions, classes, benign_index, temperature, chosen.log_odds)
    return {
        "log_odds": chosen.log_odds,
        "attack_probability": float(probability_of(chosen.log_odds)),
        "wanted_false_alarm_share": false_alarm_share,
        "split": predictions.split,
        "folds": int(np.unique(predictions.fold).size),
        "folds_behind_threshold": chosen.folds,
        "benign_flows_behind_threshold": chosen.benign_flows,
        "measured": measured | {"named_per_class": named},
        "choices": [{"wanted_false_alarm_share": share, **cost} for share, cost in costs.items()],
    }


def choose_threshold(
    predictions: OutOfFold, log_odds: np.ndarray, benign_index: int, share: float
) -> Threshold | None:
    """Median over the folds with at least 1 / share benign flows, of all folds pooled where these are too
    few; None where that is not enough either.
    """
    is_benign = predictions.truth == benign_index
    folds = np.unique(predictions.fold)
    parts = [log_odds[(predictions.fold == fold) & is_benign] for fold in folds]
    enough = [benign for benign in parts if benign.size and benign.size * share >= 1]
    if len(enough) >= FEWEST_FOLDS and 2 * len(enough) >= folds.size:
        thresholds = [_threshold_of(benign, share) for benign in enough]
        return Threshold(float(np.median(thresholds)), len(enough), sum(part.size for part in enough))
    pooled = log_odds[is_benign]
    if pooled.size == 0 or pooled.size * share < 1:
        return None
    return Threshold(_threshold_of(pooled, share), 0, pooled.size)


def _threshold_of(benign: np.ndarray, share: float) -> float:
    """The lowest threshold at which at most this share of some benign flows alarms."""
    return threshold_for_alarms(benign, int(np.floor(share * benign.size)))


def _named_per_class(
    predictions: OutOfFold,
    classes: Sequence[str],
    benign_index: int,
    temperature: float,
    threshold: float,
) -> dict[str, float | None]:
    """Share of each class's flows that are given this very class."""
    called, _ = decide(
        predictions.logits, temperature=temperature, benign_index=benign_index, threshold=threshold
    )
    hit, truth = called == predictions.truth, predictions.truth
    return {
        name: float(hit[truth == c].mean()) if (truth == c).any() else None for c, name in enumerate(classes)
    }


def unseen_site_cost(
    predictions: OutOfFold,
    classes: Sequence[str],
    *,
    benign_index: int,
    temperature: float,
    threshold: float,
) -> dict[str, Any]:
    """What the package's threshold gives on flows of sites that were left out of training: over all of them
    (pooled), and per fold (a site each).
    """
    log_odds = attack_log_odds(predictions.logits, temperature, benign_index)
    cost = lambda rows: recall_at(log_odds[rows], predictions.truth[rows], classes, benign_index, threshold)  # noqa: E731
    folds = np.unique(predictions.fold)
    return {
        "split": predictions.split,
        **cost(np.ones(log_odds.size, bool)),
        "folds": [{"fold": int(fold), **cost(predictions.fold == fold)} for fold in folds],
    }
