"""Pictures of numbers in a grid: every model against every other, and every model on every site that was
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from iotids.reporting.figures.plots import INK, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL_INCHES = 0.5


def pairwise_figure(
    panels: Sequence[tuple[str, np.ndarray, np.ndarray]], names: Sequence[str], title: str
) -> Figure:
    """A matrix per split: (its title, (m, m) differences row minus column, (m, m) differ significantly); bold
    where they do, pale where not.
    """
    size = CELL_INCHES * len(names)
    figure = new_figure((size + 0.4) * len(panels) + 1.8, size + 2.3)
    axes_of = figure.subplots(1, len(panels), squeeze=False)[0]
    # the majority class is so far from all that the full range would leave everything else white
    limit = max(float(np.nanquantile(np.abs(difference), 0.8)) for _, difference, _ in panels) or 1.0
    for i, (axes, (name, difference, apart)) in enumerate(zip(axes_of, panels, strict=True)):
        shade = np.where(
            apart, difference, 0.35 * difference
        )  # a difference that may be chance is drawn pale
        axes.imshow(shade, cmap="RdBu", vmin=-limit, vmax=limit)
        _write_numbers(axes, 100 * difference, shade / limit, bold=apart, digits=0)
        _label(axes, names if i == 0 else [""] * len(names), names)
        axes.set_title(f"{name} split", fontsize=10, loc="left")
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def unseen_figure(values: np.ndarray, models: Sequence[str], folds: Sequence[str], title: str) -> Figure:
    """(models, folds) shares of flows judged right, from 0 (white) to 1."""
    figure = new_figure(0.9 * len(folds) + 2.6, 0.34 * len(models) + 1.7)
    axes = figure.subplots()
    axes.imshow(values, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    _write_numbers(axes, 100 * values, values, bold=np.zeros(values.shape, bool), digits=1)
    _label(axes, models, folds)
    axes.set_xlabel("left out")
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def _write_numbers(axes, numbers: np.ndarray, shade: np.ndarray, *, bold: np.ndarray, digits: int) -> None:  # type: ignore[no-untyped-def]
    """One number per cell that has one, white on dark."""
    for i, j in np.ndindex(numbers.shape):
        if not np.isnan(numbers[i, j]):
            text = f"{np.round(numbers[i, j], digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a zero
            colour, weight = "white" if abs(shade[i, j]) > 0.6 else INK, "bold" if bold[i, j] else "normal"
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour, fontweight=weight)


def _label(axes, rows: Sequence[str], columns: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    """Names on the left and below, no box."""
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
