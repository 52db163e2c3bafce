"""What the audit's figures have in common: colours, bars from 0 to 1, PNG; the same numbers give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")


def bars(names: Sequence[str], kinds: Mapping[str, Mapping[str, float]], label: str) -> Figure:
    """Draw groups of horizontal bars from 0 to 1."""
    figure, axes = new_figure(label, height=max(1.6, 0.16 * len(names) * (len(kinds) + 0.8) + 0.9))
    places, width = np.arange(len(names)), 0.8 / len(kinds)
    for number, (kind, values) in enumerate(kinds.items()):
        axes.barh(
            places + (number + 0.5) * width - 0.4,
            [values[name] for name in names],
            width,
            color=COLOURS[number % len(COLOURS)],
            label=kind,
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return figure


def new_figure(label: str, *, height: float) -> tuple[Figure, Any]:
    """Start a figure with a horizontal axis from 0 to 1."""
    figure, axes = blank_figure(8.4, height)
    axes.set_xlabel(label)
    axes.set_xlim(0, 1)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def blank_figure(width: float, height: float) -> tuple[Figure, Any]:
    """Start an empty figure; sizes in inches."""
    # imported here: the stage's other work and its --help need no drawing, which takes most of a second to
    # load
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def png_of(figure: Figure) -> bytes:
    """Render without the time and the library's version in the file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()
