"""Every picture of the report by file name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import METRIC, TASKS, UNSEEN, model_title, run_title, split_title
from iotids.learning.scores.pairs import Pair
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.reporting.figures import plots as figures
from iotids.reporting.figures.architecture import architecture_figure, layers_of_keras
from iotids.reporting.figures.confusion import confusion_csv
from iotids.reporting.figures.curves import curves_csv, curves_of
from iotids.reporting.figures.matrices import pairwise_figure, unseen_figure
from iotids.reporting.figures.reliability import reliability_figure
from iotids.reporting.page import Content
from iotids.reporting.sections import pairwise
from iotids.reporting.sections.unseen import unseen_matrix

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

CONFUSION_MODELS = ("hoeffding_tree", "naive_bayes", "hist_gradient_boosting")  # beside every network


def all_pictures(content: Content) -> dict[str, Figure]:
    """Pictures of every task."""
    drawn: dict[str, Figure] = {}
    for task in content.tasks:
        compared = {split: content.compared[task, split] for split in content.both}
        drawn |= task_pictures(content.of(task), compared, shown=content.both)
    return drawn


def task_pictures(
    results: Sequence[RunScores], compared: Mapping[str, Sequence[Pair]], *, shown: Sequence[str]
) -> dict[str, Figure]:
    """Pictures of one task.

    Parameters
    ----------
    results : all models of the task
    compared : pairs of the models by split
    shown : the splits that pictures set side by side
    """
    task, title, score = results[0].task, TASKS[results[0].task], find_metric(METRIC).title
    drawn = [r for r in results if r.stage == "network" or r.model in CONFUSION_MODELS] or list(results)
    matrices = [[(run_title(r.model, s), r.splits[s].confusion) for s in shown] for r in drawn]
    keys = [r.model for r in sorted(results, key=lambda r: -r.splits[shown[-1]].value(METRIC))]
    ranked = [model_title(key) for key in keys]
    panels = [(split_title(s), *pairwise.matrix(keys, compared[s])) for s in shown]
    reliable = [
        (model_title(r.model), [(split_title(s), r.splits[s].reliability) for s in shown]) for r in results
    ]
    pictures = {
        f"confusion_{task}.png": figures.confusion_figure(matrices, results[0].classes, title),
        f"models_{task}.png": figures.comparison_figure(
            results, shown, f"{title}: {score} of every model", METRIC
        ),
        f"pairwise_{task}.png": pairwise_figure(
            panels, ranked, f"{title}: {score} of the row minus the column, in points of 100"
        ),
        f"reliability_{task}.png": reliability_figure(reliable, f"{title}: are scores as good as they say?"),
    }
    for split in (s for s in results[0].splits if s in UNSEEN):
        values, left_out = unseen_matrix(results, split)
        heading = f"{title}, {split_title(split)}: % judged right"
        names = [model_title(result.model) for result in results]
        pictures[f"unseen_{split}_{task}.png"] = unseen_figure(values, names, left_out, heading)
    return pictures


def network_pictures(content: Content, task: str, history: pa.Table, model: bytes) -> dict[str, Figure]:
    """Figure 1 of a task's network, from its .keras file, and Figure 2 or 3, from its history."""
    run = content.figure_run(task)
    shown = [curves_of(history, split) for split in content.both]
    title = f"{model_title(run.model)}, {TASKS[task].lower()}"
    layers = layers_of_keras(model)
    return {
        f"figure1_{task}.png": architecture_figure(layers, title),
        f"curves_{task}.png": figures.curves_figure(shown, f"{title}: accuracy and loss per epoch"),
    }


def plots_data(content: Content, task: str, history: pa.Table) -> dict[str, str]:
    """What `dvc plots` draws of a task's network, by file name."""
    run = content.figure_run(task)
    curves = [curves_of(history, split) for split in run.splits]
    confusion = run.splits[content.both[0]].confusion
    return {
        f"curves_{task}.csv": curves_csv(curves),
        f"confusion_{task}.csv": confusion_csv(confusion, run.classes, model_title(run.model)),
    }
