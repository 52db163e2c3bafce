"""Figure 1: the network drawn from its model file, layer by layer, with its number of parameters."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotids.reporting.figures.plots import INK, TRAIN, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# layers without weights that together make the signed logarithm of the inputs; the last one closes it
SIGNED_LOGARITHM = ("Absolute", "Sign", "Log1p", "Multiply")


@dataclass(frozen=True)
class Layer:
    """One layer: what it is called, how many values leave it, how many parameters it has (learned ones, and
    all of them).
    """

    title: str
    size: int
    learned: int = 0
    parameters: int = 0


def layers_of_keras(file: bytes) -> list[Layer]:
    """Layers of a .keras file, without loading Keras.

    Raises
    ------
    ValueError
        A layer that this drawing does not know.
    """
    config = json.loads(zipfile.ZipFile(io.BytesIO(file)).read("config.json"))
    layers: list[Layer] = []
    for one in config["config"]["layers"]:
        given, kind = one["config"], one["class_name"]
        size = layers[-1].size if layers else 0
        if kind == "InputLayer":
            n = given["batch_shape"][-1]
            layers.append(Layer(f"{n} features", n))
        elif kind in SIGNED_LOGARITHM:
            layers += [Layer("signed logarithm", size)] if kind == SIGNED_LOGARITHM[-1] else []
        elif kind == "BatchNormalization":
            layers.append(Layer("batch normalisation", size, 2 * size, 4 * size))
        elif kind == "Dense":
            units = given["units"]
            n = (size + 1) * units
            layers.append(Layer(f"{units} neurons, {given['activation']}", units, n, n))
        elif kind == "Dropout":
            last = layers.pop()
            title = f"{last.title}, dropout {given['rate']:g}" if given["rate"] else last.title
            layers.append(Layer(title, last.size, last.learned, last.parameters))
        else:
            raise ValueError(f"layer {given.get('name')} is a {kind}: Figure 1 draws dense networks")
    return layers


def architecture_figure(layers: Sequence[Layer], title: str) -> Figure:
    """A box per layer from top to bottom, as wide as its values are many; its parameters at the right."""
    figure = new_figure(7.0, 0.9 + 0.42 * len(layers))
    axes = figure.subplots()
    widest = max(layer.size for layer in layers)
    for y, layer in enumerate(layers):
        width = 0.35 + 0.65 * layer.size / widest
        axes.barh(y, width, left=-width / 2, height=0.62, color=TRAIN, alpha=0.16, edgecolor=TRAIN)
        axes.text(0, y, layer.title, ha="center", va="center", fontsize=9, color=INK)
        count = f"{layer.parameters:,} parameters" if layer.parameters else "–"
        axes.text(0.56, y, count, ha="left", va="center", fontsize=9, color=INK)
    learned, total = (sum(getattr(layer, name) for layer in layers) for name in ("learned", "parameters"))
    axes.set_xlim(-0.55, 0.95)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.axis("off")
    figure.suptitle(
        f"{title}: {total:,} parameters, {learned:,} of them learned",
        fontsize=11,
        fontweight="bold",
        x=0.01,
        ha="left",
    )
    return figure
