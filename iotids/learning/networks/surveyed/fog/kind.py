"""[16] Diro & Chilamkurti 2018: nodes of a fog train on their own shares and exchange parameters with a coordinator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.learning.contract import Origin, TrainingData
from iotids.learning.networks.layers.kind import (
    LayerKind,
    check_settings,
    classifier,
    dense_layers,
    hidden_sizes,
)
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.surveyed.fog.coordinator import EXCHANGES, train_nodes
from iotids.learning.networks.surveyed.fog.shares import SHARES, missing_classes, node_shares


@dataclass(frozen=True)
class FogSettings:
    """Nodes, how the flows are shared out ('random' or 'site'), how often parameters are exchanged, and whether every
    node is a process of its own (the same parameters, slower; needs Dask).
    """

    nodes: int = 4
    shares: str = "random"
    exchange: str = "epoch"
    hidden: str = "150-120-50"
    scaling: str = "log"
    epochs: int = 50
    batch_size: int = 1000
    optimiser: str = "adam"
    learning_rate: float = 0.001
    processes: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "nodes", "epochs", "batch_size", "learning_rate")
        hidden_sizes(self.hidden)
        for name, known in (("shares", SHARES), ("exchange", EXCHANGES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; known are {', '.join(known)}")


class FogKind(LayerKind):
    """Diro, Chilamkurti: Future Generation Computer Systems 82, 2018. One node is central training."""

    name = "fog"
    settings_type = FogSettings
    origin = Origin(
        "[16] Diro & Chilamkurti 2018, deep learning over fog nodes",
        "98.27 % accuracy, four classes, NSL-KDD; from about 96 to over 99 % with more nodes (quoted by the paper)",
        faithful=("nodes train on their own share", "a coordinator exchanges parameters"),
        adapted=(
            "parameters are averaged by number of flows (FedAvg, McMahan et al. 2017)",
            "shares by site beside shares at random",
            "nodes in one process or in a process each over loopback, in step; the parameters are the same",
        ),
        assumed=("hidden", "exchange", "scaling", "optimiser", "learning_rate", "epochs", "batch_size"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: FogSettings) -> Layer:
        """Dense ReLU layers, the logits."""
        sizes = [n_inputs, *hidden_sizes(settings.hidden)]
        return classifier(dense_layers(sizes, "relu"), sizes[-1], n_classes)

    def train(
        self, network: Layer, x: Any, data: TrainingData, settings: FogSettings, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Share out, train all nodes, leave the coordinator's parameters in the network.

        Raises
        ------
        ValueError
            Fewer flows than nodes, or, with random shares, than nodes in a class: names the node or the class.
        """
        shares = node_shares(data, settings.nodes, settings.shares, rng)
        done = train_nodes(network, x, data.truth, shares, settings, rng)
        return {
            "nodes": settings.nodes,
            "node_rows": [int(share.size) for share in shares],
            "node_missing_classes": missing_classes(data, shares),
            "exchange_rounds": done.rounds,
            "exchanged_bytes": done.exchanged_bytes,
            "lost_nodes": done.lost_nodes,
            "first_epoch_loss": done.losses[0],
            "last_epoch_loss": done.losses[-1],
        }
