"""[18] Al-Jarrah & Arafat 2014: a tap-delay line of a host's last flows in front of a dense network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import Fitted, Origin, TrainingData
from iotids.learning.networks.layers.kind import LayerKind, check_settings, classifier, dense_layers
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.scaling import Scaling
from iotids.learning.networks.surveyed.sequences.host_windows import (
    HOST,
    WindowModel,
    Windows,
    check_window,
    window_rows,
)


@dataclass(frozen=True)
class TapDelaySettings:
    """Flows in a window, and neurons of the hidden layer."""

    window: int = 5
    width: int = 64
    activation: str = "tanh"
    scaling: str = "log"
    epochs: int = 50
    batch_size: int = 256
    optimiser: str = "adam"
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "window", "width", "epochs", "batch_size", "learning_rate")


class WindowKind(LayerKind):
    """A network of the last `settings.window` flows of a host."""

    inputs = (HOST,)
    exports_onnx = False

    def inputs_of(self, data: TrainingData, scaling: Scaling, settings: Any) -> Any:
        """A window per training row, of training rows."""
        check_window(data, settings.window)
        return Windows(scaling(data.features), window_rows(data, np.arange(data.truth.size), settings.window))

    def model_of(
        self, scaling: Scaling, network: Layer, seen: np.ndarray, facts: dict[str, Any], settings: Any
    ) -> Fitted:
        """With the length of its windows."""
        return WindowModel(scaling, network, seen, facts, settings.window)

    def load(self, folder: Path) -> Fitted:
        """The values."""
        return WindowModel.load(folder)


class TapDelayKind(WindowKind):
    """Al-Jarrah, Arafat: ICICS 2014, "Network intrusion detection system using attack behavior classification"."""

    name = "tap_delay"
    settings_type = TapDelaySettings
    origin = Origin(
        "[18] Al-Jarrah & Arafat 2014, tap-delay neural network",
        "all port scans and host sweeps recognised, DARPA 1998 (quoted by the paper)",
        faithful=("a tap-delay line", "two layers of neurons behind it"),
        adapted=(
            "a window of flows of one initiator in one recording, on one side of a fold, instead of records of one stream",
            "softmax over the classes of the task",
        ),
        assumed=("window", "width", "activation", "scaling", "optimiser", "learning_rate", "epochs"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: TapDelaySettings) -> Layer:
        """One hidden layer, then the logits."""
        hidden = dense_layers([n_inputs, settings.width], settings.activation)
        return classifier(hidden, settings.width, n_classes)
