"""Scores over the number of flows, from runs of data sets of different size: what more data are worth to each model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import TASKS, model_title, split_title
from iotids.reporting.comparing.compared_run import ComparedRun, Row
from iotids.reporting.figures.plots import COLOURS, new_figure, tidy
from iotids.truth.integrating.table2 import PAPER_PRINTED_TOTALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = "osD^vP*X"
PAPER_FLOWS = PAPER_PRINTED_TOTALS["flows"]


def size_figure(runs: Sequence[ComparedRun], models: Sequence[str], scores: Sequence[str]) -> Figure:
    """A panel per task (rows) and score (columns), a line per model, over the flows of each run's Table II, logarithmic.

    Bars are ± one standard deviation over folds; a hollow mark is the paper's figure, at its own number of flows, where
    it prints the score. The split is the first that all runs have.

    Raises
    ------
    ValueError
        A run without Table II, two runs of one size, or no split that all have.
    """
    sizes = [_flows_of(run) for run in runs]
    if len(set(sizes)) < max(2, len(sizes)):
        raise ValueError(
            f"a picture over the number of flows wants two or more runs of different size; these have {', '.join(map(str, sizes))}"
        )
    split = _common_split(runs)
    tasks = [task for task in TASKS if any(row["task"] == task for row in runs[0].table3)]
    figure = new_figure(4.6 * len(scores), 0.8 + 3.2 * len(tasks))
    panels = figure.subplots(len(tasks), len(scores), squeeze=False, sharex=True)
    for line, task in zip(panels, tasks, strict=True):
        for axes, score in zip(line, scores, strict=True):
            for model, colour, mark in zip(
                models, itertools.cycle(COLOURS), itertools.cycle(MARKS), strict=False
            ):
                _draw(
                    axes, [_row(run, task, model, split, score) for run in runs], sizes, model, colour, mark
                )
            axes.set_xscale("log")
            axes.set_title(f"{find_metric(score).title}, {TASKS[task]}", fontsize=10, loc="left")
            tidy(axes)
    for axes in panels[-1]:
        axes.set_xticks(sizes, [f"{size / 1000:,.0f}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("flows, in thousands")
    panels[0][-1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.suptitle(
        f"{split_title(split)} split, mean ± sd over folds; hollow: the paper", fontsize=11, x=0.01, ha="left"
    )
    return figure


def _draw(
    axes: Axes, rows: Sequence[Row | None], sizes: Sequence[int], model: str, colour: str, mark: str
) -> None:
    """A model's line over the sizes that it was run at, and the paper's figure."""
    known = [(size, row) for size, row in zip(sizes, rows, strict=True) if row is not None]
    if not known:
        return
    mean, std = ([float(row[key] or 0.0) for _, row in known] for key in ("value", "std"))
    look: dict[str, Any] = {"color": colour, "marker": mark, "markersize": 4}
    axes.errorbar(
        [size for size, _ in known],
        mean,
        yerr=std,
        linewidth=1.4,
        capsize=2,
        label=model_title(model),
        **look,
    )
    if paper := known[0][1]["paper"]:
        axes.plot(PAPER_FLOWS, float(paper), fillstyle="none", linestyle="none", **look)


def _row(run: ComparedRun, task: str, model: str, split: str, score: str) -> Row | None:
    """The row of Table III; None where the run has no such model."""
    wanted = {"task": task, "model": model, "split": split, "score": score}
    return next((row for row in run.table3 if all(row[key] == text for key, text in wanted.items())), None)


def _flows_of(run: ComparedRun) -> int:
    """The flows of a run's Table II."""
    if not run.table2:
        raise ValueError(
            f"run {run.name!r} has no Table II, so its number of flows is not known; name its folder or experiment"
        )
    return sum(int(row["flows"]) for row in run.table2)


def _common_split(runs: Sequence[ComparedRun]) -> str:
    """The first split of the first run that every run has."""
    have = [{row["split"] for row in run.table3} for run in runs]
    for row in runs[0].table3:
        if all(row["split"] in splits for splits in have):
            return row["split"]
    raise ValueError(f"the runs {', '.join(run.name for run in runs)} have no split in common")
