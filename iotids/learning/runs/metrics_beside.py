"""Metrics beside the records of a run, and `protocol` for split: until every reader computes its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.learning.contract import CrossValidation, FoldResult, TrainingData
from iotids.learning.runs import run_folder
from iotids.learning.scores.scores import mean_and_std, score_fold, score_predictions

WINDOWS = 50


def with_metrics(document: Mapping[str, Any], run: CrossValidation, data: TrainingData) -> dict[str, Any]:
    """The document with `protocols`: records with metrics, mean, std, and the spread over orders."""
    protocols = {}
    for split in document["splits"]:
        mine = [result for result in run.results if result.split == split]
        orders = sorted({result.order for result in mine})
        scored = {o: [_metrics(result, data) for result in mine if result.order == o] for o in orders}
        folds = [
            result.record
            | {"metrics": scored[0][i]}
            | ({"orders": [{"metrics": scored[o][i]} for o in orders]} if len(orders) > 1 else {})
            for i, result in enumerate(one for one in mine if one.order == 0)
        ]
        mean, std = mean_and_std(scored[0])
        protocols[split] = {"folds": folds, "mean": mean, "std": std} | _spread(scored)
    kept = {key: value for key, value in document.items() if key != "splits"}
    return kept | {"protocols": protocols} | _prequential(run, data)


def with_protocol(table: pa.Table) -> pa.Table:
    """Predictions of the first order with the column `protocol`, or a history with it."""
    if "order" in table.column_names:
        table = table.filter(pc.equal(table["order"], 0)).drop_columns("order")
    return table.rename_columns(["protocol" if name == "split" else name for name in table.column_names])


def _metrics(result: FoldResult, data: TrainingData) -> dict[str, float]:
    """Scores of one fold."""
    trained = ~np.isin(data.classes, result.record["untrained_classes"])
    return score_fold(result.truth, result.scores, data.classes, trained=trained, benign=data.benign)


def _spread(scored: Mapping[int, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Mean over folds per order, and its standard deviation over orders."""
    if len(scored) < 2:
        return {}
    means = [mean_and_std(folds)[0] for folds in scored.values()]
    return {"orders": len(means), "order_means": means, "order_std": mean_and_std(means)[1]}


def _prequential(run: CrossValidation, data: TrainingData) -> dict[str, Any]:
    """Scores of the run in order of time, and the accuracy in equal stretches of flows."""
    if run.prequential is None:
        return {}
    rows, scores = run.prequential
    truth = data.truth[rows]
    hits = np.array_split(scores.argmax(axis=1) == truth, min(WINDOWS, truth.size))
    record = {
        "protocol": "test, then train, in order of flow start",
        "metrics": score_predictions(truth, scores, data.classes, benign=data.benign),
        "window_flows": [part.size for part in hits],
        "window_accuracy": [float(part.mean()) for part in hits],
    }
    return {"prequential": record}


def run_document(
    results: Sequence[FoldResult],
    task: str,
    model: str,
    classes: Sequence[str],
    *,
    n_features: int,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of folds.json: every fold's record, and mean and standard deviation over folds, per
    protocol.
    """
    protocols: dict[str, Any] = {}
    for protocol in dict.fromkeys(result.split for result in results):
        folds = [result.record for result in results if result.split == protocol]
        mean, std = mean_and_std([fold["metrics"] for fold in folds])
        protocols[protocol] = {"folds": folds, "mean": mean, "std": std} | order_seed_spread(folds)
    return {
        "task": task,
        "model": model,
        "classes": list(classes),
        "features": n_features,
        "protocols": protocols,
        "params": dict(params),
    }


def order_seed_spread(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean over folds of every score for each order of the training rows, and their standard deviation over
    orders.

    Empty for models that do not depend on the order. The run's own figures are those of the first order.
    """
    if not folds or not folds[0].get("orders"):
        return {}
    per_order = [
        mean_and_std([fold["orders"][i]["metrics"] for fold in folds])[0]
        for i in range(len(folds[0]["orders"]))
    ]
    _, spread = mean_and_std(per_order)
    return {"orders": len(per_order), "order_means": per_order, "order_std": spread}


def predictions_table(results: Sequence[FoldResult], classes: Sequence[str]) -> pa.Table:
    """All predictions with the column `protocol`."""
    return with_protocol(run_folder.predictions_table(results, classes))
