"""A site or attack that no training row came from: what each model makes of it, one left out at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import model_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.writing.markdown import markdown_table, number

MEANING = (
    "Each row leaves out one whole site (or attack): no model has seen a flow of it. Cells are the share of its flows judged right; where it holds "
    "one class only, this is that class's recall, or 1 - false-alarm rate for benign. Flows of a class that no other site has cannot be named "
    "by anybody: they are counted, not scored. The last rows add up all flows, each judged by the model that had not seen its site: first every flow "
    "weighing the same, then every capture.\n"
)
POOLED = ("accuracy", "balanced_accuracy", "f1_macro", "mcc", "detection_roc_auc")
TITLES = {"accuracy": "accuracy"}


def unseen_markdown(results: Sequence[RunScores], split: str) -> str:
    """A row per fold, a column per model; below, the scores of all folds together."""
    some = results[0].splits[split]
    rows = []
    for i, name in enumerate(some.fold_names):
        flows = f"{int(some.folds[i]['rows']):,}" + (
            f" + {int(n):,}" if (n := some.folds[i].get("untestable_rows")) else ""
        )
        rows.append([name, flows, *(number(result.splits[split].folds[i]["accuracy"]) for result in results)])
    for weighing in ("all", "captures"):
        for metric in POOLED:
            title = f"{weighing}: {TITLES.get(metric, find_metric(metric).title)}"
            part = [result.splits[split] for result in results]
            values = [
                scored.value(metric) if weighing == "all" else scored.by_capture[metric] for scored in part
            ]
            rows.append([title, "", *map(number, values)])
    return markdown_table(
        ["left out", "flows + those nobody can name", *(model_title(result.model) for result in results)],
        rows,
    )


def unseen_matrix(results: Sequence[RunScores], split: str) -> tuple[np.ndarray, list[str]]:
    """(models, folds) share of flows judged right, and the folds' names."""
    values = np.array([[fold["accuracy"] for fold in result.splits[split].folds] for result in results])
    return values, results[0].splits[split].fold_names
