"""Every recipe that settings name: the factors and their values, crossed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

FACTORS = ("optimiser", "dropout", "scaling", "depth", "width")
PAPER = "sgd 0.09"
RATES = {"sgd": 0.1, "adam": 0.001}  # the paper's; Keras' default


@dataclass(frozen=True)
class Recipe:
    """One way to train: `optimiser` is a name, with its momentum after a space (`sgd 0.9`)."""

    optimiser: str
    dropout: float
    scaling: str
    depth: int
    width: int

    @property
    def name(self) -> str:
        """Of the recipe in tables, no two alike."""
        return f"{self.optimiser}, dropout {self.dropout:g}, {self.scaling}, {self.depth} x {self.width}"

    def training(self) -> dict[str, object]:
        """The settings of a network that is trained so."""
        name, _, momentum = self.optimiser.partition(" ")
        changed = {"optimiser": name, "learning_rate": RATES[name]}
        if momentum:
            changed["momentum"] = float(momentum)
        return changed | {
            "dropout": self.dropout, "scaling": self.scaling, "depth": self.depth, "width": self.width
        }  # fmt: skip


def read_values(name: str, text: str) -> list[str]:
    """The values of a factor, separated by |.

    Raises
    ------
    ValueError
        None, an empty one or one twice; an optimiser that is unknown or without its momentum.
    """
    values = [part.strip() for part in text.split("|")]
    if "" in values or len(set(values)) < len(values):
        raise ValueError(f"{name} is {text!r}; wanted are different values separated by |")
    for value in values if name == "optimiser" else ():
        words = value.split(" ")
        if words[0] not in RATES or (words[0] == "sgd") != (len(words) == 2):
            raise ValueError(
                f"optimiser has {value!r}; known are adam, and sgd with its momentum, such as sgd 0.9"
            )
    return values


def crossed(values: dict[str, str]) -> list[Recipe]:
    """All recipes, the last factor changing fastest.

    Parameters
    ----------
    values : text of each factor of `FACTORS`

    Raises
    ------
    ValueError
        As `read_values`, or a value that is no number where one is wanted.
    """
    read = {name: read_values(name, values[name]) for name in FACTORS}
    try:
        return [
            Recipe(optimiser, float(dropout), scaling, int(depth), int(width))
            for optimiser, dropout, scaling, depth, width in itertools.product(*(read[n] for n in FACTORS))
        ]
    except ValueError as error:
        raise ValueError(f"dropout, depth and width are numbers: {error}") from error
