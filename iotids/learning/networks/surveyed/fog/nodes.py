"""Nodes that train side by side from the same parameters; exact for a seed, wherever they run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iotids.learning.networks.layers.kind import optimiser_of
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.optimisers import Optimiser
from iotids.learning.networks.layers.stored import layer_of_spec
from iotids.learning.networks.layers.training import cross_entropy, shuffled_batches


class Node:
    """A copy of the network with flows and an optimiser of its own; what it is asked and answers can cross a wire."""

    def __init__(
        self,
        spec: Any,
        arrays: Mapping[str, np.ndarray],
        x: np.ndarray,
        truth: np.ndarray,
        settings: Any,
        rng: np.random.Generator,
    ) -> None:
        self.network: Layer = layer_of_spec(spec)
        self.network.set_arrays(dict(arrays))
        self.optimiser: Optimiser = optimiser_of(settings, self.network)
        self.x, self.truth, self.rng = x, truth, rng
        self.waiting: list[np.ndarray] = []

    def process_id(self) -> int:
        """Where it runs."""
        return os.getpid()

    def begin_epoch(self, batch_size: int) -> int:
        """Shuffle; the number of batches."""
        self.waiting = list(shuffled_batches(self.truth.size, batch_size, self.rng))[::-1]
        return len(self.waiting)

    def step(self) -> float | None:
        """Learn one batch; its loss, or None where the epoch has no more."""
        if not self.waiting:
            return None
        rows = self.waiting.pop()
        loss, slope = cross_entropy(self.network.forward(self.x[rows], self.rng), self.truth[rows])
        self.network.backward(slope)
        self.optimiser.step()
        return loss

    def finish_epoch(self) -> list[float]:
        """Learn all batches that are left; their losses."""
        return [loss for _ in range(len(self.waiting)) if (loss := self.step()) is not None]

    def send(self) -> bytes:
        """Its parameters as a message."""
        return message_of(self.network.arrays())

    def receive(self, message: bytes) -> None:
        """Take the coordinator's parameters."""
        self.network.set_arrays(arrays_of(message, self.network.arrays()))


class NodesHere:
    """Nodes in this process, asked one after the other; `rows` are the flows of each, `lost` the numbers of those that died."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = list(nodes)
        self.rows = [node.truth.size for node in nodes]
        self.lost: list[int] = []

    def ask(self, what: str, *given: Any) -> list[Any]:
        """Call a method of every node that lives; answers in the order of nodes."""
        return [getattr(node, what)(*given) for node in self.nodes]


def message_of(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Parameters as bytes: float32, one array behind the other."""
    return b"".join(np.ascontiguousarray(value, np.float32).tobytes() for value in arrays.values())


def arrays_of(message: bytes, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters of a message, with the names and shapes of `like`.

    Raises
    ------
    ValueError
        The message has another size.
    """
    values, place, arrays = np.frombuffer(message, np.float32), 0, {}
    if values.size != sum(value.size for value in like.values()):
        raise ValueError(
            f"a message of {values.size} parameters; the network has {sum(v.size for v in like.values())}"
        )
    for name, value in like.items():
        arrays[name] = values[place : place + value.size].reshape(value.shape).copy()
        place += value.size
    return arrays
