"""Do the scores mean what they say: Brier score, expected calibration error, and the points of the
reliability plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.learning.scores.names import model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.writing.markdown import csv_table, markdown_table, number

MEANING = (
    "A score of 0.9 should be right nine times in ten. ECE is the mean gap between the top score and the share of hits (15 bins), Brier the mean "
    "squared distance between scores and truth (0 to 2); both are best at 0. In the picture a curve below the diagonal belongs to a model that is "
    "too sure of itself.\n"
)


def calibration_markdown(
    results: Mapping[tuple[str, str], RunScores], *, task: str, splits: Sequence[str]
) -> str:
    """Brier and ECE of every model under each split, best calibrated first under the last."""
    mine = [result for (its_task, _), result in results.items() if its_task == task]
    rows = [
        [
            model_title(r.model),
            *(number(r.splits[p].value(name)) for p in splits for name in ("brier", "ece")),
        ]
        for r in sorted(mine, key=lambda r: r.splits[splits[-1]].value("ece"))
    ]
    return markdown_table(
        ["Model", *(f"{split_title(p)} {name}" for p in splits for name in ("Brier", "ECE"))], rows
    )


def reliability_csv(results: Mapping[tuple[str, str], RunScores]) -> str:
    """Rows, mean top score and share of hits of every bin that has rows."""
    rows: list[list[object]] = []
    for (task, model), result in results.items():
        for split, scored in result.splits.items():
            table = scored.reliability
            for i in table.rows.nonzero()[0]:
                figures = [
                    float(part[i])
                    for part in (table.edges[:-1], table.edges[1:], table.confidence_mean, table.accuracy)
                ]
                rows.append([task, model, split, *figures, int(table.rows[i])])
    return csv_table(["task", "model", "split", "from", "to", "confidence_mean", "accuracy", "flows"], rows)
