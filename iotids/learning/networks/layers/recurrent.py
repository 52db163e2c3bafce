"""Recurrent layers over steps in a row: LSTM and GRU; their output is the state after the last step."""

from __future__ import annotations

from typing import Any

import numpy as np

from iotids.learning.networks.layers.activations import sigmoid
from iotids.learning.networks.layers.layer import Layer, random_kernel


class Recurrent(Layer):
    """(n, steps x channels) -> (n, width). Where a step's last channel is 0, there is no step: the state stays.

    Parameters
    ----------
    gates : number of kernels side by side
    """

    gates = 0

    def __init__(self, *, steps: int, channels: int, width: int) -> None:
        super().__init__(steps=steps, channels=channels, width=width)
        self.steps, self.channels, self.width = steps, channels, width
        sizes = {"kernel": (channels, self.gates * width), "recurrent": (width, self.gates * width)}
        self.values = {name: np.zeros(shape, np.float32) for name, shape in sizes.items()}
        self.values["bias"] = np.zeros(self.gates * width, np.float32)

    def start(self, rng: np.random.Generator) -> None:
        """Glorot for the inputs, an orthogonal kernel per gate for the state, no bias."""
        self.values["kernel"] = random_kernel(rng, self.values["kernel"].shape, "glorot")
        drawn = [np.linalg.qr(rng.normal(size=(self.width, self.width)))[0] for _ in range(self.gates)]
        self.values["recurrent"] = np.hstack(drawn).astype(np.float32)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Step by step."""
        del rng
        self._x = x.reshape(len(x), self.steps, self.channels)
        self._kept: list[tuple[np.ndarray, ...]] = []
        state = tuple(np.zeros((len(x), self.width), x.dtype) for _ in range(self.n_states))
        for t in range(self.steps):
            there = self._x[:, t, -1:] != 0
            after = self.step(self._x[:, t], state)
            state = tuple(np.where(there, new, old) for new, old in zip(after, state, strict=True))
        return state[0]

    def backward(self, slope: np.ndarray) -> np.ndarray:
        """Through time, from the last step."""
        self.slopes = {name: np.zeros_like(value) for name, value in self.values.items()}
        slopes = (slope, *(np.zeros_like(slope) for _ in range(self.n_states - 1)))
        to_x = np.zeros_like(self._x, dtype=slope.dtype)
        for t in reversed(range(self.steps)):
            there = self._x[:, t, -1:] != 0
            through = tuple(np.where(there, one, 0) for one in slopes)
            to_x[:, t], before = self.step_back(self._x[:, t], self._kept.pop(), through)
            slopes = tuple(b + np.where(there, 0, s) for b, s in zip(before, slopes, strict=True))
        return to_x.reshape(len(to_x), -1)

    n_states = 1

    def step(self, x: np.ndarray, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """The state after a step; appends to `_kept` what the way back needs."""
        raise NotImplementedError

    def step_back(
        self, x: np.ndarray, kept: tuple[np.ndarray, ...], slopes: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, Any]:
        """Gradients by the input and the state before; adds to `slopes`."""
        raise NotImplementedError


class Lstm(Recurrent):
    """Input, forget, candidate, output gate. Source: Gers et al. 2000, eq. 1 to 6, without peepholes; bias of forget 1."""

    gates, n_states = 4, 2

    def start(self, rng: np.random.Generator) -> None:
        """Forget little at first: Jozefowicz et al. 2015."""
        super().start(rng)
        self.values["bias"][self.width : 2 * self.width] = 1

    def step(self, x: np.ndarray, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Output and cell."""
        h, c = state
        sums = x @ self.values["kernel"] + h @ self.values["recurrent"] + self.values["bias"]
        i, f, g, o = np.split(sums, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        cell = f * c + i * g
        self._kept.append((h, c, i, f, g, o, np.tanh(cell)))
        return o * np.tanh(cell), cell

    def step_back(
        self, x: np.ndarray, kept: tuple[np.ndarray, ...], slopes: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, Any]:
        """Of all four gates."""
        h, c, i, f, g, o, out = kept
        to_h, to_cell = slopes
        to_cell = to_cell + to_h * o * (1 - out**2)
        gates = [
            to_cell * g * i * (1 - i),
            to_cell * c * f * (1 - f),
            to_cell * i * (1 - g**2),
            to_h * out * o * (1 - o),
        ]
        to_sums = np.hstack(gates)
        self.slopes["kernel"] += x.T @ to_sums
        self.slopes["recurrent"] += h.T @ to_sums
        self.slopes["bias"] += to_sums.sum(axis=0)
        return to_sums @ self.values["kernel"].T, (to_sums @ self.values["recurrent"].T, to_cell * f)


class Gru(Recurrent):
    """Update, reset, candidate. Source: Cho et al. 2014, eq. 5 to 8."""

    gates = 3

    def step(self, x: np.ndarray, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """The state."""
        (h,), w = state, self.width
        sums, u = x @ self.values["kernel"] + self.values["bias"], self.values["recurrent"]
        both = sigmoid(sums[:, : 2 * w] + h @ u[:, : 2 * w])
        z, r = both[:, :w], both[:, w:]
        g = np.tanh(sums[:, 2 * w :] + (r * h) @ u[:, 2 * w :])
        self._kept.append((h, z, r, g))
        return (z * h + (1 - z) * g,)

    def step_back(
        self, x: np.ndarray, kept: tuple[np.ndarray, ...], slopes: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, Any]:
        """Of all three."""
        (h, z, r, g), (to_h,), w = kept, slopes, self.width
        u = self.values["recurrent"]
        to_g = to_h * (1 - z) * (1 - g**2)
        to_reset = to_g @ u[:, 2 * w :].T
        to_both = np.hstack([to_h * (h - g) * z * (1 - z), to_reset * h * r * (1 - r)])
        to_sums = np.hstack([to_both, to_g])
        self.slopes["kernel"] += x.T @ to_sums
        self.slopes["bias"] += to_sums.sum(axis=0)
        self.slopes["recurrent"] += np.hstack([h.T @ to_both, (r * h).T @ to_g])
        before = to_h * z + to_reset * r + to_both @ u[:, : 2 * w].T
        return to_sums @ self.values["kernel"].T, (before,)
