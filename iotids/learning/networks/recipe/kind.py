"""A network whose recipe is chosen inside the training fold: every recipe of a grid is tried on an inner split, the best
one is trained on the whole fold. What each recipe reached is kept with the fold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iotids.learning.contract import Fitted, ModelKind, Origin, TrainingData
from iotids.learning.networks.layers.fitted import LayerModel
from iotids.learning.networks.layers.kind import check_learnable, check_settings
from iotids.learning.networks.recipe.grid import FACTORS, Recipe, crossed
from iotids.learning.networks.recipe.inner_split import class_f1, inner_split
from iotids.learning.networks.surveyed.deep import DeepKind, DeepSettings


@dataclass(frozen=True)
class RecipeSettings:
    """Values of every factor, separated by |; `inner_share` of each class judges, the rest is learnt from."""

    optimiser: str = "sgd 0.09|sgd 0.9|adam"
    dropout: str = "0|0.1|0.2"
    scaling: str = "none|log"
    depth: str = "4|5|6|7"
    width: str = "64"
    epochs: int = 50
    batch_size: int = 256
    inner_share: float = 0.25

    def __post_init__(self) -> None:
        """Refuse a grid that cannot be trained."""
        if not 0 < self.inner_share < 1:
            raise ValueError(f"inner_share is {self.inner_share}; it lies between 0 and 1")
        for recipe in self.recipes():
            check_settings(self.of(recipe), "depth", "width", "epochs", "batch_size")

    def recipes(self) -> list[Recipe]:
        """The grid."""
        return crossed({name: getattr(self, name) for name in FACTORS})

    def of(self, recipe: Recipe) -> DeepSettings:
        """A network's settings."""
        return replace(DeepSettings(epochs=self.epochs, batch_size=self.batch_size), **recipe.training())  # type: ignore[arg-type]


class RecipeKind(ModelKind):
    """The paper's network, trained by the recipe that an inner split finds best by macro F."""

    name = "recipe"
    settings_type: ClassVar[type] = RecipeSettings
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
            Every recipe diverged.
        """
        check_learnable(data)
        learnt, judged, few = inner_split(data.truth, settings.inner_share, seed)
        inner, test = data.take(learnt), data.take(judged)
        tried = {r.name: self._try(r, inner, test, settings, seed) for r in settings.recipes()}
        reached = {name: one["macro_f"] for name, one in tried.items() if one["macro_f"] is not None}
        if not reached:
            raise FloatingPointError(
                f"all of {len(tried)} recipes diverged; the first says: {next(iter(tried.values()))['fault']}"
            )
        best = max(reached, key=lambda name: reached[name])
        recipe = next(one for one in settings.recipes() if one.name == best)
        model = DeepKind().fit(data, settings.of(recipe), seed=seed)
        assert isinstance(model, LayerModel)
        too_few = [data.classes[number] for number in few]
        facts = {**model.trained_by, "recipe": best, "tried": tried, "classes_not_judged_inside": too_few}
        return LayerModel(model.scaling, model.network, model.seen, facts)

    def load(self, folder: Path) -> Fitted:
        """The network of the chosen recipe."""
        return LayerModel.load(folder)

    def _try(
        self, recipe: Recipe, inner: TrainingData, test: TrainingData, settings: RecipeSettings, seed: int
    ) -> dict[str, Any]:
        """What a recipe reaches on the rows that judge: F1 per class and their mean, or why there is none."""
        values = {name: getattr(recipe, name) for name in FACTORS}
        try:
            model = DeepKind().fit(inner, settings.of(recipe), seed=seed)
        except FloatingPointError as error:
            return {**values, "macro_f": None, "f1": None, "fault": str(error)}
        predicted = model.scores(test.features).argmax(axis=1)
        scores = class_f1(test.truth, predicted, test.n_classes)
        macro = float(np.mean([score for score in scores if score is not None]))
        return {**values, "macro_f": macro, "f1": dict(zip(test.classes, scores, strict=True))}
