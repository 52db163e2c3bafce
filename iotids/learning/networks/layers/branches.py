"""Layers side by side, each with columns of its own; their outputs are joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.learning.networks.layers.chain import Chain
from iotids.learning.networks.layers.layer import Layer

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part


class Branches(Chain):
    """(n, sum of columns) -> (n, sum of the branches' widths).

    Parameters
    ----------
    columns : how many each branch gets, in order
    """

    def __init__(self, layers: Sequence[Layer], columns: Sequence[int]) -> None:
        super().__init__(layers)
        self.columns = [int(number) for number in columns]
        if len(self.columns) != len(self.layers):
            raise ValueError(f"{len(self.layers)} branches have {len(self.columns)} numbers of columns")

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Each its part."""
        parts = np.split(x, np.cumsum(self.columns)[:-1], axis=1)
        outputs = [layer.forward(part, rng) for layer, part in zip(self.layers, parts, strict=True)]
        self._cuts = np.cumsum([one.shape[1] for one in outputs])[:-1]
        return np.concatenate(outputs, axis=1)

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """Each its part."""
        parts = np.split(slope, self._cuts, axis=1)
        return np.concatenate([one.backward(p) for one, p in zip(self.layers, parts, strict=True)], axis=1)

    def spec(self) -> list[Any]:
        """With the columns."""
        return [type(self).__name__, [layer.spec() for layer in self.layers], self.columns]

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """No kind with branches exports yet."""
        raise NotImplementedError("branches have no ONNX nodes")
