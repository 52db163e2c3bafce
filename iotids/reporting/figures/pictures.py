"""Every picture of the report by file name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iotids.reporting import expected
from iotids.reporting.figures import plots as figures
from iotids.reporting.figures.curves import Curves
from iotids.reporting.figures.matrices import pairwise_figure, unseen_figure
from iotids.reporting.figures.reliability import reliability_figure
from iotids.reporting.names import METRIC, TASKS, UNSEEN, model_title, protocol_title, run_title
from iotids.reporting.results import Result
from iotids.reporting.sections import pairwise
from iotids.reporting.sections.unseen import unseen_matrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def task_pictures(
    results: Sequence[Result],
    told: Sequence[Curves],
    compared: Mapping[str, Sequence[pairwise.Pair]],
    *,
    curves_of: str,
    shown: Sequence[str],
) -> dict[str, Figure]:
    """Pictures of one task.

    Parameters
    ----------
    results : all models of the task
    told : curves of the network `curves_of`, one per split
    compared : pairs of the models by split
    shown : the splits that pictures set side by side
    """
    task, title = results[0].task, TASKS[results[0].task]
    chosen = expected.confusion_models([result.model for result in results])
    drawn = [result for result in results if result.model in chosen]
    matrices = [[(run_title(r.model, p), r.protocols[p].confusion) for p in shown] for r in drawn]
    keys = [
        result.model
        for result in sorted(results, key=lambda result: -result.protocols[shown[-1]].mean[METRIC])
    ]
    ranked = [model_title(key) for key in keys]
    panels = [(protocol_title(p), *pairwise.matrix(keys, compared[p])) for p in shown]
    reliable = [
        (model_title(r.model), [(protocol_title(p), r.protocols[p].reliability) for p in shown])
        for r in results
    ]
    pictures = {
        f"curves_{task}.png": figures.curves_figure(
            [one for one in told if one.protocol in shown],
            f"{model_title(curves_of)}, {title.lower()}: accuracy and loss per epoch",
        ),
        f"confusion_{task}.png": figures.confusion_figure(matrices, results[0].classes, title),
        f"models_{task}.png": figures.comparison_figure(
            results, shown, f"{title}: macro F of every model", METRIC
        ),
        f"pairwise_{task}.png": pairwise_figure(
            panels, ranked, f"{title}: macro F of the row minus the column, in points of 100"
        ),
        f"reliability_{task}.png": reliability_figure(reliable, f"{title}: are scores as good as they say?"),
    }
    for protocol in (p for p in results[0].protocols if p in UNSEEN):
        values, left_out = unseen_matrix(results, protocol)
        heading = f"{title}, {protocol_title(protocol)}: % judged right"
        names = [model_title(result.model) for result in results]
        pictures[f"unseen_{protocol}_{task}.png"] = unseen_figure(values, names, left_out, heading)
    return pictures
