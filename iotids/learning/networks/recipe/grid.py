"""Every recipe that settings name: the factors and their values, crossed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

FACTORS = ("optimiser", "dropout", "inputs", "depth", "width", "batch_size", "epochs", "average_epochs")
PAPER = "sgd 0.09"
RATES = {"sgd": 0.1, "adam": 0.001}  # the paper's; Keras' default
OPTIMISERS = (
    "known are adam, alone or with its rate, such as adam 0.002, and sgd with its momentum, such as sgd 0.9"
)


@dataclass(frozen=True)
class Recipe:
    """One way to train: `optimiser` is sgd with its momentum after a space (`sgd 0.9`), or adam with its rate where
    that is not 0.001 (`adam 0.002`).
    """

    optimiser: str
    dropout: float
    inputs: str
    depth: int
    width: int
    batch_size: int
    epochs: int
    average_epochs: int

    @property
    def name(self) -> str:
        """Of the recipe in tables, no two alike."""
        words = [self.optimiser, f"dropout {self.dropout:g}", self.inputs, f"{self.depth} x {self.width}"]
        words += [f"batch {self.batch_size}", f"{self.epochs} epochs"]
        return ", ".join(words + [f"mean of {self.average_epochs}"] * (self.average_epochs > 1))

    def training(self) -> dict[str, object]:
        """The settings of a network that is trained so; those of `FACTORS` under their names."""
        name, _, number = self.optimiser.partition(" ")
        rate = float(number) if name == "adam" and number else RATES[name]
        moved = {"momentum": float(number)} if name == "sgd" else {"decay": 0.0}
        same = {factor: getattr(self, factor) for factor in FACTORS[1:]}
        return {"optimiser": name, "learning_rate": rate} | moved | same


def read_values(name: str, text: str) -> list[str]:
    """The values of a factor, separated by |.

    Raises
    ------
    ValueError
        None, an empty one or one twice; an optimiser that is unknown, without its momentum, or with a word that
        is no number.
    """
    values = [part.strip() for part in text.split("|")]
    if "" in values or len(set(values)) < len(values):
        raise ValueError(f"{name} is {text!r}; wanted are different values separated by |")
    for value in values if name == "optimiser" else ():
        words = value.split(" ")
        if words[0] not in RATES or len(words) > 2 or (words[0] == "sgd" and len(words) == 1):
            raise ValueError(f"optimiser has {value!r}; {OPTIMISERS}")
        if len(words) == 2 and not is_number(words[1]):
            raise ValueError(f"optimiser has {value!r}; {words[1]!r} is no number from 0; {OPTIMISERS}")
    return values


def is_number(word: str) -> bool:
    """Whether a rate or momentum can be read; neither is negative."""
    try:
        return 0 <= float(word) < float("inf")
    except ValueError:
        return False


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
            Recipe(optimiser, float(dropout), inputs, *map(int, numbers))
            for optimiser, dropout, inputs, *numbers in itertools.product(*(read[name] for name in FACTORS))
        ]
    except ValueError as error:
        wanted = ", ".join(name for name in FACTORS if name not in ("optimiser", "inputs"))
        raise ValueError(f"{wanted} are numbers: {error}") from error
