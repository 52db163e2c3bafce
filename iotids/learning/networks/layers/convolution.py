"""A convolution over steps in a row, and the largest value of each channel over all steps."""

from __future__ import annotations

import numpy as np

from iotids.learning.networks.layers.layer import Layer, random_kernel


class Convolution(Layer):
    """(n, steps x channels) -> (n, steps x width): each step with its neighbours, zeros beyond the ends.

    Parameters
    ----------
    reach : steps that an output sees; odd
    """

    def __init__(self, *, steps: int, channels: int, width: int, reach: int = 3) -> None:
        super().__init__(steps=steps, channels=channels, width=width, reach=reach)
        self.steps, self.channels, self.width, self.reach = steps, channels, width, reach
        kernel = np.zeros((reach * channels, width), np.float32)
        self.values = {"kernel": kernel, "bias": np.zeros(width, np.float32)}

    def start(self, rng: np.random.Generator) -> None:
        """He's weights: a ReLU follows."""
        self.values["kernel"] = random_kernel(rng, self.values["kernel"].shape, "he")

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """One product over all neighbourhoods."""
        del rng
        steps, beside = x.reshape(len(x), self.steps, self.channels), self.reach // 2
        padded = np.pad(steps, ((0, 0), (beside, beside), (0, 0)))
        shifted = [padded[:, k : k + self.steps] for k in range(self.reach)]
        self._seen = np.concatenate(shifted, axis=2).reshape(-1, self.reach * self.channels)
        return (self._seen @ self.values["kernel"] + self.values["bias"]).reshape(len(x), -1)

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """A step's gradient comes from all outputs that saw it."""
        flat, n, beside = slope.reshape(-1, self.width), len(slope), self.reach // 2
        self.slopes = {"kernel": self._seen.T @ flat, "bias": flat.sum(axis=0)}
        to_seen = (flat @ self.values["kernel"].T).reshape(n, self.steps, self.reach, self.channels)
        padded = np.zeros((n, self.steps + 2 * beside, self.channels), slope.dtype)
        for k in range(self.reach):
            padded[:, k : k + self.steps] += to_seen[:, :, k]
        return padded[:, beside : beside + self.steps].reshape(n, -1)


class LargestOverSteps(Layer):
    """(n, steps x width) -> (n, width)."""

    def __init__(self, *, steps: int, width: int) -> None:
        super().__init__(steps=steps, width=width)
        self.steps, self.width = steps, width

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The maximum; of equal steps the first gets the gradient."""
        del rng
        steps = x.reshape(len(x), self.steps, self.width)
        self._best = steps.argmax(axis=1)[:, None]
        return np.take_along_axis(steps, self._best, axis=1)[:, 0]

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """To the step that was largest."""
        to_x = np.zeros((len(slope), self.steps, self.width), slope.dtype)
        np.put_along_axis(to_x, self._best, slope[:, None], axis=1)
        return to_x.reshape(len(slope), -1)
