"""The effect of other flow timeouts as a table: how many flows, of which classes, and what one tree scores on
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iotids.writing.markdown import markdown_table

MeanAndStd = tuple[float, float]


@dataclass(frozen=True)
class Metered:
    """What one flow timeout gave: flows per class after cleaning; per task and split the tree's scores by
    name, each mean and std.
    """

    flow_timeout_s: float
    flows: Mapping[str, int]
    scores: Mapping[str, Mapping[str, MeanAndStd]]


def timeout_table(metered: Sequence[Metered], classes: Sequence[str]) -> str:
    """Write one table of flows and one of scores, a line per timeout, as Markdown.

    Parameters
    ----------
    metered : sequence of Metered
        All with the same tasks and splits; at least one.
    classes : sequence of str
        The columns of the first table, in order.
    """
    flows = []
    for row in metered:
        total = sum(row.flows.values())
        shares = (
            f"{row.flows.get(name, 0):,} ({100 * row.flows.get(name, 0) / max(total, 1):.1f} %)"
            for name in classes
        )
        flows.append([f"{row.flow_timeout_s:g}", f"{total:,}", *shares])
    columns = list(metered[0].scores)
    scores = []
    for row in metered:
        cells = (
            f"{_score(row.scores[column]['accuracy'])} / {_score(row.scores[column]['f1_macro'])}"
            for column in columns
        )
        scores.append([f"{row.flow_timeout_s:g}", *cells])
    return (
        markdown_table(["flow timeout, s", "flows", *classes], flows, kinds="n")
        + "\n"
        + markdown_table(
            ["flow timeout, s", *(f"{column}: acc. / macro F" for column in columns)], scores, kinds="n"
        )
    )


def _score(mean_and_std: MeanAndStd) -> str:
    """Write a score with its spread over folds."""
    return "{:.4f} ± {:.4f}".format(*mean_and_std)
