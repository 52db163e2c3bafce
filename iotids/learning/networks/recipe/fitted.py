"""A dense network with what was tried before its recipe was chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iotids.learning.networks.dense.fitted import DenseModel

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
