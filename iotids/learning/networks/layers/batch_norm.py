"""Batch normalisation, with Keras' defaults: momentum 0.99, epsilon 0.001."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.networks.layers.layer import Layer

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part

MOMENTUM, EPSILON = 0.99, 1e-3


class BatchNorm(Layer):
    """(n, width): zero mean and unit variance by the batch in training, by the moving statistics after it.

    Source: Ioffe & Szegedy 2015.
    """

    kept = ("mean", "variance")

    def __init__(self, *, width: int) -> None:
        super().__init__(width=width)
        ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
        self.values = {"gamma": ones, "beta": zeros, "mean": zeros.copy(), "variance": ones.copy()}

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Training also moves the statistics."""
        if rng is None:
            mean, variance = self.values["mean"], self.values["variance"]
        else:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            for name, now in (("mean", mean), ("variance", variance)):
                self.values[name] = np.float32(MOMENTUM) * self.values[name] + np.float32(1 - MOMENTUM) * now
        self._trains = rng is not None
        self._spread = np.sqrt(variance + np.float32(EPSILON))
        self._unit = (x - mean) / self._spread
        return self._unit * self.values["gamma"] + self.values["beta"]

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """In training the batch's statistics depend on every row."""
        self.slopes = {"gamma": (slope * self._unit).sum(axis=0), "beta": slope.sum(axis=0)}
        scaled = slope * self.values["gamma"] / self._spread
        if not self._trains:
            return scaled
        return scaled - scaled.mean(axis=0) - self._unit * (scaled * self._unit).mean(axis=0)

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """One BatchNormalization."""
        from iotids.learning.runs.onnx_graph import Part, constant, node

        values = [
            constant(f"{name}_{key}", self.values[key]) for key in ("gamma", "beta", "mean", "variance")
        ]
        inputs = [source, *(value.name for value in values)]
        return name, Part([node("BatchNormalization", inputs, name, epsilon=EPSILON)], values)
