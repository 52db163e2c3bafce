"""Every score there is, as long tables."""

from __future__ import annotations

from collections.abc import Mapping

from iotids.learning.scores.confusions import class_counts
from iotids.learning.scores.metrics import METRICS
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.writing.markdown import csv_table

Runs = Mapping[tuple[str, str], RunScores]
SCORES = [
    "task",
    "model",
    "split",
    "score",
    "value",
    "std",
    "pooled",
    "low95",
    "high95",
    "groups",
    "by_capture",
]
PER_CLASS = ["task", "model", "split", "class", "precision", "recall", "f1", "support", "predicted"]


def long_tables(runs: Runs) -> dict[str, str]:
    """Every table by file name."""
    return {
        "scores.csv": scores_csv(runs),
        "folds.csv": folds_csv(runs),
        "per_class.csv": per_class_csv(runs),
    }


def scores_csv(runs: Runs) -> str:
    """A line per task, model, split and metric: the value of every table (mean over folds, or pooled where a
    fold leaves out a site), standard deviation over folds, all folds pooled with the interval by resampled
    groups, pooled with every capture weighing the same.
    """
    rows: list[list[object]] = []
    for (task, model), run in runs.items():
        for split, scored in run.splits.items():
            for name in METRICS:
                sure = scored.intervals.get(name)
                bounds = [sure.low, sure.high, sure.groups] if sure else [None] * 3
                figures = [scored.value(name), scored.spread(name), scored.pooled[name], *bounds]
                rows.append([task, model, split, name, *figures, scored.by_capture[name]])
    return csv_table(SCORES, rows)


def folds_csv(runs: Runs) -> str:
    """A line per task, model, split and fold, a column per metric; the fold's name is its number or what it
    leaves out.
    """
    rows: list[list[object]] = []
    for (task, model), run in runs.items():
        for split, scored in run.splits.items():
            for name, fold in zip(scored.fold_names, scored.folds, strict=True):
                rows.append([task, model, split, name, *(fold[metric] for metric in METRICS)])
    return csv_table(["task", "model", "split", "fold", *METRICS], rows)


def per_class_csv(runs: Runs) -> str:
    """A line per task, model, split and class, all folds added."""
    rows: list[list[object]] = []
    for (task, model), run in runs.items():
        for split, scored in run.splits.items():
            columns = [
                *class_counts(scored.confusion),
                scored.confusion.sum(axis=1),
                scored.confusion.sum(axis=0),
            ]
            for k, name in enumerate(run.classes):
                rows.append([task, model, split, name, *(column[k].item() for column in columns)])
    return csv_table(PER_CLASS, rows)
