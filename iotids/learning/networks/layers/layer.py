"""What a layer is: values that are trained, a way forward, a way back, and its ONNX nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part

Place = tuple["Layer", str]  # one trained array: its layer and its name there


class Layer(ABC):
    """One step of a network. `forward` keeps what `backward` needs, so a layer belongs to one training at a time.

    Attributes
    ----------
    values : arrays by name, float32; those in `kept` follow the data and have no gradient
    slopes : gradient of the loss by the trained values, after `backward`
    """

    kept: tuple[str, ...] = ()

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.values: dict[str, np.ndarray] = {}
        self.slopes: dict[str, np.ndarray] = {}

    def start(self, rng: np.random.Generator) -> None:
        """Draw the initial values; nothing to do for layers without any."""
        del rng

    @abstractmethod
    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The layer's output; with a generator as in training (noise, statistics of the batch)."""

    @abstractmethod
    def backward(self, slope: np.ndarray) -> np.ndarray:
        """From the gradient by the output to that by the input; sets `slopes`."""

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """Name of the output tensor, and the nodes and constants from `source` to it, named from `name` on."""
        raise NotImplementedError(f"{type(self).__name__} has no ONNX nodes")

    def trained(self) -> Iterator[Place]:
        """Every trained array."""
        yield from ((self, name) for name in self.values if name not in self.kept)

    def arrays(self) -> dict[str, np.ndarray]:
        """All values by name, in a fixed order."""
        return dict(self.values)

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """The values again; ValueError where names differ."""
        if set(arrays) != set(self.values):
            raise ValueError(f"not the values of {type(self).__name__}: {', '.join(arrays)}")
        self.values = {name: np.array(arrays[name], np.float32) for name in self.values}

    def spec(self) -> list[Any]:
        """Name of the class and arguments: `networks.layer_of_spec` makes the layer again."""
        return [type(self).__name__, self.arguments]


def random_kernel(rng: np.random.Generator, shape: tuple[int, ...], how: str) -> np.ndarray:
    """Initial weights: 'glorot' uniform (Keras' default) or 'he' normal; the last axis is the output.

    Sources: Glorot & Bengio 2010, eq. 16; He et al. 2015, eq. 10.
    """
    n_in, n_out = int(np.prod(shape[:-1])), shape[-1]
    if how == "he":
        return rng.normal(0.0, np.sqrt(2.0 / n_in), shape).astype(np.float32)
    limit = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
