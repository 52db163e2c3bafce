"""Pictures of a run that MLflow's page previews: confusion, per-class table, reliability, curves. Plain, because a sweep
draws hundreds of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.tracking.drawing import BLACK, GREY, Axes, Drawing, round_ticks

if TYPE_CHECKING:
    from iotids.tracking.batches import Curve

BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito
FEWEST_ROWS = 20  # a bin of fewer flows is no share
TITLE_Y, CHARACTER = 20, 7.0  # widest letters of a name are about so many pixels


def draw_figures(
    title: str, classes: Sequence[str], part: Mapping[str, Any], curves: Curve
) -> dict[str, bytes]:
    """SVG files by name, of one split of a scored run; `curves.svg` only for models with epochs."""
    confusion = np.array(part["confusion"])
    drawn = {
        "confusion.svg": _confusion(title, confusion, classes),
        "per_class.svg": _table(title, confusion, classes),
        "reliability.svg": _reliability(title, part["reliability"]),
    }
    if any(metric in CURVES for metric, _, _ in curves):
        drawn["curves.svg"] = _curves(title, curves)
    return {name: drawing.content() for name, drawing in drawn.items()}


def per_class(confusion: np.ndarray) -> np.ndarray:
    """(k, 4) precision, recall, F, flows of every class; NaN where nothing was said, or there was nothing to find."""
    hits, there, said = np.diag(confusion).astype(float), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([hits / said, hits / there, 2 * hits / (there + said), there.astype(float)], axis=1)


def _sheet(width: float, height: float, title: str) -> Drawing:
    """A sheet with its title, as wide as the title needs."""
    drawing = Drawing(max(width, 20 + CHARACTER * len(title)), height)
    drawing.text(10, TITLE_Y, title, size=13)
    return drawing


def _confusion(title: str, confusion: np.ndarray, classes: Sequence[str]) -> Drawing:
    """Shares of the true class as shade, shares and flows as text."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    cell, left, top = 68, 40 + CHARACTER * max(map(len, classes)), 40
    side = cell * len(classes)
    below = top + side
    drawing = _sheet(left + side + 20, below + 30 + 0.55 * left, title)
    for i, row in enumerate(confusion):
        for j, flows in enumerate(row):
            x, y = left + cell * j, top + cell * i
            drawing.rectangle(x, y, cell, cell, _shade(shares[i, j]))
            colour = "white" if shares[i, j] > 0.5 else BLACK
            drawing.text(
                x + cell / 2, y + cell / 2 - 3, f"{shares[i, j]:.1%}", anchor="middle", colour=colour
            )
            words = f"{flows:,}"
            drawing.text(x + cell / 2, y + cell / 2 + 13, words, size=11, anchor="middle", colour=colour)
    for k, name in enumerate(classes):
        middle = cell * (k + 0.5)
        drawing.text(left - 6, top + middle + 4, name, anchor="end")
        drawing.text(left + middle + 6, below + 16, name, anchor="end", turned=-30)
    drawing.text(16, top + side / 2, "true class", anchor="middle", turned=-90)
    drawing.text(left + side / 2, drawing.height - 8, "predicted", anchor="middle")
    return drawing


def _shade(share: float) -> str:
    """White to dark blue."""
    low, high = (247, 251, 255), (8, 48, 107)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(low, high, strict=True))
    return f"#{red:02X}{green:02X}{blue:02X}"


def _table(title: str, confusion: np.ndarray, classes: Sequence[str]) -> Drawing:
    """Precision, recall, F and flows as text."""
    width = max(14, *(len(name) + 2 for name in classes))
    lines = [f"{'class':<{width}}{'precision':>11}{'recall':>9}{'F':>9}{'flows':>11}"]
    for name, (precision, recall, f, flows) in zip(classes, per_class(confusion), strict=True):
        shown = [f"{v:.4f}" if np.isfinite(v) else "–" for v in (precision, recall, f)]
        lines.append(f"{name:<{width}}{shown[0]:>11}{shown[1]:>9}{shown[2]:>9}{flows:>11,.0f}")
    drawing = _sheet(20 + 7.5 * len(lines[0]), 40 + 20 * len(lines), title)
    for number, line in enumerate(lines):
        drawing.text(10, 50 + 20 * number, line, monospace=True)
    return drawing


def _reliability(title: str, table: Mapping[str, Sequence[float | None]]) -> Drawing:
    """Share of hits over mean top score of each bin; a perfect model lies on the diagonal."""
    rows = np.array(table["rows"], float)
    said, right = (np.array(table[name], float) for name in ("confidence_mean", "accuracy"))
    drawing, tenths = _sheet(420, 420, title), [0, 0.2, 0.4, 0.6, 0.8, 1]
    axes = Axes(drawing, 60, 40, 330, 320, (0, 1), (0, 1))
    axes.frame(tenths, tenths, "mean top score", "share judged right")
    drawing.line([axes.at(0, 0), axes.at(1, 1)], GREY)
    kept = [axes.at(said[i], right[i]) for i in np.flatnonzero(rows >= FEWEST_ROWS)]
    drawing.line(kept, BLUE, 1.5)
    for point, share in zip(kept, rows[rows >= FEWEST_ROWS] / max(rows.sum(), 1), strict=True):
        drawing.dot(*point, 2 + 5 * np.sqrt(share), BLUE)
    return drawing


CURVES = {"train/loss": BLUE, "val/loss": ORANGE}


def _curves(title: str, curves: Curve) -> Drawing:
    """Loss over the epochs, mean over the folds; epochs without a finite loss are left out."""
    lines = {
        name: sorted((e, value) for metric, value, e in curves if metric == name and np.isfinite(value))
        for name in CURVES
    }
    epochs, losses = (
        zip(*(point for line in lines.values() for point in line), strict=True)
        if any(lines.values())
        else ((0, 1), (0.0, 1.0))
    )
    low, high = min(losses), max(losses)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    drawing = _sheet(600, 360, title)
    x_limits = (min(epochs), max(max(epochs), min(epochs) + 1))
    axes = Axes(drawing, 70, 40, 500, 260, x_limits, (low - margin, high + margin))
    whole = [tick for tick in round_ticks(*axes.x_limits, most=8) if tick == int(tick)]
    axes.frame(whole, round_ticks(*axes.y_limits), "epoch", "loss, mean over folds")
    for number, (name, colour) in enumerate(CURVES.items()):
        if lines[name]:
            drawing.line([axes.at(*point) for point in lines[name]], colour, 2)
            drawing.text(axes.left + axes.width - 5, 55 + 16 * number, name, anchor="end", colour=colour)
    return drawing
