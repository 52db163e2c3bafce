"""Table III: the paper's figure and ours in every cell, under the paper's split and under the others,
baselines below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import METRIC, TASKS, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.reporting.sections.costs import costs
from iotids.writing.markdown import csv_table, markdown_table, number

# support-weighted averages: the paper's HT and NB rows are Weka's weighted averages, and one average for all
# rows compares like with like
SHOWN = {
    "accuracy": "accuracy",
    "precision": "precision_weighted",
    "recall": "recall_weighted",
    "f1": "f1_weighted",
}
COMPARED = ("accuracy", METRIC, "mcc")
CAPTURES = "macro F by capture"
TWIN = (
    "vfdt"  # the paper's HT once more, by Weka's own rules; its row stands under the paper's figures for HT
)
AVERAGES = (
    "accuracy",
    "accuracy_ovr",
    "precision_micro",
    "recall_micro",
    "f1_micro",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "accuracy_half",
    "precision_half",
    "recall_half",
    "f1_half",
    "balanced_accuracy",
    "mcc",
)


def table3_markdown(
    results: Mapping[tuple[str, str], RunScores], paper: Mapping[str, Any], *, splits: Sequence[str]
) -> str:
    """The models of the paper's table in the paper's layout: three or more lines each, the first the paper's
    own.
    """
    tasks = [task for task in TASKS if any(task == key[0] for key in results)]
    header = ["Alg.", ""] + [
        f"{TASKS[task].split()[0]} {name}" for task in tasks for name in ("Acc.", "P", "R", "F")
    ]
    rows = []
    for model in paper_rows(results, paper):
        name = f"**{model_title(model)}**"
        if model != TWIN:
            rows.append(
                [name, "paper", *(_paper_cell(paper, task, model, i) for task in tasks for i in range(4))]
            )
        for i, split in enumerate(splits):
            cells = (cell for task in tasks for cell in _our_cells(results, task, model, split))
            rows.append([name if model == TWIN and i == 0 else "", split_title(split), *cells])
    return markdown_table(header, rows, kinds="ttn")


def paper_rows(results: Mapping[tuple[str, str], RunScores], paper: Mapping[str, Any]) -> list[str]:
    """Models of Table III in the paper's order, the second Hoeffding tree after the first, then networks of
    other depths that were run.
    """
    ran = list(dict.fromkeys(model for _, model in results))
    order = [
        name
        for model in paper["binary"]
        for name in ((model, TWIN) if model == "hoeffding_tree" else (model,))
    ]
    known = [model for model in order if model in ran]
    networks = {model for (_, model), result in results.items() if result.stage == "network"}
    return known + [model for model in ran if model in networks and model not in known]


def baselines_markdown(
    results: Mapping[tuple[str, str], RunScores], *, task: str, splits: Sequence[str]
) -> str:
    """Every model of one task, best first under the last split: for each split the metrics of COMPARED and
    macro F with every capture weighing the same; then what the model never predicts, and times.
    """
    columns = [
        f"{split_title(split)} {name}"
        for split in splits
        for name in (*(find_metric(metric).title for metric in COMPARED), CAPTURES)
    ]
    header = [
        "Model",
        *columns,
        f"never predicted, {split_title(splits[-1])}",
        "fit, s per fold",
        "µs per flow",
    ]
    mine = [result for (its_task, _), result in results.items() if its_task == task]
    have = [result for result in mine if all(split in result.splits for split in splits)]
    rows = []
    for result in sorted(have, key=lambda r: -r.splits[splits[-1]].value(METRIC)):
        cells = []
        for scored in (result.splits[split] for split in splits):
            cells += [number(scored.value(metric), scored.spread(metric)) for metric in COMPARED]
            cells += [number(scored.by_capture[METRIC])]
        never = [f"{one.name} {one.folds}/{one.tested}" for one in result.splits[splits[-1]].unpredicted]
        fit_s, _, flow_us, _ = costs(result.splits[splits[0]])
        rows.append(
            [model_title(result.model), *cells, ", ".join(never) or "–", f"{fit_s:.1f}", f"{flow_us:.1f}"]
        )
    return markdown_table(header, rows)


def splits_markdown(results: Mapping[tuple[str, str], RunScores], *, task: str, splits: Sequence[str]) -> str:
    """Macro F of every model of one task under every split, in the order of the results; one pooled figure
    where folds leave out a site.
    """
    rows = []
    for (its_task, model), result in results.items():
        if its_task == task:
            scored = [result.splits[split] for split in splits]
            rows.append(
                [
                    model_title(model),
                    *(number(s.value(METRIC), s.spread(METRIC)) for s in scored),
                ]
            )
    return markdown_table(["Model", *map(split_title, splits)], rows)


def table3_csv(results: Mapping[tuple[str, str], RunScores], paper: Mapping[str, Any]) -> str:
    """Every average of every model, task and split as one long table, with the paper's figure where it
    printed one.
    """
    rows = []
    for (task, model), result in results.items():
        for split, scored in result.splits.items():
            for metric in AVERAGES:
                printed = (
                    _printed(paper, task, model, metric.split("_")[0]) if metric in SHOWN.values() else None
                )
                rows.append(
                    [
                        task,
                        model,
                        split,
                        metric,
                        printed,
                        scored.value(metric),
                        scored.spread(metric),
                        scored.figure,
                        scored.by_capture[metric],
                    ]
                )
    return csv_table(
        ["task", "model", "split", "score", "paper", "value", "std", "figure", "by_capture"], rows
    )


def averages_markdown(
    results: Mapping[tuple[str, str], RunScores], *, task: str, split: str, models: Sequence[str]
) -> str:
    """The same predictions under every average: how far the choice of average alone moves a figure."""
    groups = ("micro", "macro", "weighted", "half")
    header = [
        "Alg.",
        "Acc.",
        "Acc. one-vs-rest",
        *(f"{letter} {group}" for group in groups for letter in "PRF"),
    ]
    rows = []
    for model in models:
        if (task, model) in results and split in results[task, model].splits:
            scored = results[task, model].splits[split]
            names = [f"{name}_{group}" for group in groups for name in ("precision", "recall", "f1")]
            rows.append(
                [
                    model_title(model),
                    *(number(scored.value(name)) for name in ("accuracy", "accuracy_ovr", *names)),
                ]
            )
    return markdown_table(header, rows)


def _printed(paper: Mapping[str, Any], task: str, model: str, column: str) -> float | None:
    """What the paper printed, if it did."""
    row = paper.get(task, {}).get(model)
    return row[paper["columns"].index(column)] if row else None


def _paper_cell(paper: Mapping[str, Any], task: str, model: str, column: int) -> str:
    """The printed figure, with a star where a note says something about it."""
    row = paper.get(task, {}).get(model)
    if row is None:
        return "–"
    return f"{row[column]:.4f}" + (
        "*" if f"{task}/{model}/{paper['columns'][column]}" in paper["notes"] else ""
    )


def _our_cells(results: Mapping[tuple[str, str], RunScores], task: str, model: str, split: str) -> list[str]:
    """Mean ± sd of the four columns."""
    result = results.get((task, model))
    if result is None or split not in result.splits:
        return ["–"] * 4
    scored = result.splits[split]
    return [number(scored.value(name), scored.spread(name)) for name in SHOWN.values()]
