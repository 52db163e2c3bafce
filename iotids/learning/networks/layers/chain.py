"""Layers in a row, a row around which its input flows (a residual block), and layers side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.learning.networks.layers.layer import Layer, Place

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part


class Chain(Layer):
    """Layers one after the other."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = list(layers)

    def start(self, rng: np.random.Generator) -> None:
        """In order."""
        for layer in self.layers:
            layer.start(rng)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """In order."""
        for layer in self.layers:
            x = layer.forward(x, rng)
        return x

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """In reverse."""
        for layer in reversed(self.layers):
            slope = layer.backward(slope)
        return slope

    def trained(self) -> Iterator[Place]:
        """Of every layer."""
        for layer in self.layers:
            yield from layer.trained()

    def arrays(self) -> dict[str, np.ndarray]:
        """Names begin with the layer's number."""
        return {f"{i}.{name}": a for i, one in enumerate(self.layers) for name, a in one.arrays().items()}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """The values of every layer."""
        for i, layer in enumerate(self.layers):
            mine = {k.split(".", 1)[1]: a for k, a in arrays.items() if k.split(".", 1)[0] == str(i)}
            layer.set_arrays(mine)

    def spec(self) -> list[Any]:
        """With the layers' own."""
        return [type(self).__name__, [layer.spec() for layer in self.layers]]

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """All nodes."""
        from iotids.learning.runs.onnx_graph import Part

        nodes, values = [], []
        for i, layer in enumerate(self.layers):
            source, part = layer.onnx(source, f"{name}_{i}")
            nodes += part.nodes
            values += part.values
        return source, Part(nodes, values)


class Residual(Chain):
    """x + layers(x); the layers keep the width. Source: He et al. 2016, eq. 1."""

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The sum."""
        return x + super().forward(x, rng)

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """The slope goes both ways."""
        return slope + super().backward(slope)

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """An Add at the end."""
        from iotids.learning.runs.onnx_graph import Part, node

        inner, part = super().onnx(source, name)
        return f"{name}_sum", Part([*part.nodes, node("Add", [source, inner], f"{name}_sum")], part.values)


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
