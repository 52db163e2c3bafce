"""The scores of one model on one task, computed anew from its stored predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.learning.scores.calibration import Reliability, reliability_table
from iotids.learning.scores.comparisons import group_confusions
from iotids.learning.scores.scores import confusion_matrix, mean_and_std, score_fold
from iotids.reporting.names import UNSEEN


@dataclass(frozen=True)
class ProtocolScores:
    """One model under one split protocol.

    Attributes
    ----------
    folds : one dict of scores per fold, in the order of the folds
    mean, std : over the folds; sample standard deviation
    confusion : (k, k) int64, all folds added; row = true class, column = predicted class
    records : what folds.json says of each fold (sizes, times, best epoch)
    pooled : scores of all folds' predictions together; rows whose class a fold did not train on are left out
    by_group : (g, k, k) int64, the same rows as `pooled`, one confusion matrix per recording group
    reliability : of the same rows
    fold_names : what each fold leaves out, or its number
    order_std : standard deviation over orders of the training rows, by score; empty where the order does not
        matter
    """

    protocol: str
    folds: list[dict[str, float]]
    mean: dict[str, float]
    std: dict[str, float]
    confusion: np.ndarray
    records: list[dict[str, Any]]
    pooled: dict[str, float]
    by_group: np.ndarray
    reliability: Reliability
    fold_names: list[str]
    order_std: dict[str, float] = field(default_factory=dict)

    def told(self, score: str) -> float:
        """The figure that tables of one number show: the mean over folds, or the pooled one where no mean has
        a meaning.

        A split by what is unseen has folds of one class, in which a macro F or an MCC says nothing.
        """
        return (self.pooled if self.protocol in UNSEEN else self.mean)[score]

    @property
    def test_share(self) -> float:
        """Test rows over training rows, mean over folds: what corrects the variance of a comparison."""
        return float(np.mean([record["test_rows"] / record["train_rows"] for record in self.records]))


@dataclass(frozen=True)
class Result:
    """One model on one task under every protocol; `prequential` is what folds.json says of that run, if there
    was one.
    """

    task: str
    model: str
    classes: tuple[str, ...]
    protocols: dict[str, ProtocolScores]
    params: dict[str, Any]
    prequential: dict[str, Any] | None = None


@dataclass(frozen=True)
class Flows:
    """What the report must know of the flows beside the predictions: (n,) group number of each, and the names
    of every split's folds.
    """

    group: np.ndarray
    fold_names: Mapping[str, Mapping[int, str]]


def score_run(
    document: Mapping[str, Any], predictions: pa.Table, *, protocols: Sequence[str], benign: str, flows: Flows
) -> Result:
    """Scores of a run folder.

    Parameters
    ----------
    document : content of folds.json
    predictions : content of predictions.parquet
    protocols : which to score, in this order
    benign : the class that is no attack
    flows : of the dataset that the run was trained on

    Raises
    ------
    ValueError
        A protocol or fold has no predictions; says which and what to run.
    """
    classes, scored = tuple(document["classes"]), {}
    name = f"{document['task']}-{document['model']}"
    for protocol in protocols:
        if protocol not in document["protocols"]:
            raise ValueError(
                f"{name} has no results for the split {protocol}; run its stage again (`dvc repro`)"
            )
        part = predictions.filter(pc.equal(predictions["protocol"], protocol))
        kept = document["protocols"][protocol]
        scored[protocol] = _score_protocol(
            part, kept, classes, flows, benign=benign, where=f"{name}, split {protocol}"
        )
    return Result(
        document["task"],
        document["model"],
        classes,
        scored,
        dict(document["params"]),
        document.get("prequential"),
    )


def _score_protocol(
    part: pa.Table,
    kept: Mapping[str, Any],
    classes: tuple[str, ...],
    flows: Flows,
    *,
    benign: str,
    where: str,
) -> ProtocolScores:
    """Score every fold of one protocol, and all of them together."""
    fold_of_row, truth = part["fold"].to_numpy(), part["truth"].to_numpy()
    scores = np.column_stack([part[f"score_{name}"].to_numpy() for name in classes])
    protocol = part["protocol"][0].as_py() if part.num_rows else ""
    folds, confusion, testable, records = (
        [],
        np.zeros((len(classes), len(classes)), np.int64),
        np.zeros(truth.size, bool),
        kept["folds"],
    )
    for record in records:
        mine = fold_of_row == record["fold"]
        if int(mine.sum()) != record["test_rows"]:
            raise ValueError(
                f"{where}, fold {record['fold']}: {int(mine.sum())} predictions for {record['test_rows']} test rows; run its stage again"
            )
        trained = ~np.isin(classes, record.get("untrained_classes", []))
        folds.append(score_fold(truth[mine], scores[mine], classes, trained=trained, benign=benign))
        confusion += confusion_matrix(truth[mine], scores[mine].argmax(axis=1), len(classes))
        testable |= mine & trained[truth]
    mean, std = mean_and_std(folds)
    truth, scores, group = truth[testable], scores[testable], flows.group[part["row"].to_numpy()[testable]]
    pooled = score_fold(truth, scores, classes, trained=np.ones(len(classes), bool), benign=benign)
    by_group = group_confusions(truth, scores.argmax(axis=1), group, len(classes))
    names = flows.fold_names.get(protocol, {})
    return ProtocolScores(
        protocol,
        folds,
        mean,
        std,
        confusion,
        records,
        pooled,
        by_group,
        reliability_table(truth, scores),
        [names.get(record["fold"], str(record["fold"])) for record in records],
        kept.get("order_std", {}),
    )
