"""metrics.json: the few numbers that `dvc metrics` and `dvc exp show` put in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.reporting.names import is_network
from stages.reporting.results import Result

ALWAYS = ("hoeffding_tree", "naive_bayes", "hist_gradient_boosting")
SHORT = {"acc": "accuracy", "f1": "f1_macro"}


def summary(results: Mapping[tuple[str, str], Result], *, protocols: list[str]) -> dict[str, Any]:
    """{task: {model: {split: {acc, f1}}}}, means over folds with four decimals; networks, HT, NB and gradient boosting."""
    tree: dict[str, Any] = {}
    for (task, model), result in results.items():
        if is_network(model) or model in ALWAYS:
            told = {p: {short: round(result.protocols[p].mean[name], 4) for short, name in SHORT.items()} for p in protocols}
            tree.setdefault(task, {})[model] = told
    return tree
