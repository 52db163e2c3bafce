"""The headline: macro F of every model under each split, with its spread and its interval, over flows and with
every capture weighing the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import METRIC, UNSEEN, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.writing.markdown import markdown_table, number

MEANING = (
    "± is one standard deviation over the folds. In brackets: the score over all folds together, and the range of 95 % of 2,000 resamples of "
    "whole recording groups (flows of one recording resemble each other, so resampling flows would be far too sure). Under *captures* every capture "
    "weighs the same, however many flows it holds: a flood of 3,000 flows counts as much as a device's quiet day of 20. A detector meets captures, "
    "not flows, so where the two figures differ the score is that of the large captures.\n"
)


def headline_markdown(
    results: Mapping[tuple[str, str], RunScores], *, task: str, splits: Sequence[str]
) -> str:
    """Macro F of every model under each split, best first under the last split with a mean over folds, else the last."""
    mine = [result for (its_task, _), result in results.items() if its_task == task]
    ranked_by = ([split for split in splits if split not in UNSEEN] or splits)[-1]
    title, rows = find_metric(METRIC).title, []
    for result in sorted(mine, key=lambda r: -r.splits[ranked_by].value(METRIC)):
        cells = [
            cell
            for split in splits
            for cell in (_cell(result.splits[split]), number(result.splits[split].by_capture[METRIC]))
        ]
        rows.append([model_title(result.model), *cells])
    header = [name for split in splits for name in (f"{split_title(split)}: {title}", "captures")]
    return markdown_table(["Model", *header], rows)


def _cell(scored: SplitScores) -> str:
    """0.9022 ± 0.0050 (0.9024, 0.8812 to 0.9201); only the brackets where a mean over folds has no meaning."""
    sure = scored.intervals[METRIC]
    brackets = f"({number(sure.value)}, {number(sure.low)} to {number(sure.high)})"
    mean = number(scored.value(METRIC), scored.spread(METRIC))
    return brackets if scored.split in UNSEEN else f"{mean} {brackets}"
