"""Every model against every other: the matrix of differences, and how many models each one beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from iotids.learning.scores.names import model_title
from iotids.learning.scores.pairs import Pair
from iotids.writing.markdown import markdown_table, number

MEANING = (
    "Macro F of the row's model minus the column's, mean over the folds. Bold: a significant difference by the corrected resampled t-test (Nadeau and "
    "Bengio) at 5 %, adjusted by Holm for all pairs of the picture. Wilcoxon's signed ranks stand in out/score/pairs.csv for the record: with five folds "
    "no p below 0.0625 exists, so they alone cannot find a difference.\n"
)


def matrix(models: Sequence[str], found: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """(m, m) differences, row minus column, NaN on the diagonal, and (m, m) bool: they differ significantly."""
    place = {model: i for i, model in enumerate(models)}
    difference, apart = (
        np.full((len(models), len(models)), np.nan),
        np.zeros((len(models), len(models)), bool),
    )
    for pair in found:
        i, j = place[pair.model], place[pair.other]
        difference[i, j], difference[j, i] = pair.difference, -pair.difference
        apart[i, j] = apart[j, i] = pair.differs
    return difference, apart


def standings_markdown(
    models: Sequence[str], compared: Mapping[str, Sequence[Pair]], titles: Mapping[str, str]
) -> str:
    """How many models each one is better than, shows no difference from, and is worse than, by split (`titles` names
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
            for word in ("better than", "no difference from", "worse than")
        ),
    ]
    return markdown_table(
        header,
        [
            [model_title(model), *(number(float(c[i]), digits=0) for c in columns)]
            for i, model in enumerate(models)
        ],
    )
