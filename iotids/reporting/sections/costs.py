"""What a model costs: seconds to fit a fold, microseconds to judge a flow, bytes to keep."""

from __future__ import annotations

from collections.abc import Mapping

from iotids.learning.scores.names import model_title
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.writing.markdown import csv_table, markdown_table, number

MEANING = (
    "Wall-clock times of the run that made the predictions, with whatever else the machine did. A network's folds train together, and each is "
    "charged its share; a network's size is that of its float32 weights, another model's that of its pickle.\n"
)
HEADER = ["fit, s per fold", "predict, s per fold", "µs per flow", "size, KiB"]


def costs_markdown(results: Mapping[tuple[str, str], RunScores], *, task: str, split: str) -> str:
    """A row per model, quickest to judge a flow first."""
    mine = {
        model_title(model): costs(result.splits[split])
        for (its_task, model), result in results.items()
        if its_task == task
    }
    rows = sorted(mine.items(), key=lambda item: item[1][2])
    return markdown_table(
        ["Model", *HEADER],
        [[title, *(number(value, digits=2) for value in figures)] for title, figures in rows],
    )


def costs_csv(results: Mapping[tuple[str, str], RunScores]) -> str:
    """The same for every task and split."""
    rows = [
        [task, model, split, *costs(scored)]
        for (task, model), r in results.items()
        for split, scored in r.splits.items()
    ]
    return csv_table(
        ["task", "model", "split", "fit_s_per_fold", "predict_s_per_fold", "us_per_flow", "size_kib"], rows
    )


def costs(scored: SplitScores) -> tuple[float, float, float, float]:
    """Seconds to fit and to predict a fold, microseconds per flow, and KiB (mean over folds; NaN where the
    run does not say).
    """
    n, records = len(scored.records), scored.records
    fit_s, predict_s = (sum(record[name] for record in records) for name in ("fit_s", "predict_s"))
    size = sum(record.get("model_bytes", float("nan")) for record in records)
    return (
        fit_s / n,
        predict_s / n,
        1e6 * predict_s / sum(record["test_rows"] for record in records),
        size / n / 1024,
    )
