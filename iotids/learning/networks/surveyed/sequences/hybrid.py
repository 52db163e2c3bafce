"""[20] Ma, Du, Cao 2019: a hybrid network on sequential, statistical and environmental features of a flow."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.flowmeter.columns.groups import CONTEXT, FLOW, features_of
from iotids.flowmeter.columns.schema import SEQUENCE_PACKETS
from iotids.learning.contract import Origin
from iotids.learning.networks.layers.chain import Branches, Chain
from iotids.learning.networks.layers.kind import check_settings, classifier, dense_layers
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.surveyed.sequences.packet_steps import (
    CHANNELS,
    PacketKind,
    PacketModel,
    convolutions,
)


@dataclass(frozen=True)
class HybridSettings:
    """Widths: of the convolutions, of each of the other two branches, of the joined layer."""

    sequence: int = 32
    branch: int = 64
    joined: int = 64
    scaling: str = "log"
    epochs: int = 30
    batch_size: int = 256
    optimiser: str = "adam"
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "sequence", "branch", "joined", "epochs", "batch_size", "learning_rate")


class HybridModel(PacketModel):
    """Takes packets and features."""

    with_features = True


class HybridKind(PacketKind):
    """Ma, Du, Cao: Security and Communication Networks 2019, "Analysis of multi-types of flow features"."""

    name = "hybrid"
    settings_type = HybridSettings
    sees = (FLOW, CONTEXT)
    model = HybridModel
    origin = Origin(
        "[20] Ma, Du, Cao 2019, hybrid neural network on several types of flow features",
        "99.57 % accuracy on CIC-IDS2017, 99.58 % on ISCX-IDS-2012, two classes; 99.35 and 99.61 %, several (quoted by the paper)",
        faithful=(
            "a branch each for sequential, statistical and environmental features",
            "one classifier behind them",
        ),
        adapted=(
            "sequential: the first 32 packets; statistical: 70 flow features; environmental: what end points did in 60 s",
        ),
        assumed=("sequence", "branch", "joined", "scaling", "optimiser", "learning_rate", "epochs"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: HybridSettings) -> Layer:
        """Three branches side by side."""
        packets, statistics = SEQUENCE_PACKETS * CHANNELS, len(features_of([FLOW]))
        rest = n_inputs - packets - statistics
        branches = [
            Chain(convolutions([settings.sequence, settings.sequence])),
            Chain(dense_layers([statistics, settings.branch], "relu")),
            Chain(dense_layers([rest, settings.branch], "relu")),
        ]
        joined = settings.sequence + 2 * settings.branch
        hidden: list[Layer] = [Branches(branches, [packets, statistics, rest])]
        hidden += dense_layers([joined, settings.joined], "relu")
        return classifier(hidden, settings.joined, n_classes)
