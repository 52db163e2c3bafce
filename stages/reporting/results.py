"""The scores of one model on one task, computed anew from its stored predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.learning.scores import confusion_matrix, mean_and_std, score_fold


@dataclass(frozen=True)
class ProtocolScores:
    """One model under one split protocol.

    Attributes
    ----------
    folds : one dict of scores per fold, in the order of the folds
    mean, std : over the folds; sample standard deviation
    confusion : (k, k) int64, all folds added; row = true class, column = predicted class
    records : what folds.json says of each fold (sizes, times, best epoch)
    """

    folds: list[dict[str, float]]
    mean: dict[str, float]
    std: dict[str, float]
    confusion: np.ndarray
    records: list[dict[str, Any]]

    @property
    def test_share(self) -> float:
        """Test rows over training rows, mean over folds: what corrects the variance of a comparison."""
        return float(np.mean([record["test_rows"] / record["train_rows"] for record in self.records]))


@dataclass(frozen=True)
class Result:
    """One model on one task under every protocol."""

    task: str
    model: str
    classes: tuple[str, ...]
    protocols: dict[str, ProtocolScores]
    params: dict[str, Any]


def score_run(document: Mapping[str, Any], predictions: pa.Table, *, protocols: Sequence[str], benign: str) -> Result:
    """Scores of a run folder.

    Parameters
    ----------
    document : content of folds.json
    predictions : content of predictions.parquet
    protocols : which to score, in this order
    benign : the class that is no attack

    Raises
    ------
    ValueError
        A protocol or fold has no predictions; says which and what to run.
    """
    classes = tuple(document["classes"])
    name = f"{document['task']}-{document['model']}"
    scored = {}
    for protocol in protocols:
        if protocol not in document["protocols"]:
            raise ValueError(f"{name} has no results for the split {protocol}; run its stage again (`dvc repro`)")
        part = predictions.filter(pc.equal(predictions["protocol"], protocol))
        records = document["protocols"][protocol]["folds"]
        scored[protocol] = _score_protocol(part, records, classes, benign=benign, where=f"{name}, split {protocol}")
    return Result(document["task"], document["model"], classes, scored, dict(document["params"]))


def _score_protocol(part: pa.Table, records: list[dict[str, Any]], classes: tuple[str, ...], *, benign: str, where: str) -> ProtocolScores:
    """Score every fold of one protocol."""
    fold_of_row, truth = part["fold"].to_numpy(), part["truth"].to_numpy()
    scores = np.column_stack([part[f"score_{name}"].to_numpy() for name in classes])
    folds, confusion = [], np.zeros((len(classes), len(classes)), np.int64)
    for record in records:
        mine = fold_of_row == record["fold"]
        if int(mine.sum()) != record["test_rows"]:
            raise ValueError(
                f"{where}, fold {record['fold']}: {int(mine.sum())} predictions for {record['test_rows']} test rows; run its stage again"
            )
        trained = ~np.isin(classes, record.get("untrained_classes", []))
        folds.append(score_fold(truth[mine], scores[mine], classes, trained=trained, benign=benign))
        confusion += confusion_matrix(truth[mine], scores[mine].argmax(axis=1), len(classes))
    mean, std = mean_and_std(folds)
    return ProtocolScores(folds, mean, std, confusion, records)
