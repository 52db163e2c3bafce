"""metrics.json: the few numbers that `dvc metrics` and `dvc exp show` put in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.reporting.results import Result

SHORT = {"acc": "accuracy", "f1": "f1_macro"}


def summary(
    results: Mapping[tuple[str, str], Result], models: Mapping[str, str], *, protocols: list[str]
) -> dict[str, Any]:
    """{task: {split: {acc, f1}}} of the network of Figures 2 and 3, means over folds (pooled where networks
    are left out) with four decimals.

    `models` names that network for each task. The columns are the same whatever depths were run, so that
    experiments of a sweep can be compared; table3.csv has everything.
    """
    tree: dict[str, Any] = {}
    for task, model in models.items():
        scored = results[task, model].protocols
        tree[task] = {
            protocol: {short: round(scored[protocol].told(name), 4) for short, name in SHORT.items()}
            for protocol in protocols
        }
    return tree
