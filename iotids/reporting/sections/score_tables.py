"""Every score there is, as long tables: by fold, and over the folds of a split."""

from __future__ import annotations

from collections.abc import Mapping

from iotids.reporting.results import Result
from iotids.writing.markdown import csv_table


def folds_csv(results: Mapping[tuple[str, str], Result]) -> str:
    """A line per task, model, split and fold, a column per score; the fold's name is its number or what it
    leaves out.
    """
    scores = list(next(iter(next(iter(results.values())).protocols.values())).folds[0])
    rows: list[list[object]] = []
    for (task, model), result in results.items():
        for protocol, scored in result.protocols.items():
            for name, fold in zip(scored.fold_names, scored.folds, strict=True):
                rows.append([task, model, protocol, name, *(fold[score] for score in scores)])
    return csv_table(["task", "model", "split", "fold", *scores], rows)


def scores_csv(results: Mapping[tuple[str, str], Result]) -> str:
    """A line per task, model, split and score: mean and standard deviation over folds, and the score of all
    folds pooled.
    """
    rows: list[list[object]] = []
    for (task, model), result in results.items():
        for protocol, scored in result.protocols.items():
            rows += [
                [task, model, protocol, name, scored.mean[name], scored.std[name], scored.pooled[name]]
                for name in scored.mean
            ]
    return csv_table(["task", "model", "split", "score", "mean", "std", "pooled"], rows)
