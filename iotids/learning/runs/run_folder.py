"""What a run folder says: the record of every fold, its summary per protocol, and the table of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.learning.scores.scores import mean_and_std


@dataclass(frozen=True)
class FoldResult:
    """One fitted and tested fold.

    Attributes
    ----------
    rows : (n,) int64 test rows of the dataset, ascending
    truth : (n,) int8 class numbers
    scores : (n, k) float32
    record : what folds.json says of it: fold, train_rows, test_rows, fit_s, predict_s, metrics and more
    """

    protocol: str
    fold: int
    rows: np.ndarray
    truth: np.ndarray
    scores: np.ndarray
    record: dict[str, Any] = field(default_factory=dict)


def predictions_table(results: Sequence[FoldResult], classes: Sequence[str]) -> pa.Table:
    """All predictions: protocol, row, fold, truth, score_<CLASS> per class, in the order of the results."""
    protocols = list(dict.fromkeys(result.protocol for result in results))
    numbers = np.concatenate([np.full(r.rows.size, protocols.index(r.protocol), np.int8) for r in results])
    scores = np.concatenate([result.scores for result in results]).astype(np.float32)
    columns: dict[str, Any] = {
        "protocol": pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(protocols)),
        "row": np.concatenate([result.rows for result in results]).astype(np.int64),
        "fold": np.concatenate([np.full(r.rows.size, r.fold, np.int16) for r in results]),
        "truth": np.concatenate([result.truth for result in results]).astype(np.int8),
    }
    return pa.table(columns | {f"score_{name}": scores[:, c] for c, name in enumerate(classes)})


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
    for protocol in dict.fromkeys(result.protocol for result in results):
        folds = [result.record for result in results if result.protocol == protocol]
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


def join_orders(results: Sequence[FoldResult]) -> list[FoldResult]:
    """Keep the result of each fold's first order, and note the scores of all its orders in its record, where
    there are several.
    """
    firsts: dict[tuple[str, int], FoldResult] = {}
    orders: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for result in results:
        key = result.protocol, result.fold
        firsts.setdefault(key, result)
        orders.setdefault(key, []).append({"metrics": result.record["metrics"]})
    for key, first in firsts.items():
        if len(orders[key]) > 1:
            first.record["orders"] = orders[key]
    return list(firsts.values())
