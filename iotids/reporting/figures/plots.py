"""Pictures: Figures 2 and 3, confusion matrices, and accuracy under each split. Drawn without a display."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.reporting.figures.curves import Curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# colours that every kind of colour sight can tell apart (Okabe and Ito), and by light and dark
TRAIN, TEST, INK, GRID = "#0072B2", "#D55E00", "#222222", "#DDDDDD"
COLOURS = (TRAIN, TEST, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def curves_figure(curves: Sequence[Curves], title: str) -> Figure:
    """Accuracy (left) and loss (right) per epoch, one row per split; line: mean over folds, band: ± one
    standard deviation.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(9.0, 0.6 + 3.0 * len(curves))
    panels = figure.subplots(len(curves), 2, squeeze=False, sharex=True, sharey="col")
    for row, one in zip(panels, curves, strict=True):
        for axes, quantity in zip(row, ("accuracy", "loss"), strict=True):
            for part, colour, label in (("train", TRAIN, "training rows"), ("val", TEST, "test rows")):
                _line_with_band(axes, one, f"{part}_{quantity}", colour, label)
            tidy(axes)
            axes.set_title(
                f"{quantity.capitalize()}, {split_title(one.split)} split, {one.n_folds} folds",
                fontsize=10,
                loc="left",
            )
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0][0].legend(frameon=False, loc="lower right")
    _zoom_accuracy(panels[:, 0], curves)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def confusion_figure(
    matrices: Sequence[Sequence[tuple[str, np.ndarray]]], classes: Sequence[str], title: str
) -> Figure:
    """A small matrix per model and split; the splits of one model stand side by side, two models on a line
    where there is room.

    Shade and upper number are the share of the true class, the lower number counts flows.
    """
    n_splits = len(matrices[0])
    columns = n_splits * max(1, min(len(matrices), 4 // n_splits))
    flat = [panel for model in matrices for panel in model]
    lines = -(-len(flat) // columns)
    size = 1.1 + 0.62 * len(classes)
    figure = new_figure(size * columns + 0.6, size * lines + 0.6)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for i, (axes, (name, confusion)) in enumerate(zip(panels, flat, strict=False)):
        _draw_confusion(axes, confusion, classes, with_names=i % columns == 0)
        axes.set_title(name, fontsize=10, loc="left")
    for axes in panels[len(flat) :]:
        axes.axis("off")
    figure.suptitle(
        f"{title}  (rows: true class, columns: predicted)", fontsize=12, fontweight="bold", x=0.01, ha="left"
    )
    return figure


def comparison_figure(results: Sequence[RunScores], splits: Sequence[str], title: str, score: str) -> Figure:
    """A dot per model (rows, best on top) and split (colours), with a bar of ± one standard deviation over
    folds.
    """
    ranked = sorted(results, key=lambda result: result.splits[splits[-1]].value(score))
    height = 1.5 + 0.34 * len(ranked)
    figure = new_figure(8.0, height)
    axes = figure.subplots()
    places = np.arange(len(ranked))
    shift = 0.22 * ((len(splits) - 1) / 2 - np.arange(len(splits)))
    for split, up, colour in zip(splits, shift, itertools.cycle(COLOURS), strict=False):
        mean = [result.splits[split].value(score) for result in ranked]
        std = [result.splits[split].spread(score) for result in ranked]
        label = f"{split_title(split)} split"
        axes.errorbar(
            mean, places + up, xerr=np.nan_to_num(std), fmt="o", color=colour, label=label, capsize=2
        )
    axes.set_yticks(places, [model_title(result.model) for result in ranked])
    axes.set_xlabel(f"{find_metric(score).title}, mean ± standard deviation over folds")
    tidy(axes)
    figure.legend(frameon=False, loc="outside lower center", ncols=len(splits))
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def save_png(figure: Figure, path: object, *, data_name: str = "") -> None:
    """Write a figure, what data it shows at its foot, without a date inside, so that the same figure gives the same bytes."""
    if data_name:
        line = 0.2 / figure.get_figheight()
        figure.set_layout_engine("constrained", rect=(0, line, 1, 1 - line))
        figure.text(0.01, line / 4, f"data set {data_name}", fontsize=7, color=INK)
    figure.savefig(path, format="png", dpi=140, metadata={"Software": None})  # type: ignore[arg-type]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that is drawn by Agg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second, for those who draw
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _line_with_band(axes, curves: Curves, name: str, colour: str, label: str) -> None:  # type: ignore[no-untyped-def]
    """One curve."""
    mean, std = curves.mean[name], np.nan_to_num(curves.std[name])
    axes.plot(curves.epochs, mean, color=colour, label=label, linewidth=1.6)
    low, high = np.maximum(mean - std, 0.0), mean + std
    if name.endswith("accuracy"):
        high = np.minimum(high, 1.0)
    axes.fill_between(curves.epochs, low, high, color=colour, alpha=0.18, linewidth=0)


def _zoom_accuracy(panels, curves: Sequence[Curves]) -> None:  # type: ignore[no-untyped-def]
    """Start the accuracy axis where the curves are after their first jump: from zero, all networks look
    alike.
    """
    low = min(
        min(np.quantile(one.mean[name], 0.04) for name in ("train_accuracy", "val_accuracy"))
        for one in curves
    )
    high = max(one.mean[name].max() for one in curves for name in ("train_accuracy", "val_accuracy"))
    margin = max(0.1 * (high - low), 0.002)
    for axes in panels:
        axes.set_ylim(low - margin, min(high + margin, 1.0 + margin / 3))


def _draw_confusion(axes, confusion: np.ndarray, classes: Sequence[str], *, with_names: bool) -> None:  # type: ignore[no-untyped-def]
    """One matrix with its numbers."""
    support = confusion.sum(axis=1, keepdims=True)
    share = np.divide(confusion, support, out=np.zeros(confusion.shape), where=support > 0)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    for i, j in np.ndindex(confusion.shape):
        if confusion[i, j]:
            colour = "white" if share[i, j] > 0.6 else INK
            axes.text(
                j,
                i,
                f"{100 * share[i, j]:.1f}%\n{confusion[i, j]:,}",
                ha="center",
                va="center",
                fontsize=6.5,
                color=colour,
            )
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", fontsize=7)
    axes.set_yticks(range(len(classes)), classes if with_names else [""] * len(classes), fontsize=7)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def tidy(axes) -> None:  # type: ignore[no-untyped-def]
    """Less ink: light grid, no box."""
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=INK, length=0)
