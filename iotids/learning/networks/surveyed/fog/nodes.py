"""Nodes that train side by side from the same parameters, and the coordinator that averages them; exact for a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from iotids.learning.networks.layers.kind import optimiser_of
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.optimisers import Optimiser
from iotids.learning.networks.layers.stored import layer_of_spec
from iotids.learning.networks.layers.training import check_loss, cross_entropy, shuffled_batches

EXCHANGES = ("step", "epoch")


@dataclass(frozen=True)
class FogTraining:
    """Mean loss of every epoch over nodes, exchanges, and bytes that nodes sent and received in all."""

    losses: list[float]
    rounds: int
    exchanged_bytes: int


class Node:
    """A copy of the network with a share of the flows and an optimiser of its own."""

    def __init__(self, network: Layer, share: np.ndarray, settings: Any, rng: np.random.Generator) -> None:
        self.network: Layer = layer_of_spec(network.spec())
        self.network.set_arrays(network.arrays())
        self.optimiser: Optimiser = optimiser_of(settings, self.network)
        self.share, self.rng = share, rng

    def batches(self, size: int) -> list[np.ndarray]:
        """Row numbers of an epoch."""
        return [self.share[rows] for rows in shuffled_batches(self.share.size, size, self.rng)]

    def learn(self, x: np.ndarray, truth: np.ndarray) -> float:
        """One batch; its loss."""
        loss, slope = cross_entropy(self.network.forward(x, self.rng), truth)
        self.network.backward(slope)
        self.optimiser.step()
        return loss


def train_nodes(
    network: Layer,
    x: Any,
    truth: np.ndarray,
    shares: Sequence[np.ndarray],
    settings: Any,
    rng: np.random.Generator,
) -> FogTraining:
    """Train; the network gets the coordinator's parameters.

    After every batch or epoch (`settings.exchange`) each node sends its parameters and receives their mean, weighted
    by its flows. With plain SGD, equal shares and an exchange after every batch this is central training on the
    batches of all nodes together.
    """
    nodes = [
        Node(network, share, settings, own) for share, own in zip(shares, rng.spawn(len(shares)), strict=True)
    ]
    losses, rounds = [], 0
    for epoch in range(settings.epochs):
        parts = []
        for step in zip_longest(*(node.batches(settings.batch_size) for node in nodes)):
            at_work = [(node, rows) for node, rows in zip(nodes, step, strict=True) if rows is not None]
            parts += [node.learn(x[rows], truth[rows]) for node, rows in at_work]
            if settings.exchange == "step":
                rounds += exchange(nodes)
        if settings.exchange == "epoch":
            rounds += exchange(nodes)
        losses.append(check_loss(float(np.mean(parts)), epoch))
    network.set_arrays(nodes[0].network.arrays())
    size = sum(value.nbytes for value in network.arrays().values())
    return FogTraining(losses, rounds, 2 * len(nodes) * size * rounds)


def exchange(nodes: Sequence[Node]) -> int:
    """Every node gets the mean of all; 1, or 0 where a node is alone and nothing is sent."""
    if len(nodes) == 1:
        return 0
    mean = averaged([node.network.arrays() for node in nodes], [node.share.size for node in nodes])
    for node in nodes:
        node.network.set_arrays(mean)
    return 1


def averaged(arrays: Sequence[dict[str, np.ndarray]], weights: Sequence[int]) -> dict[str, np.ndarray]:
    """The weighted mean, summed in float64 in the order of nodes. Source: McMahan et al. 2017, algorithm 1."""
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    return {
        name: sum(share * one[name] for share, one in zip(shares, arrays, strict=True)).astype(np.float32)
        for name in arrays[0]
    }
