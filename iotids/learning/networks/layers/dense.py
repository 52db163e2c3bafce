"""A dense layer: x W + b."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.networks.layers.layer import Layer, random_kernel

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part


class Dense(Layer):
    """(n, n_in) -> (n, n_out).

    Parameters
    ----------
    start : 'glorot' or 'he'
    """

    def __init__(self, *, n_in: int, n_out: int, start: str = "glorot") -> None:
        super().__init__(n_in=n_in, n_out=n_out, start=start)
        self.values = {"kernel": np.zeros((n_in, n_out), np.float32), "bias": np.zeros(n_out, np.float32)}

    def start(self, rng: np.random.Generator) -> None:
        """Random kernel, no bias."""
        self.values["kernel"] = random_kernel(rng, self.values["kernel"].shape, self.arguments["start"])

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Weighted sums."""
        self._x = x
        return x @ self.values["kernel"] + self.values["bias"]

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """Of a product."""
        self.slopes = {"kernel": self._x.T @ slope, "bias": slope.sum(axis=0)}
        return slope @ self.values["kernel"].T

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """One Gemm."""
        from iotids.learning.runs.onnx_graph import Part, constant, node

        values = [constant(f"{name}_{key}", value) for key, value in self.values.items()]
        return name, Part([node("Gemm", [source, f"{name}_kernel", f"{name}_bias"], name)], values)
