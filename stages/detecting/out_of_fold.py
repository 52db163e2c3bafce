"""What the cross-validation knows about a configuration: scores of flows by models that had not learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.detecting.operating_point import (
    attack_log_odds,
    fit_temperature,
    log_loss,
    log_scores,
    probabilities,
    probability_of,
    recall_at,
    threshold_for_alarms,
)
from stages.learning.calibration import calibration_error


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of one protocol, ascending by row: dataset row, fold, true class, and logarithms of the scores."""

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
        raise ValueError(f"the run's predictions lack {', '.join(missing)}; they are of other classes: run the network stage again")
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
    figures = {"temperature": temperature, "protocol": predictions.protocol, "flows": int(predictions.truth.size)}
    for name, t in (("before", 1.0), ("after", temperature)):
        figures[f"log_loss_{name}"] = log_loss(predictions.logits, predictions.truth, t)
        figures[f"ece_{name}"] = calibration_error(predictions.truth, probabilities(predictions.logits, t))
    return figures


def choose_operating_point(
    predictions: OutOfFold, classes: Sequence[str], *, benign_index: int, temperature: float, false_alarm_share: float
) -> dict[str, Any]:
    """The threshold that keeps false alarms to the wanted share of out-of-fold benign flows, and the recall that is left.

    Raises
    ------
    ValueError
        No benign flow among the predictions.
    """
    log_odds = attack_log_odds(predictions.logits, temperature, benign_index)
    benign = log_odds[predictions.truth == benign_index]
    if benign.size == 0:
        raise ValueError(f"no benign flow among the predictions of protocol {predictions.protocol}: an operating point needs some")
    threshold = threshold_for_alarms(benign, int(np.floor(false_alarm_share * benign.size)))
    measured = recall_at(log_odds, predictions.truth, classes, benign_index, threshold)
    at_half = recall_at(log_odds, predictions.truth, classes, benign_index, 0.0)
    return {
        "log_odds": threshold, "attack_probability": float(probability_of(threshold)), "wanted_false_alarm_share": false_alarm_share,
        "protocol": predictions.protocol, "measured": measured, "at_probability_one_half": at_half,
    }  # fmt: skip
