"""Every model against every other on the same folds: two tests with Holm's adjustment, and a bootstrap
interval of the difference.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from iotids.learning.scores.comparisons import (
    bootstrap_scores,
    check_same_flows,
    percentile_interval,
    wilcoxon_signed_rank,
)
from iotids.learning.scores.names import METRIC, UNSEEN
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.learning.scores.significance import corrected_t_test, holm
from iotids.writing.markdown import csv_table

LEVEL = 0.05


class Pair(NamedTuple):
    """Model minus other under one split: mean difference over folds, p-values raw and by Holm, pooled
    difference and its 95 % interval. All of METRIC.
    """

    model: str
    other: str
    difference: float
    t_p: float
    t_p_holm: float
    wilcoxon_p: float
    wilcoxon_p_holm: float
    pooled: float
    low95: float
    high95: float

    @property
    def differs(self) -> bool:
        """Whether the corrected t-test finds a difference."""
        return self.t_p_holm < LEVEL


HEADER = ["task", "split", *Pair._fields]


def pairs(runs: Sequence[RunScores], split: str) -> list[Pair]:
    """All pairs of the runs of one task under one split; p-values adjusted for the number of pairs."""
    scored = {run.model: run.splits[split] for run in runs}
    groups = {model: _groups(mine) for model, mine in scored.items()}
    drawn = {model: bootstrap_scores(by_group)[METRIC] for model, by_group in groups.items()}
    both = list(combinations(scored, 2))
    tests, signed, sure = [], [], []
    for model, other in both:
        first, second = scored[model], scored[other]
        check_same_flows(groups[model], groups[other])
        folds = [fold[METRIC] for fold in first.folds], [fold[METRIC] for fold in second.folds]
        tests.append(corrected_t_test(*folds, test_share=first.test_share))
        signed.append(wilcoxon_signed_rank(*folds))
        pooled = first.pooled[METRIC] - second.pooled[METRIC]
        sure.append(percentile_interval(pooled, drawn[model] - drawn[other], len(groups[model])))
    adjusted, signed_adjusted = holm([p for _, p in tests]), holm(signed)
    return [
        Pair(model, other, difference, p, p_holm, w, w_holm, one.value, one.low, one.high)
        for (model, other), (difference, p), p_holm, w, w_holm, one in zip(
            both, tests, adjusted, signed, signed_adjusted, sure, strict=True
        )
    ]


def compare_runs(runs: Mapping[tuple[str, str], RunScores]) -> dict[tuple[str, str], list[Pair]]:
    """All pairs of models of every task, under every split with a mean over folds; by (task, split)."""
    compared: dict[tuple[str, str], list[Pair]] = {}
    for task in dict.fromkeys(task for task, _ in runs):
        mine = [run for (its_task, _), run in runs.items() if its_task == task]
        compared |= {(task, split): pairs(mine, split) for split in mine[0].splits if split not in UNSEEN}
    return compared


def _groups(scored: SplitScores) -> np.ndarray:
    """Confusion matrices by group, which only a run that was just scored has."""
    if scored.by_group is None:
        raise ValueError(
            "scores read from a file have no matrices by group: pairs are made by the score stage"
        )
    return scored.by_group


def pairs_csv(compared: Mapping[tuple[str, str], Sequence[Pair]]) -> str:
    """Every pair as a line; keys are (task, split)."""
    return csv_table(HEADER, [[*key, *pair] for key, found in compared.items() for pair in found])


def read_pairs(text: str) -> dict[tuple[str, str], list[Pair]]:
    """The pairs of `pairs_csv`; an empty cell is NaN."""
    compared: dict[tuple[str, str], list[Pair]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        numbers = [float(row[name] or "nan") for name in Pair._fields[2:]]
        compared.setdefault((row["task"], row["split"]), []).append(
            Pair(row["model"], row["other"], *numbers)
        )
    return compared
