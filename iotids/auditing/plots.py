"""The audit's figures as PNG; the same numbers give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")


def draw_figures(
    audit: Mapping[str, Any], correlations: np.ndarray, durations_s: Mapping[str, np.ndarray]
) -> dict[str, bytes]:
    """Draw all figures that the audit has numbers for.

    Parameters
    ----------
    correlations : (k, k) float64
        Rank correlations in the order of the features.
    durations_s : mapping
        Per source some durations in seconds.
    """
    figures = {
        "counts": _counts(audit),
        "duplicates": _duplicates(audit),
        "separability": _separability(audit),
        "durations": _durations(durations_s),
    }
    if audit["twins"]:
        figures["twins"] = _twins(audit["twins"])
    if any(audit["source_probe"].values()):
        figures["source_probe"] = _probe(audit["source_probe"])
    if len(correlations) > 1:
        figures["correlations"] = _correlations(correlations)
    return {name: _png(figure) for name, figure in figures.items()}


def _counts(audit: Mapping[str, Any]) -> Figure:
    """Share of each source in each class."""
    classes, counts = audit["classes"], audit["counts"]
    totals = {name: max(sum(counts[source].get(name, 0) for source in counts), 1) for name in classes}
    figure, axes = _new("share of the class's flows", height=0.5 * len(classes) + 1.4)
    left = np.zeros(len(classes))
    for number, source in enumerate(counts):
        shares = np.array([counts[source].get(name, 0) / totals[name] for name in classes])
        # with more sources than colours the second round is hatched
        hatch = "///" if number >= len(_COLOURS) else None
        axes.barh(
            classes,
            shares,
            left=left,
            color=_COLOURS[number % len(_COLOURS)],
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=source,
        )
        left += shares
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, title="source")
    return figure


def _duplicates(audit: Mapping[str, Any]) -> Figure:
    """Share of copies per class."""
    kinds = {kind: audit["duplicates"][kind]["copies_share_per_class"] for kind in ("exact", "rounded")}
    return _bars(audit["classes"], kinds, "share of rows that copy another")


def _twins(twins: Mapping[str, Any]) -> Figure:
    """Share of test rows with a twin in training."""
    kinds = {}
    for kind in ("exact", "rounded"):
        sums = {
            name: (sum(fold["twins"] for fold in folds[kind]), sum(fold["test_rows"] for fold in folds[kind]))
            for name, folds in twins.items()
        }
        kinds[kind] = {name: n_twins / max(n_rows, 1) for name, (n_twins, n_rows) in sums.items()}
    return _bars(list(twins), kinds, "share of test rows with a twin in training")


def _probe(probes: Mapping[str, Any]) -> Figure:
    """Balanced accuracy of naming the source."""
    present = {name: probe for name, probe in probes.items() if probe}
    kinds = {"chance": {name: probe["chance"] for name, probe in present.items()}}
    kinds |= {
        f"depth {depth}": {name: probe["balanced_accuracy"][depth] for name, probe in present.items()}
        for depth in ("1", "3", "10")
    }
    return _bars(list(present), kinds, "balanced accuracy of naming the source")


def _separability(audit: Mapping[str, Any]) -> Figure:
    """The most telling features."""
    rows = audit["separability"][:15]
    names = [row["feature"] for row in rows]
    kinds = {
        "class": {row["feature"]: row["classes"] for row in rows},
        "source": {row["feature"]: row["sources"] for row in rows},
    }
    return _bars(names, kinds, "balanced accuracy of one feature alone")


def _durations(durations_s: Mapping[str, np.ndarray]) -> Figure:
    """Cumulative share of flows by duration."""
    figure, axes = _new("flow duration in seconds (0 drawn at 1 µs)", height=3.6)
    for number, (source, values) in enumerate(durations_s.items()):
        ordered = np.sort(np.maximum(values, 1e-6))
        axes.step(
            ordered,
            np.arange(1, len(ordered) + 1) / max(len(ordered), 1),
            where="post",
            color=_COLOURS[number % len(_COLOURS)],
            linestyle="--" if number >= len(_COLOURS) else "-",
            label=source,
        )
    axes.set_xlim(1e-6, max(1.0, *(float(values.max(initial=0)) for values in durations_s.values())) * 2)
    axes.set_xscale("log")
    axes.set_ylabel("share of flows")
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, title="source")
    return figure


def _correlations(correlations: np.ndarray) -> Figure:
    """Rank correlations of the features, in the schema's order."""
    figure, axes = _blank(6.2, 5.4)
    image = axes.imshow(correlations, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
    axes.set_xlabel("feature number, constant ones left out")
    figure.colorbar(image, label="Spearman's rank correlation")
    return figure


def _bars(names: Sequence[str], kinds: Mapping[str, Mapping[str, float]], label: str) -> Figure:
    """Draw groups of horizontal bars from 0 to 1."""
    figure, axes = _new(label, height=max(1.6, 0.16 * len(names) * (len(kinds) + 0.8) + 0.9))
    places, width = np.arange(len(names)), 0.8 / len(kinds)
    for number, (kind, values) in enumerate(kinds.items()):
        axes.barh(
            places + (number + 0.5) * width - 0.4,
            [values[name] for name in names],
            width,
            color=_COLOURS[number % len(_COLOURS)],
            label=kind,
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return figure


def _new(label: str, *, height: float) -> tuple[Figure, Any]:
    """Start a figure with a horizontal axis from 0 to 1."""
    figure, axes = _blank(8.4, height)
    axes.set_xlabel(label)
    axes.set_xlim(0, 1)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _blank(width: float, height: float) -> tuple[Figure, Any]:
    """Start an empty figure; sizes in inches."""
    # imported here: the stage's other work and its --help need no drawing, which takes most of a second to
    # load
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _png(figure: Figure) -> bytes:
    """Render without the time and the library's version in the file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()
