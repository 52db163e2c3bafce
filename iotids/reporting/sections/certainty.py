"""How sure is each figure: mean and spread over folds, all folds pooled, and an interval by bootstrap over
recording groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.learning.scores.comparisons import Interval, bootstrap_interval
from iotids.reporting.names import UNSEEN, model_title, protocol_title
from iotids.reporting.results import ProtocolScores, Result
from iotids.writing.markdown import csv_table, markdown_table, number

SCORES = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "mcc")
SEED = 0  # of the resampling: a report made twice says the same
MEANING = (
    "± is one standard deviation over the folds. In brackets: the score over all folds together, and the range of 95 % of 2,000 resamples of "
    "whole recording groups (flows of one recording resemble each other, so resampling flows would be far too sure).\n"
)


def interval(scored: ProtocolScores, score: str) -> Interval:
    """The pooled score with its 95 % interval."""
    return bootstrap_interval(scored.by_group, score, seed=SEED)


def headline_markdown(
    results: Mapping[tuple[str, str], Result], *, task: str, protocols: Sequence[str]
) -> str:
    """Macro F of every model under each split, best first under the last split that is no unseen one."""
    mine = [result for (its_task, _), result in results.items() if its_task == task]
    ranked_by = [protocol for protocol in protocols if protocol not in UNSEEN][-1]
    rows = []
    for result in sorted(mine, key=lambda r: -r.protocols[ranked_by].mean["f1_macro"]):
        rows.append(
            [model_title(result.model), *(_cell(result.protocols[protocol]) for protocol in protocols)]
        )
    return markdown_table(
        ["Model", *(f"{protocol_title(protocol)}: macro F" for protocol in protocols)], rows
    )


def intervals_csv(results: Mapping[tuple[str, str], Result]) -> str:
    """Mean, spread, pooled figure and interval of every model, task, split and score."""
    rows: list[list[object]] = []
    for (task, model), result in results.items():
        for protocol, scored in result.protocols.items():
            for score in SCORES:
                sure = interval(scored, score)
                rows.append(
                    [
                        task,
                        model,
                        protocol,
                        score,
                        scored.mean[score],
                        scored.std[score],
                        sure.value,
                        sure.low,
                        sure.high,
                        sure.groups,
                    ]
                )
    return csv_table(
        ["task", "model", "split", "score", "mean", "std", "pooled", "low95", "high95", "groups"], rows
    )


def _cell(scored: ProtocolScores) -> str:
    """0.9022 ± 0.0050 (0.9024, 0.8812 to 0.9201); only the brackets where a mean over folds has no meaning."""
    sure = interval(scored, "f1_macro")
    brackets = f"({number(sure.value)}, {number(sure.low)} to {number(sure.high)})"
    return (
        brackets
        if scored.protocol in UNSEEN
        else f"{number(scored.mean['f1_macro'], scored.std['f1_macro'])} {brackets}"
    )
