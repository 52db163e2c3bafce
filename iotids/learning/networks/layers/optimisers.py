"""How trained values follow their slopes: SGD with Nesterov's momentum, Adam, Adadelta; Keras' rules."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from iotids.learning.networks.layers.layer import Layer

OPTIMISERS = ("sgd", "adam", "adadelta")


class Optimiser(ABC):
    """Changes every trained array of a network in place of the old one; its own state lies beside."""

    def __init__(self, network: Layer, rate: float) -> None:
        self.places, self.rate, self.step_number = list(network.trained()), np.float32(rate), 0
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.places]

    def step(self) -> None:
        """Use the slopes that `backward` left."""
        self.step_number += 1
        for (layer, name), state in zip(self.places, self.state, strict=True):
            layer.values[name] = layer.values[name] + self.change(layer.slopes[name], state)

    @abstractmethod
    def change(self, slope: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """What is added to a value."""


class Sgd(Optimiser):
    """v = m v - r g; w += m v - r g, with r = rate / (1 + decay x updates). Source: Keras 2.3.1, SGD(nesterov=True)."""

    def __init__(self, network: Layer, rate: float, *, momentum: float = 0.0, decay: float = 0.0) -> None:
        super().__init__(network, rate)
        self.momentum, self.decay = np.float32(momentum), decay

    def change(self, slope: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """One update."""
        step = np.float32(self.rate / (1 + self.decay * (self.step_number - 1))) * slope
        if self.momentum == 0:
            return -step
        state["v"] = self.momentum * state.get("v", np.zeros_like(slope)) - step
        return self.momentum * state["v"] - step


class Adam(Optimiser):
    """Source: Kingma & Ba 2015, algorithm 1; beta 0.9 and 0.999, epsilon 1e-7 as in Keras."""

    def change(self, slope: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """One update."""
        first, second = np.float32(0.9), np.float32(0.999)
        state["m"] = first * state.get("m", np.zeros_like(slope)) + (1 - first) * slope
        state["v"] = second * state.get("v", np.zeros_like(slope)) + (1 - second) * slope * slope
        correction = np.sqrt(1 - 0.999**self.step_number) / (1 - 0.9**self.step_number)
        return -np.float32(self.rate * correction) * state["m"] / (np.sqrt(state["v"]) + np.float32(1e-7))


class Adadelta(Optimiser):
    """Source: Zeiler 2012, algorithm 1; rho 0.95, epsilon 1e-7; the rate multiplies the change, 1 in the source."""

    def change(self, slope: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """One update."""
        rho, tiny = np.float32(0.95), np.float32(1e-7)
        state["g"] = rho * state.get("g", np.zeros_like(slope)) + (1 - rho) * slope * slope
        change = -np.sqrt((state.get("d", np.zeros_like(slope)) + tiny) / (state["g"] + tiny)) * slope
        state["d"] = rho * state.get("d", np.zeros_like(slope)) + (1 - rho) * change * change
        return self.rate * change


def make_optimiser(name: str, network: Layer, rate: float, **more: float) -> Optimiser:
    """By name; `momentum` and `decay` are SGD's."""
    if name == "sgd":
        return Sgd(network, rate, **more)
    return {"adam": Adam, "adadelta": Adadelta}[name](network, rate)
