"""Dropout: in training a share of neurons is off, and the others are louder by as much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.networks.layers.layer import Layer

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part


class Dropout(Layer):
    """Inverted dropout. Source: Srivastava et al. 2014, Sec. 10.

    Parameters
    ----------
    share : of neurons that are off, from 0 to below 1
    """

    def __init__(self, *, share: float) -> None:
        super().__init__(share=share)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """With a generator some elements become 0; without one nothing happens."""
        share = self.arguments["share"]
        if rng is None or share == 0:
            self._mask = None
            return x
        self._mask = (rng.random(x.shape, np.float32) >= share).astype(np.float32) / np.float32(1 - share)
        return x * self._mask

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """The same neurons."""
        return slope if self._mask is None else slope * self._mask

    def onnx(self, source: str, name: str) -> tuple[str, Part]:
        """Nothing: a detector keeps all neurons."""
        from iotids.learning.runs.onnx_graph import Part

        return source, Part([], [])
