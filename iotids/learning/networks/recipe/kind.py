"""A network whose recipe is chosen inside the training fold: every recipe of a grid is tried on an inner split, the best
one is trained on the whole fold. What each recipe reached is kept with the fold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iotids.learning.contract import Fitted, ModelKind, Origin, TrainingData, check_training
from iotids.learning.data.folds import Fold, check_two_classes
from iotids.learning.networks.dense.batches import bytes_needed
from iotids.learning.networks.dense.fitted import DenseModel
from iotids.learning.networks.dense.kind import DenseKind, DenseSettings
from iotids.learning.networks.recipe.grid import FACTORS, Recipe, crossed
from iotids.learning.networks.recipe.inner_split import inner_split
from iotids.learning.networks.recipe.stacks import stacks
from iotids.learning.networks.tensorflow_start import prepare_tensorflow

FILE = "recipe.json"


class RecipeModel(DenseModel):
    """The network of the chosen recipe.

    choice : `recipe`, its name; `tried`, what every recipe reached; `classes_not_judged_inside`
    """

    def __init__(self, network: DenseModel, choice: Mapping[str, Any]) -> None:
        super().__init__(network.weights, network.dropout, network.inputs)
        self.choice = dict(choice)

    def facts(self) -> dict[str, Any]:
        """Those of the network and the choice."""
        return super().facts() | self.choice

    def save(self, folder: Path) -> None:
        """The network's files and recipe.json."""
        super().save(folder)
        (folder / FILE).write_text(json.dumps(self.choice), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> RecipeModel:
        """Read them; ValueError where one is damaged."""
        network = DenseModel.load(folder)
        try:
            return RecipeModel(network, json.loads((folder / FILE).read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{folder / FILE}: not JSON ({error}); train the network again") from error


@dataclass(frozen=True)
class RecipeSettings:
    """Values of every factor, separated by |; `inner_share` of each class judges, the rest is learnt from."""

    optimiser: str = "sgd 0.09|sgd 0.9|adam"
    dropout: str = "0|0.1|0.2"
    inputs: str = "raw|log"
    depth: str = "4|5|6|7"
    width: str = "32|64|128"
    batch_size: str = "256"
    epochs: str = "50"
    average_epochs: str = "1"
    inner_share: float = 0.25

    def __post_init__(self) -> None:
        """Refuse a grid that cannot be trained."""
        if not 0 < self.inner_share < 1:
            raise ValueError(f"inner_share is {self.inner_share}; it lies between 0 and 1")
        for recipe in self.recipes():
            dense_settings(recipe)

    def recipes(self) -> list[Recipe]:
        """The grid."""
        return crossed({name: str(getattr(self, name)) for name in FACTORS})


def dense_settings(recipe: Recipe) -> DenseSettings:
    """A network's settings; ValueError for values that no network can be trained with."""
    return DenseSettings(**recipe.training())  # type: ignore[arg-type]


class RecipeKind(ModelKind):
    """The paper's network, trained by the recipe that an inner split finds best by macro F."""

    name = "recipe"
    settings_type: ClassVar[type] = RecipeSettings
    dtype = np.float32
    origin = Origin(
        "the paper's network with its recipe taken apart",
        faithful=("the paper's block; its optimiser, momentum, dropout and inputs are among the choices",),
        adapted=("momentum 0.9, Adam, logarithms of the inputs and less dropout are tried beside them",),
        assumed=("width", "batch_size", "epochs", "inner_share"),
    )

    def fit(self, data: TrainingData, settings: RecipeSettings, *, seed: int) -> Fitted:
        """Try, choose, train.

        Raises
        ------
        FloatingPointError
            Every recipe diverged, or the chosen one on the whole fold.
        """
        check_training(data.features, data.truth, n_classes=data.n_classes)
        rows = np.arange(data.truth.size)
        check_two_classes([Fold(0, rows, rows)], data.truth, data.classes)
        recipes, few, tried = self._try(data, settings, seed)
        reached = {name: one["macro_f"] for name, one in tried.items() if one["macro_f"] is not None}
        if not reached:
            raise FloatingPointError(
                f"all of {len(tried)} recipes diverged; the first says: {next(iter(tried.values()))['fault']}"
            )
        best = max(reached, key=lambda name: reached[name])
        network = DenseKind().fit(data, dense_settings(recipes[best]), seed=seed)
        assert isinstance(network, DenseModel)
        return RecipeModel(network, {"recipe": best, "tried": tried, "classes_not_judged_inside": few})

    def load(self, folder: Path) -> Fitted:
        """The network of the chosen recipe."""
        return RecipeModel.load(folder)

    def bytes_needed(
        self,
        n_rows: int,
        n_features: int,
        n_classes: int,
        splits: Mapping[str, Sequence[Fold]],
        settings: RecipeSettings,
    ) -> int:
        """Of the largest stack: recipes of one shape learn side by side, one stack after the other."""
        dense, rows = [dense_settings(one) for one in settings.recipes()], np.zeros(0, np.int64)
        return max(
            bytes_needed(
                n_rows,
                n_classes,
                {"stack": [Fold(i, rows, rows) for i in places]},
                dense[places[0]],
                n_features,
            )
            for places in stacks(dense)
        )

    def _try(
        self, data: TrainingData, settings: RecipeSettings, seed: int
    ) -> tuple[dict[str, Recipe], list[str], dict[str, dict[str, Any]]]:
        """Recipes by name, classes with too few rows to be judged inside, and what each recipe reached."""
        prepare_tensorflow()  # which takes seconds to import
        from iotids.learning.networks.recipe.trials import InnerSplit, try_recipes

        learnt, judged, few = inner_split(data.truth, settings.inner_share, seed)
        recipes = {recipe.name: recipe for recipe in settings.recipes()}
        dense = [dense_settings(recipe) for recipe in recipes.values()]
        found = try_recipes(dense, InnerSplit(data, learnt, judged), seed)
        tried = {
            name: asdict(recipe) | one for (name, recipe), one in zip(recipes.items(), found, strict=True)
        }
        return recipes, [data.classes[number] for number in few], tried
