"""The reliability plot: how often a model is right when it says how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.scores.calibration import Reliability
from iotids.reporting.figures.plots import COLOURS, GRID, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 4
FEWEST_ROWS = 20  # a bin of fewer flows is no share


def reliability_figure(models: Sequence[tuple[str, Sequence[tuple[str, Reliability]]]], title: str) -> Figure:
    """A panel per model, a curve per split: share of hits over mean top score of each bin; the area of a dot
    grows with its flows.
    """
    lines = -(-len(models) // COLUMNS)
    figure = new_figure(2.5 * COLUMNS, 2.5 * lines + 0.9)
    panels = figure.subplots(lines, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, (name, curves) in zip(panels, models, strict=False):
        axes.plot([0, 1], [0, 1], color=GRID, linewidth=1.2, zorder=0)
        for (split, table), colour in zip(curves, COLOURS, strict=False):
            kept = table.rows >= FEWEST_ROWS
            x, y, rows = table.confidence_mean[kept], table.accuracy[kept], table.rows[kept]
            axes.plot(x, y, color=colour, linewidth=1.2, label=f"{split} split")
            axes.scatter(x, y, s=4 + 60 * rows / max(table.rows.sum(), 1), color=colour)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xticks(np.linspace(0, 1, 5))
        tidy(axes)
    for axes in panels[len(models) :]:
        axes.axis("off")
    figure.supxlabel("mean top score of the bin", fontsize=9)
    figure.supylabel("share of flows judged right", fontsize=9)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        frameon=False,
        loc="outside lower right",
        ncols=len(models[0][1]),
        fontsize=8,
    )
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure
