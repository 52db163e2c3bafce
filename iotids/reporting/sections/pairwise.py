"""Every model against every other on the same folds: two tests with Holm's adjustment, and a bootstrap
interval of the difference.
"""

from __future__ import annotations

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
from iotids.reporting.names import METRIC, model_title
from iotids.reporting.results import Result
from iotids.reporting.sections.certainty import SEED
from iotids.reporting.sections.differences import corrected_t_test, holm
from iotids.writing.markdown import csv_table, markdown_table, number

LEVEL = 0.05
HEADER = [
    "task",
    "split",
    "model",
    "other",
    "difference",
    "t_p",
    "t_p_holm",
    "wilcoxon_p",
    "wilcoxon_p_holm",
    "pooled",
    "low95",
    "high95",
]
MEANING = (
    "Macro F of the row's model minus the column's, mean over the folds. Bold: told apart by the corrected resampled t-test (Nadeau and Bengio) "
    "at 5 %, adjusted by Holm for all pairs of the picture. Wilcoxon's signed ranks stand in pairwise.csv for the record: with five folds no p "
    "below 0.0625 exists, so they alone cannot tell anything apart.\n"
)


class Pair(NamedTuple):
    """Model minus other under one split: mean difference over folds, p-values raw and by Holm, pooled
    difference and its 95 % interval.
    """

    model: str
    other: str
    difference: float
    t_p: float
    t_p_holm: float
    wilcoxon_p: float
    wilcoxon_p_holm: float
    pooled: float
    low: float
    high: float

    @property
    def told_apart(self) -> bool:
        """Whether the corrected t-test finds a difference."""
        return self.t_p_holm < LEVEL


def pairs(results: Sequence[Result], protocol: str) -> list[Pair]:
    """All pairs of the results of one task under one split; p-values adjusted for the number of pairs."""
    scored = {result.model: result.protocols[protocol] for result in results}
    drawn = {model: bootstrap_scores(mine.by_group, METRIC, seed=SEED) for model, mine in scored.items()}
    both = list(combinations(scored, 2))
    tests, signed, sure = [], [], []
    for model, other in both:
        first, second = scored[model], scored[other]
        check_same_flows(first.by_group, second.by_group)
        folds = [fold[METRIC] for fold in first.folds], [fold[METRIC] for fold in second.folds]
        tests.append(corrected_t_test(*folds, test_share=first.test_share))
        signed.append(wilcoxon_signed_rank(*folds))
        pooled = first.pooled[METRIC] - second.pooled[METRIC]
        sure.append(percentile_interval(pooled, drawn[model] - drawn[other], len(first.by_group)))
    adjusted, signed_adjusted = holm([p for _, p in tests]), holm(signed)
    return [
        Pair(model, other, difference, p, p_holm, w, w_holm, one.value, one.low, one.high)
        for (model, other), (difference, p), p_holm, w, w_holm, one in zip(
            both, tests, adjusted, signed, signed_adjusted, sure, strict=True
        )
    ]


def pairwise_csv(compared: Mapping[tuple[str, str], Sequence[Pair]]) -> str:
    """Every pair as a line; keys are (task, split)."""
    return csv_table(HEADER, [[*key, *pair] for key, found in compared.items() for pair in found])


def matrix(models: Sequence[str], found: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """(m, m) differences, row minus column, NaN on the diagonal, and (m, m) bool: told apart."""
    place = {model: i for i, model in enumerate(models)}
    difference, apart = (
        np.full((len(models), len(models)), np.nan),
        np.zeros((len(models), len(models)), bool),
    )
    for pair in found:
        i, j = place[pair.model], place[pair.other]
        difference[i, j], difference[j, i] = pair.difference, -pair.difference
        apart[i, j] = apart[j, i] = pair.told_apart
    return difference, apart


def standings_markdown(
    models: Sequence[str], compared: Mapping[str, Sequence[Pair]], titles: Mapping[str, str]
) -> str:
    """How many models each one is better than, not told apart from, and worse than, by split (`titles` names
    the splits).
    """
    columns = []
    for found in compared.values():
        difference, apart = matrix(models, found)
        columns += [
            (apart & (difference > 0)).sum(axis=1),
            (~apart).sum(axis=1) - 1,
            (apart & (difference < 0)).sum(axis=1),
        ]
    header = [
        "Model",
        *(
            f"{titles[split]}: {word}"
            for split in compared
            for word in ("better than", "not told apart from", "worse than")
        ),
    ]
    return markdown_table(
        header,
        [
            [model_title(model), *(number(float(c[i]), digits=0) for c in columns)]
            for i, model in enumerate(models)
        ],
    )
