"""The scores of one model on one task under every split, computed from its stored predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.learning.scores.calibration import Reliability, reliability_table
from iotids.learning.scores.comparisons import Interval, bootstrap_intervals, group_confusions
from iotids.learning.scores.confusions import confusion_matrix
from iotids.learning.scores.judged import capture_weights
from iotids.learning.scores.names import UNSEEN
from iotids.learning.scores.scores import mean_and_std, score_fold, score_predictions
from iotids.learning.scores.unpredicted import Unpredicted, count_unpredicted

STRETCHES = 50  # of a run in order of time


@dataclass(frozen=True)
class SplitScores:
    """One model under one split.

    Attributes
    ----------
    split : key of the split
    fold_names : what each fold leaves out, or its number
    folds : the metrics of each fold, in the order of the folds
    mean, std : over the folds, sample standard deviation; empty where a fold leaves out something whole, since
        its rows may hold one class only, and a mean of such folds has no meaning
    pooled : metrics of all folds' predictions together; rows whose class a fold did not train on are left out
    by_capture : the same rows, every capture weighing the same
    confusion : (k, k) int64, all rows of all folds; row = true class, column = predicted class
    by_group : (g, k, k) int64, the rows of `pooled`, one confusion matrix per recording group; None when read
        from a file
    intervals : of the pooled score, 95 % of the resamples of whole recording groups, by metric
    reliability : of the rows of `pooled`
    records : what folds.json says of each fold (sizes, times, best epoch)
    unpredicted : classes that were never predicted where they should have been
    repeats : number of fits of each fold that differ by chance alone (order of rows, seed); 1 is none
    repeat_std : standard deviation over repeats of the mean over folds, by metric; empty without repeats
    """

    split: str
    fold_names: list[str]
    folds: list[dict[str, float]]
    mean: dict[str, float]
    std: dict[str, float]
    pooled: dict[str, float]
    by_capture: dict[str, float]
    confusion: np.ndarray
    by_group: np.ndarray | None
    intervals: dict[str, Interval]
    reliability: Reliability
    records: list[dict[str, Any]]
    unpredicted: list[Unpredicted] = field(default_factory=list)
    repeats: int = 1
    repeat_std: dict[str, float] = field(default_factory=dict)

    def value(self, metric: str) -> float:
        """The one figure that stands for a metric everywhere: the mean over folds, or the pooled one where
        folds leave out something whole.
        """
        return (self.pooled if self.split in UNSEEN else self.mean)[metric]

    def spread(self, metric: str) -> float:
        """Standard deviation over folds beside `value`; NaN where it is the pooled one."""
        return self.std.get(metric, float("nan"))

    @property
    def figure(self) -> str:
        """What `value` is, in words."""
        return f"{'all' if self.split in UNSEEN else 'mean over'} {len(self.folds)} folds" + (
            " pooled" if self.split in UNSEEN else ""
        )

    @property
    def test_share(self) -> float:
        """Test rows over training rows, mean over folds: what corrects the variance of a comparison."""
        return float(np.mean([record["test_rows"] / record["train_rows"] for record in self.records]))


@dataclass(frozen=True)
class RunScores:
    """One model on one task under every split, and what folds.json says of the run beside its folds.

    `stage` is the one that trained it: network or baseline. `origin` is that of a kind that another work
    describes (`iotids.learning.contract.Origin`).
    """

    task: str
    model: str
    stage: str
    classes: tuple[str, ...]
    splits: dict[str, SplitScores]
    params: dict[str, Any]
    prequential: dict[str, Any] | None = None
    origin: dict[str, Any] | None = None


@dataclass(frozen=True)
class Flows:
    """What must be known of the flows beside the predictions: (n,) group number and capture number of each,
    and the names of every split's folds.
    """

    group: np.ndarray
    capture: np.ndarray
    fold_names: Mapping[str, Mapping[int, str]]


def flows_of(table: pa.Table, described: Mapping[str, Mapping[str, Any]]) -> Flows:
    """Group and capture of every flow, each numbered within its source, and the folds' names.

    Parameters
    ----------
    table : columns source, group, capture
    described : content of each split's JSON
    """
    source, group, capture = (
        table.column(name).combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        for name in ("source", "group", "capture")
    )
    names = {split: {f["fold"]: f["name"] for f in one["folds"]} for split, one in described.items()}
    return Flows(_numbered(source, group), _numbered(source, capture), names)


def _numbered(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """One number for every pair of numbers that there is."""
    return np.unique(outer * (1 + inner.max(initial=0)) + inner, return_inverse=True)[1]


def score_run(
    document: Mapping[str, Any],
    predictions: pa.Table,
    *,
    splits: Sequence[str],
    benign: str,
    flows: Flows,
    repeats: pa.Table | None = None,
    in_time: pa.Table | None = None,
) -> RunScores:
    """Scores of a run folder.

    Parameters
    ----------
    document : content of folds.json
    predictions : content of predictions.parquet
    splits : which to score, in this order
    benign : the class that is no attack
    flows : of the dataset that the run was trained on
    repeats : predictions of further fits of the same folds, with a column `repeat`
    in_time : predictions of a run that tests, then trains, in that order

    Raises
    ------
    ValueError
        A split or fold has no predictions; says which and what to run.
    """
    name, classes = f"{document['task']}-{document['model']}", tuple(document["classes"])
    scored = {}
    for split in splits:
        if split not in document["splits"]:
            raise ValueError(
                f"{name} has no results for the split {split}; run its stage again (`dvc repro`)"
            )
        records = document["splits"][split]["folds"]
        scored[split] = _score_split(
            split,
            _part(predictions, split),
            records,
            classes,
            flows,
            benign=benign,
            where=f"{name}, split {split}",
        )
        if repeats is not None and (again := _part(repeats, split)).num_rows:
            scored[split] = _with_repeats(scored[split], again, records, classes, benign)
    kept = None if in_time is None else _score_in_time(in_time, classes, benign)
    return RunScores(
        document["task"],
        document["model"],
        document["stage"],
        classes,
        scored,
        dict(document["params"]),
        kept,
        document.get("origin"),
    )


def _score_in_time(table: pa.Table, classes: Sequence[str], benign: str) -> dict[str, Any]:
    """Metrics over a whole run in order of time, and the accuracy in equal stretches of flows."""
    scores, truth = _score_matrix(table, classes), table["truth"].to_numpy()
    stretches = np.array_split(scores.argmax(axis=1) == truth, min(STRETCHES, truth.size))
    return {
        "metrics": score_predictions(truth, scores, classes, benign=benign),
        "window_flows": [part.size for part in stretches],
        "window_accuracy": [float(part.mean()) for part in stretches],
    }


def _score_matrix(table: pa.Table, classes: Sequence[str]) -> np.ndarray:
    """(n, k) scores."""
    return np.column_stack([table[f"score_{name}"].to_numpy() for name in classes])


def _part(predictions: pa.Table, split: str) -> pa.Table:
    """The rows of one split."""
    return predictions.filter(pc.equal(predictions["split"].cast(pa.string()), split))


def _arrays(part: pa.Table, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fold, truth and (n, k) scores of every row."""
    return part["fold"].to_numpy(), part["truth"].to_numpy(), _score_matrix(part, classes)


def _trained(record: Mapping[str, Any], classes: Sequence[str]) -> np.ndarray:
    """(k,) bool: the class had a row in the fold's training part."""
    return ~np.isin(classes, record.get("untrained_classes", []))


def _score_split(
    split: str,
    part: pa.Table,
    records: Sequence[Mapping[str, Any]],
    classes: tuple[str, ...],
    flows: Flows,
    *,
    benign: str,
    where: str,
) -> SplitScores:
    """Score every fold of one split, and all of them together."""
    fold_of_row, truth, scores = _arrays(part, classes)
    folds, per_fold, testable = [], [], np.zeros(truth.size, bool)
    for record in records:
        mine = fold_of_row == record["fold"]
        if int(mine.sum()) != record["test_rows"]:
            raise ValueError(
                f"{where}, fold {record['fold']}: {int(mine.sum())} predictions for {record['test_rows']} test rows; run its stage again"
            )
        trained = _trained(record, classes)
        folds.append(score_fold(truth[mine], scores[mine], classes, trained=trained, benign=benign))
        per_fold.append(confusion_matrix(truth[mine], scores[mine].argmax(axis=1), len(classes)))
        testable |= mine & trained[truth]
    mean, std = mean_and_std(folds) if split not in UNSEEN else ({}, {})
    row = part["row"].to_numpy()[testable]
    truth, scores = truth[testable], scores[testable]
    by_group = group_confusions(truth, scores.argmax(axis=1), flows.group[row], len(classes))
    names = flows.fold_names.get(split, {})
    return SplitScores(
        split,
        [names.get(record["fold"], str(record["fold"])) for record in records],
        folds,
        mean,
        std,
        score_predictions(truth, scores, classes, benign=benign),
        score_predictions(truth, scores, classes, benign=benign, weight=capture_weights(flows.capture[row])),
        np.sum(per_fold, axis=0),
        by_group,
        bootstrap_intervals(by_group),
        reliability_table(truth, scores),
        [dict(record) for record in records],
        count_unpredicted(per_fold, [_trained(record, classes) for record in records], classes),
    )


def _with_repeats(
    scored: SplitScores,
    again: pa.Table,
    records: Sequence[Mapping[str, Any]],
    classes: tuple[str, ...],
    benign: str,
) -> SplitScores:
    """Add the spread over fits that differ by chance alone; the split's own figures stay those of the first."""
    per_repeat = [scored.pooled if scored.split in UNSEEN else scored.mean]
    for number in np.unique(again["repeat"].to_numpy()):
        fold_of_row, truth, scores = _arrays(again.filter(pc.equal(again["repeat"], int(number))), classes)
        folds, testable = [], np.zeros(truth.size, bool)
        for record in records:
            mine, trained = fold_of_row == record["fold"], _trained(record, classes)
            testable |= mine & trained[truth]
            folds.append(score_fold(truth[mine], scores[mine], classes, trained=trained, benign=benign))
        per_repeat.append(
            score_predictions(truth[testable], scores[testable], classes, benign=benign)
            if scored.split in UNSEEN
            else mean_and_std(folds)[0]
        )
    return replace(scored, repeats=len(per_repeat), repeat_std=mean_and_std(per_repeat)[1])
