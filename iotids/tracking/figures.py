"""Pictures of a run that MLflow's page previews: confusion, per-class table, reliability, curves. Plain, because a sweep
draws hundreds of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from iotids.tracking.batches import Curve

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#DDDDDD"  # Okabe and Ito
FEWEST_ROWS = 20  # a bin of fewer flows is no share


def draw_figures(
    title: str, classes: Sequence[str], part: Mapping[str, Any], curves: Curve
) -> dict[str, bytes]:
    """PNG files by name, of one split of a scored run; `curves.png` only for models with epochs."""
    confusion = np.array(part["confusion"])
    side = 2.2 + 0.75 * len(classes)
    drawn = {
        "confusion.png": _png(side, side, title, lambda axes: _confusion(axes, confusion, classes)),
        "per_class.png": _png(
            6.0, 1.2 + 0.3 * len(classes), title, lambda axes: _table(axes, confusion, classes)
        ),
        "reliability.png": _png(4.5, 4.5, title, lambda axes: _reliability(axes, part["reliability"])),
    }
    if curves:
        drawn["curves.png"] = _png(6.5, 4.0, title, lambda axes: _curves(axes, curves))
    return drawn


def per_class(confusion: np.ndarray) -> np.ndarray:
    """(k, 4) precision, recall, F, flows of every class; NaN where nothing was said, or there was nothing to find."""
    hits, there, said = np.diag(confusion).astype(float), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([hits / said, hits / there, 2 * hits / (there + said), there.astype(float)], axis=1)


def _png(width: float, height: float, title: str, draw: Any) -> bytes:
    """One picture without a date inside."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="tight")  # bbox_inches="tight" would draw it twice
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    draw(axes)
    axes.set_title(title, fontsize=9, loc="left")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=90, metadata={"Software": None})
    return file.getvalue()


def _confusion(axes: Axes, confusion: np.ndarray, classes: Sequence[str]) -> None:
    """Shares of the true class as shade, shares and flows as text."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 else "black"
        axes.text(
            j,
            i,
            f"{100 * share:.1f} %\n{confusion[i, j]:,}",
            ha="center",
            va="center",
            fontsize=8,
            color=colour,
        )
    axes.set_xticks(range(len(classes)), classes, fontsize=8, rotation=30, ha="right")
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true class")


def _table(axes: Axes, confusion: np.ndarray, classes: Sequence[str]) -> None:
    """Precision, recall, F and flows as text."""
    lines = [f"{'class':<14}{'precision':>11}{'recall':>9}{'F':>9}{'flows':>11}"]
    for name, (precision, recall, f, flows) in zip(classes, per_class(confusion), strict=True):
        shown = [f"{v:.4f}" if np.isfinite(v) else "–" for v in (precision, recall, f)]
        lines.append(f"{name[:13]:<14}{shown[0]:>11}{shown[1]:>9}{shown[2]:>9}{flows:>11,.0f}")
    axes.text(0, 1, "\n".join(lines), family="monospace", fontsize=9, va="top", transform=axes.transAxes)
    axes.axis("off")


def _reliability(axes: Axes, table: Mapping[str, Sequence[float | None]]) -> None:
    """Share of hits over mean top score of each bin; a perfect model lies on the diagonal."""
    rows = np.array(table["rows"], float)
    said, right = (np.array(table[name], float) for name in ("confidence_mean", "accuracy"))
    kept = rows >= FEWEST_ROWS
    axes.plot([0, 1], [0, 1], color=GREY)
    axes.plot(said[kept], right[kept], color=BLUE)
    axes.scatter(said[kept], right[kept], s=6 + 80 * rows[kept] / max(rows.sum(), 1), color=BLUE)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="mean top score", ylabel="share judged right")


def _curves(axes: Axes, curves: Curve) -> None:
    """Loss over the epochs, mean over the folds."""
    for name, colour in (("train/loss", BLUE), ("val/loss", ORANGE)):
        points = sorted((epoch, value) for metric, value, epoch in curves if metric == name)
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="loss, mean over folds")
    axes.legend(frameon=False, fontsize=8)
