"""A network or attack that no training row came from: what each model makes of it, one left out at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.reporting.names import model_title
from iotids.reporting.results import Result
from iotids.writing.markdown import markdown_table, number

MEANING = (
    "Each row leaves out one whole network (or attack): no model has seen a flow of it. Cells are the share of its flows judged right; where it holds "
    "one class only, this is that class's recall, or 1 - false-alarm rate for benign. Flows of a class that no other network has cannot be named "
    "by anybody: they are counted, not scored. The last rows add up all flows, each judged by the model that had not seen its network.\n"
)
POOLED = {
    "accuracy": "all: accuracy",
    "balanced_accuracy": "all: balanced accuracy",
    "f1_macro": "all: macro F",
    "mcc": "all: MCC",
}


def unseen_markdown(results: Sequence[Result], protocol: str) -> str:
    """A row per fold, a column per model; below, the scores of all folds together."""
    some = results[0].protocols[protocol]
    rows = []
    for i, name in enumerate(some.fold_names):
        flows = f"{int(some.folds[i]['rows']):,}" + (
            f" + {int(n):,}" if (n := some.folds[i].get("untestable_rows")) else ""
        )
        rows.append(
            [name, flows, *(number(result.protocols[protocol].folds[i]["accuracy"]) for result in results)]
        )
    for score, title in POOLED.items():
        rows.append([title, "", *(number(result.protocols[protocol].pooled[score]) for result in results)])
    return markdown_table(
        ["left out", "flows + those nobody can name", *(model_title(result.model) for result in results)],
        rows,
    )


def unseen_matrix(results: Sequence[Result], protocol: str) -> tuple[np.ndarray, list[str]]:
    """(models, folds) share of flows judged right, and the folds' names."""
    values = np.array([[fold["accuracy"] for fold in result.protocols[protocol].folds] for result in results])
    return values, results[0].protocols[protocol].fold_names
