"""Pictures: Figures 2 and 3, confusion matrices, and accuracy under each split. Drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stages.reporting.curves import Curves
from stages.reporting.names import protocol_title

# two colours told apart by all kinds of colour sight (Okabe and Ito), and by light and dark
TRAIN, TEST, INK, GRID = "#0072B2", "#D55E00", "#222222", "#DDDDDD"


def curves_figure(curves: Sequence[Curves], title: str) -> Figure:
    """Accuracy (left) and loss (right) per epoch, one row per protocol; line: mean over folds, band: ± one standard deviation."""
    figure = _figure(9.0, 0.6 + 3.0 * len(curves))
    panels = figure.subplots(len(curves), 2, squeeze=False, sharex=True, sharey="col")
    for row, one in zip(panels, curves, strict=True):
        for axes, quantity in zip(row, ("accuracy", "loss"), strict=True):
            for part, colour, label in (("train", TRAIN, "training rows"), ("val", TEST, "test rows")):
                _line_with_band(axes, one, f"{part}_{quantity}", colour, label)
            _tidy(axes)
            axes.set_title(f"{quantity.capitalize()}, {protocol_title(one.protocol)} split, {one.n_folds} folds", fontsize=10, loc="left")
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    panels[0][0].legend(frameon=False, loc="lower right")
    _zoom_accuracy(panels[:, 0], curves)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def confusion_figure(matrices: Sequence[tuple[str, np.ndarray]], classes: Sequence[str], title: str) -> Figure:
    """A small matrix per model: shade and upper number are the share of the true class, lower number the flows."""
    columns = min(4, len(matrices))
    lines = -(-len(matrices) // columns)
    size = 1.1 + 0.62 * len(classes)
    figure = _figure(size * columns + 0.6, size * lines + 0.6)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for i, (axes, (name, confusion)) in enumerate(zip(panels, matrices, strict=False)):
        _draw_confusion(axes, confusion, classes, with_names=i % columns == 0)
        axes.set_title(name, fontsize=10, loc="left")
    for axes in panels[len(matrices):]:  # fmt: skip
        axes.axis("off")
    figure.suptitle(f"{title}  (rows: true class, columns: predicted)", fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def comparison_figure(names: Sequence[str], bars: Sequence[tuple[str, np.ndarray, np.ndarray]], title: str, axis: str) -> Figure:
    """A dot with a bar of ± one standard deviation per model (rows) and protocol (colours)."""
    figure = _figure(8.0, 0.9 + 0.34 * len(names))
    axes = figure.subplots()
    places = np.arange(len(names))[::-1]
    shift = 0.18 * (np.arange(len(bars)) - (len(bars) - 1) / 2)
    colours = (TRAIN, TEST, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
    for (label, mean, std), down, colour in zip(bars, shift, colours, strict=False):
        axes.errorbar(mean, places - down, xerr=np.nan_to_num(std), fmt="o", color=colour, label=label, capsize=2, markersize=5)
    axes.set_yticks(places, names)
    axes.set_xlabel(axis)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.9 / (0.9 + 0.34 * len(names)) - 0.02), ncols=len(bars))
    _tidy(axes)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def save_png(figure: Figure, path: object) -> None:
    """Write a figure without a date inside, so that the same figure gives the same bytes."""
    figure.savefig(path, format="png", dpi=140, metadata={"Software": None})  # type: ignore[arg-type]


def _figure(width: float, height: float) -> Figure:
    """An empty figure that is drawn by Agg."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _line_with_band(axes, curves: Curves, name: str, colour: str, label: str) -> None:  # type: ignore[no-untyped-def]
    """One curve."""
    mean, std = curves.mean[name], np.nan_to_num(curves.std[name])
    axes.plot(curves.epochs, mean, color=colour, label=label, linewidth=1.6)
    axes.fill_between(curves.epochs, mean - std, mean + std, color=colour, alpha=0.18, linewidth=0)


def _zoom_accuracy(panels, curves: Sequence[Curves]) -> None:  # type: ignore[no-untyped-def]
    """Start the accuracy axis where the curves are after their first jump: from zero, all networks look alike."""
    low = min(min(np.quantile(one.mean[name], 0.04) for name in ("train_accuracy", "val_accuracy")) for one in curves)
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
            axes.text(j, i, f"{100 * share[i, j]:.1f}%\n{confusion[i, j]:,}", ha="center", va="center", fontsize=6.5, color=colour)
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", fontsize=7)
    axes.set_yticks(range(len(classes)), classes if with_names else [""] * len(classes), fontsize=7)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _tidy(axes) -> None:  # type: ignore[no-untyped-def]
    """Less ink: light grid, no box."""
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=INK, length=0)
