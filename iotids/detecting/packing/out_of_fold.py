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
    attack_log_odds,
    fit_temperature,
    log_loss,
    log_scores,
    probabilities,
    probability_of,
    recall_at,
    threshold_for_alarms,
)
from iotids.learning.scores.calibration import calibration_error

SHARES_TOLD = (0.001, 0.003, 0.01, 0.03, 0.1)  # operating points that the model card compares


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of one protocol, ascending by row: dataset row, fold, true class, and logarithms of the
    scores.
    """

    protocol: str
    row: np.ndarray
    fold: np.ndarray
    truth: np.ndarray
    logits: np.ndarray


def read_out_of_fold(predictions: pa.Table, protocol: str, classes: Sequence[str]) -> OutOfFold:
    """Take one protocol out of a run's predictions.parquet.

    Raises
    ------
    ValueError
        The run has no such protocol, or other classes.
    """
    wanted = [f"score_{name}" for name in classes]
    if missing := [name for name in wanted if name not in predictions.column_names]:
        raise ValueError(
            f"the run's predictions lack {', '.join(missing)}; they are of other classes: run the network stage again"
        )
    mine = predictions.filter(pc.equal(predictions.column("protocol").cast(pa.string()), protocol))
    if mine.num_rows == 0:
        known = ", ".join(sorted(set(predictions.column("protocol").cast(pa.string()).to_pylist())))
        raise ValueError(
            f"the run has no predictions for the split protocol {protocol!r} (it has {known}): set final.protocol or network.protocols"
        )
    mine = mine.sort_by("row")
    scores = np.stack([mine.column(name).to_numpy() for name in wanted], axis=1)
    row, fold, truth = (mine.column(name).to_numpy() for name in ("row", "fold", "truth"))
    return OutOfFold(protocol, row, fold, truth, log_scores(scores))


def choose_temperature(predictions: OutOfFold) -> dict[str, Any]:
    """The temperature and what it mends, for package.json."""
    temperature = fit_temperature(predictions.logits, predictions.truth)
    figures = {
        "temperature": temperature,
        "protocol": predictions.protocol,
        "flows": int(predictions.truth.size),
    }
    for name, t in (("before", 1.0), ("after", temperature)):
        figures[f"log_loss_{name}"] = log_loss(predictions.logits, predictions.truth, t)
        figures[f"ece_{name}"] = calibration_error(predictions.truth, probabilities(predictions.logits, t))
    return figures


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
    wrongly sure of itself, and find nothing in the others.

    Raises
    ------
    ValueError
        No fold has enough benign flows for the wanted share.
    """
    log_odds = attack_log_odds(predictions.logits, temperature, benign_index)
    costs = {}
    for share in sorted({*SHARES_TOLD, false_alarm_share}):
        if (threshold := _median_threshold(predictions, log_odds, benign_index, share)) is not None:
            costs[share] = {
                "log_odds": threshold,
                **recall_at(log_odds, predictions.truth, classes, benign_index, threshold),
            }
    if false_alarm_share not in costs:
        raise ValueError(
            f"no fold of protocol {predictions.protocol} tests {1 / max(false_alarm_share, 1e-9):,.0f} benign flows or more, so a false-alarm "
            f"share of {false_alarm_share:g} cannot be seen there: raise final.false_alarm_share or add benign captures"
        )
    threshold = float(costs[false_alarm_share]["log_odds"])
    return {
        "log_odds": threshold,
        "attack_probability": float(probability_of(threshold)),
        "wanted_false_alarm_share": false_alarm_share,
        "protocol": predictions.protocol,
        "measured": {key: value for key, value in costs[false_alarm_share].items() if key != "log_odds"},
        "choices": [{"wanted_false_alarm_share": share, **cost} for share, cost in costs.items()],
    }


def _median_threshold(
    predictions: OutOfFold, log_odds: np.ndarray, benign_index: int, share: float
) -> float | None:
    """Median over the folds with at least 1 / share benign flows; None where there is no such fold."""
    thresholds = []
    for fold in np.unique(predictions.fold):
        benign = log_odds[(predictions.fold == fold) & (predictions.truth == benign_index)]
        if benign.size and benign.size * share >= 1:
            thresholds.append(threshold_for_alarms(benign, int(np.floor(share * benign.size))))
    return float(np.median(thresholds)) if thresholds else None
