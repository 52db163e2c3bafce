"""The splits by name: one line each."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from iotids.learning.splits.folds import Flows, Split


class Maker(NamedTuple):
    """Module and function that make a split, and the settings that it takes."""

    module: str
    function: str
    settings: tuple[str, ...] = ()


# modules by name: scikit-learn takes a second, and errors of parameters need none of it
SPLITS = {
    "stratified": Maker("shuffled_folds", "stratified_split", ("n_folds", "seed")),
    "dedup": Maker("shuffled_folds", "dedup_split", ("n_folds", "seed")),
    "dup_grouped": Maker("shuffled_folds", "dup_grouped_split", ("n_folds", "seed")),
    "grouped": Maker("grouped_folds", "grouped_split", ("n_folds", "seed", "embargo_s")),
    "temporal": Maker("time_folds", "temporal_split", ("n_folds", "embargo_s")),
    "environment": Maker("left_out_folds", "environment_split"),
    "attack": Maker("left_out_folds", "attack_split", ("seed", "attack_column")),
}


def make_split(
    name: str, flows: Flows, *, n_folds: int, seed: int, embargo_s: float, attack_column: str
) -> Split:
    """Divide the flows by the split of this name; it takes of the settings what it needs.

    Raises
    ------
    ValueError
        An unknown split, fewer than 2 folds, no flows, or what the split itself refuses.
    """
    if name not in SPLITS:
        raise ValueError(f"split.kinds names {name!r}; known are {', '.join(SPLITS)}")
    if n_folds < 2:
        raise ValueError(f"split.folds is {n_folds}; cross-validation wants at least 2")
    if flows.n == 0:
        raise ValueError(
            "the dataset has no flows; look at out/dataset/cleaning.json for what was removed and why"
        )
    settings = {"n_folds": n_folds, "seed": seed, "embargo_s": embargo_s, "attack_column": attack_column}
    maker = SPLITS[name]
    make = getattr(import_module(f"iotids.learning.splits.{maker.module}"), maker.function)
    return make(flows, **{name: settings[name] for name in maker.settings})
