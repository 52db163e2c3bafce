"""metrics.json: the few numbers that `dvc metrics` and `dvc exp show` put in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.learning.scores.names import METRIC, NOT_A_DETECTOR, model_key, model_title
from iotids.learning.scores.runs.run_scores import RunScores

SHOWN = ("accuracy", METRIC)
BEST = "best_baseline"


def summary(runs: Mapping[tuple[str, str], RunScores], *, digits: int = 4) -> dict[str, Any]:
    """{task: {split: {model: {metric: value}}}} of every network, by `model_key`, and of the best baseline.

    The best baseline has the largest macro F of the models that are no network and no yardstick
    (`NOT_A_DETECTOR`); `model` names it. Values are those of every table: mean over folds, pooled for unseen
    sites.
    """
    tree: dict[str, Any] = {}
    for (task, model), run in runs.items():
        for split, scored in run.splits.items():
            if run.stage == "network":
                figures = {metric: round(scored.value(metric), digits) for metric in SHOWN}
                tree.setdefault(task, {}).setdefault(split, {})[model_key(model)] = figures
    for task in dict.fromkeys(task for task, _ in runs):
        mine = [run for (its_task, _), run in runs.items() if its_task == task]
        for split in mine[0].splits:
            if best := best_baseline(mine, split):
                figures = {metric: round(best.splits[split].value(metric), digits) for metric in SHOWN}
                tree.setdefault(task, {}).setdefault(split, {})[BEST] = {
                    "model": model_title(best.model)
                } | figures
    return tree


def best_baseline(runs: Sequence[RunScores], split: str) -> RunScores | None:
    """The best of the models that are no network and no yardstick; None without one."""
    mine = [run for run in runs if run.stage != "network" and run.model not in NOT_A_DETECTOR]
    return max(mine, key=lambda run: run.splits[split].value(METRIC), default=None)
