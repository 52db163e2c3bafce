"""The coordinator: asks nodes to train, averages their parameters, counts rounds and bytes; a node that dies is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np

from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.training import check_loss
from iotids.learning.networks.surveyed.fog.nodes import Node, NodesHere, arrays_of, message_of

EXCHANGES = ("step", "epoch")


class Nodes(Protocol):
    """Nodes wherever they run: flows of those that live, numbers of those that died."""

    lost: list[int]

    @property
    def rows(self) -> list[int]:
        """Flows of the nodes that live."""

    def ask(self, what: str, *given: Any) -> list[Any]:
        """Call a method of every node that lives; answers in the order of nodes, `rows` are theirs then."""


@dataclass
class FogTraining:
    """Mean loss of every epoch over nodes, exchanges, bytes of parameters that nodes sent and received, nodes that died."""

    losses: list[float] = field(default_factory=list)
    rounds: int = 0
    exchanged_bytes: int = 0
    lost_nodes: list[int] = field(default_factory=list)


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
    batches of all nodes together. `settings.processes` gives every node a process; the parameters are the same.
    """
    parts = [
        (x[share], truth[share], settings, own)
        for share, own in zip(shares, rng.spawn(len(shares)), strict=True)
    ]
    done = FogTraining()
    with _started(network, parts, settings) as nodes:
        for _ in run_epochs(nodes, network, settings, done):
            pass
    return done


@contextmanager
def _started(network: Layer, parts: Sequence[tuple[Any, ...]], settings: Any) -> Iterator[Nodes]:
    """Nodes with the network's parameters, here or in processes of their own."""
    if settings.processes:
        from iotids.learning.networks.surveyed.fog.processes import nodes_in_processes

        with nodes_in_processes(network.spec(), network.arrays(), parts) as nodes:
            yield nodes
    else:
        yield NodesHere([Node(network.spec(), network.arrays(), *part) for part in parts])


def run_epochs(nodes: Nodes, network: Layer, settings: Any, done: FogTraining) -> Iterator[int]:
    """Train epoch by epoch, and give the number of each that is over; `done` and `network` are current then."""
    for epoch in range(settings.epochs):
        n_steps = max(nodes.ask("begin_epoch", settings.batch_size))
        if settings.exchange == "step":
            losses = []
            for _ in range(n_steps):
                losses += nodes.ask("step")
                exchange(nodes, network.arrays(), done)
        else:
            losses = [loss for step in zip_longest(*nodes.ask("finish_epoch")) for loss in step]
            exchange(nodes, network.arrays(), done)
        done.losses.append(check_loss(float(np.mean([loss for loss in losses if loss is not None])), epoch))
        network.set_arrays(arrays_of(nodes.ask("send")[0], network.arrays()))
        done.lost_nodes = list(nodes.lost)
        yield epoch


def exchange(nodes: Nodes, like: Mapping[str, np.ndarray], done: FogTraining) -> None:
    """Every node gets the mean of all; nothing is sent where a node is alone."""
    if len(nodes.rows) == 1:
        return
    sent = nodes.ask("send")
    mean = message_of(averaged([arrays_of(message, like) for message in sent], nodes.rows))
    answered = nodes.ask("receive", mean)
    done.rounds += 1
    done.exchanged_bytes += sum(map(len, sent)) + len(mean) * len(answered)


def averaged(arrays: Sequence[dict[str, np.ndarray]], weights: Sequence[int]) -> dict[str, np.ndarray]:
    """The weighted mean, summed in float64 in the order of nodes. Source: McMahan et al. 2017, algorithm 1."""
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    return {
        name: sum(share * one[name] for share, one in zip(shares, arrays, strict=True)).astype(np.float32)
        for name in arrays[0]
    }
