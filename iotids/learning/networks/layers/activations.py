"""What stands between dense layers: sigmoid, tanh, ReLU, leaky ReLU, PReLU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.networks.layers.layer import Layer

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "prelu")
LEAK = 0.01  # of leaky ReLU: Maas et al. 2013
PRELU_START = 0.25  # He et al. 2015, Sec. 2.1
OPERATORS = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "prelu": "PRelu",
}


class Activation(Layer):
    """Elementwise; PReLU has a trained slope per neuron.

    Parameters
    ----------
    kind : one of ACTIVATIONS
    width : number of neurons
    """

    def __init__(self, *, kind: str, width: int) -> None:
        super().__init__(kind=kind, width=width)
        self.kind = kind
        if kind == "prelu":
            self.values = {"leak": np.full(width, PRELU_START, np.float32)}

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The activation of every element."""
        self._x = x
        if self.kind == "sigmoid":
            self._y = sigmoid(x)
        elif self.kind == "tanh":
            self._y = np.tanh(x)
        else:
            self._y = np.where(x > 0, x, x * self._leak())
        return self._y

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """Elementwise too; at 0 the slope is that of the negative side."""
        if self.kind == "sigmoid":
            return slope * self._y * (1 - self._y)
        if self.kind == "tanh":
            return slope * (1 - self._y**2)
        if self.kind == "prelu":
            axes = tuple(range(slope.ndim - 1))
            self.slopes = {"leak": (slope * np.minimum(self._x, 0)).sum(axis=axes)}
        return np.where(self._x > 0, slope, slope * self._leak())

    def _leak(self) -> np.ndarray:
        """Slope of the negative side, per neuron or for all."""
        if self.kind == "prelu":
            return self.values["leak"]
        return np.float32(LEAK if self.kind == "leaky_relu" else 0.0)  # type: ignore[return-value]

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """One node."""
        from iotids.learning.runs.onnx_graph import Part, constant, node

        given = {"alpha": LEAK} if self.kind == "leaky_relu" else {}
        values = [constant(f"{name}_{key}", value) for key, value in self.values.items()]
        inputs = [source, *(value.name for value in values)]
        return name, Part([node(OPERATORS[self.kind], inputs, name, **given)], values)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return (0.5 * (1.0 + np.tanh(0.5 * x))).astype(x.dtype)
