"""The paper's future work: a convolutional or recurrent network over the first packets of a flow."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.flowmeter.columns.schema import SEQUENCE_PACKETS
from iotids.learning.contract import Origin
from iotids.learning.networks.layers.kind import check_settings, classifier, dense_layers
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.surveyed.sequences.host_recurrent import CELLS
from iotids.learning.networks.surveyed.sequences.packet_steps import CHANNELS, PacketKind, convolutions

LAYERS = ("convolution", *CELLS)


@dataclass(frozen=True)
class PacketNetworkSettings:
    """What reads the packets ('convolution', 'lstm', 'gru'), and the widths of it and of the dense layer."""

    layers: str = "convolution"
    width: int = 32
    dense: int = 64
    scaling: str = "none"
    epochs: int = 30
    batch_size: int = 256
    optimiser: str = "adam"
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "width", "dense", "epochs", "batch_size", "learning_rate")
        if self.layers not in LAYERS:
            raise ValueError(f"layers is {self.layers!r}; known are {', '.join(LAYERS)}")


class PacketNetworkKind(PacketKind):
    """It sees packets alone: none of the flow's features."""

    name = "packet_network"
    settings_type = PacketNetworkSettings
    origin = Origin(
        "the paper's future work: 1-D convolutional and recurrent networks, over the packets of a flow",
        faithful=("1-D convolution, LSTM, GRU",),
        adapted=("payload, direction, time and TCP flags of the first 32 packets",),
        assumed=("width", "dense", "optimiser", "learning_rate", "epochs", "batch_size"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: PacketNetworkSettings) -> Layer:
        """Two convolutions or one recurrent layer, a dense layer, the logits."""
        del n_inputs
        if settings.layers == "convolution":
            hidden = convolutions([settings.width, settings.width])
        else:
            sizes = {"steps": SEQUENCE_PACKETS, "channels": CHANNELS, "width": settings.width}
            hidden = [CELLS[settings.layers](**sizes)]
        hidden = [*hidden, *dense_layers([settings.width, settings.dense], "relu")]
        return classifier(hidden, settings.dense, n_classes)
