"""The first packets of a flow as steps of a network: payload with its direction, time since the last, TCP flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iotids.flowmeter.columns.schema import SEQUENCE, SEQUENCE_PACKETS
from iotids.learning.contract import Fitted, TrainingData
from iotids.learning.networks.layers.fitted import (
    BLOCK_ROWS,
    UNSEEN_LOGIT,
    LayerModel,
    read_arrays,
    refusing,
    scaling_of_arrays,
)
from iotids.learning.networks.layers.kind import LayerKind
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.scaling import Scaling
from iotids.learning.networks.layers.stored import network_of_arrays
from iotids.learning.networks.layers.training import softmax

SEQUENCE_NAMES = tuple(column.name for column in SEQUENCE)
N_FLAGS = 8
CHANNELS = 2 + N_FLAGS + 1  # the last says that there is a packet
LOG_BYTES, LOG_IAT = np.log1p(1500.0), np.log1p(60e6)  # an Ethernet frame and a minute become about 1


def packet_steps(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, SEQUENCE_PACKETS x CHANNELS) float32 of the columns `sequence_*`.

    A step counts as a packet up to the last one that has a payload, a time or a flag; the first always does.
    """
    bytes_, iat, flags = (np.asarray(inputs[name]) for name in SEQUENCE_NAMES)
    something = (bytes_ != 0) | (iat != 0) | (flags != 0)
    something[:, 0] = True
    there = np.cumsum(something[:, ::-1], axis=1)[:, ::-1] > 0
    sizes = np.sign(bytes_) * np.log1p(np.abs(bytes_)) / LOG_BYTES
    times = np.sign(iat) * np.log1p(np.abs(iat.astype(np.float64))) / LOG_IAT
    bits = (flags[:, :, None] >> np.arange(N_FLAGS)) & 1
    steps = np.concatenate([sizes[:, :, None], times[:, :, None], bits, there[:, :, None]], axis=2)
    flat: np.ndarray = steps.reshape(len(bytes_), -1).astype(np.float32)
    return flat


class PacketModel(LayerModel):
    """A network of packets and, where `with_features`, of the scaled features behind them."""

    with_features = False

    def score_rows(self, data: TrainingData, rows: np.ndarray) -> np.ndarray:
        """(m, k), a block of rows at a time."""
        parts = [np.zeros((0, self.seen.size))]
        for start in range(0, len(rows), BLOCK_ROWS):
            block = rows[start : start + BLOCK_ROWS]
            x = packet_steps({name: data.inputs[name][block] for name in SEQUENCE_NAMES})
            if self.with_features:
                x = np.hstack([x, self.scaling(data.features[block])])
            parts.append(self.network.forward(x).astype(np.float64))
        return softmax(np.where(self.seen, np.concatenate(parts), UNSEEN_LOGIT))

    def logits(self, features: np.ndarray) -> np.ndarray:
        """None: features alone have no packets."""
        raise ValueError(
            "a network of packets wants the columns sequence_* of a flow, not its features alone"
        )

    def to_onnx(self) -> bytes:
        """None: the graph's input would be the features alone."""
        raise NotImplementedError(
            "a network of packets has no ONNX form: its inputs are no features of a flow"
        )

    @classmethod
    def load(cls, folder: Path) -> PacketModel:
        """Read model.npz; ValueError where it is damaged."""
        arrays = read_arrays(folder)
        with refusing(folder):
            network = network_of_arrays(arrays, "network")
            return cls(scaling_of_arrays(arrays), network, arrays["seen"], {})


class PacketKind(LayerKind):
    """A network of packets."""

    inputs = SEQUENCE_NAMES
    exports_onnx = False
    model: type[PacketModel] = PacketModel

    def inputs_of(self, data: TrainingData, scaling: Scaling, settings: Any) -> Any:
        """The packets, and the scaled features behind them where the model takes them."""
        del settings
        steps = packet_steps(data.inputs)
        return np.hstack([steps, scaling(data.features)]) if self.model.with_features else steps

    def model_of(
        self, scaling: Scaling, network: Layer, seen: np.ndarray, facts: dict[str, Any], settings: Any
    ) -> Fitted:
        """The trained model."""
        del settings
        return self.model(scaling, network, seen, facts)

    def load(self, folder: Path) -> Fitted:
        """The values."""
        return self.model.load(folder)


def convolutions(widths: list[int]) -> list[Layer]:
    """Convolutions with ReLU over the packets, one behind the other, then the largest value of each channel."""
    from iotids.learning.networks.layers.activations import Activation
    from iotids.learning.networks.layers.convolution import Convolution, LargestOverSteps

    layers: list[Layer] = []
    for n_in, n_out in zip([CHANNELS, *widths], widths, strict=False):
        layers.append(Convolution(steps=SEQUENCE_PACKETS, channels=n_in, width=n_out))
        layers.append(Activation(kind="relu", width=SEQUENCE_PACKETS * n_out))
    return [*layers, LargestOverSteps(steps=SEQUENCE_PACKETS, width=widths[-1])]
