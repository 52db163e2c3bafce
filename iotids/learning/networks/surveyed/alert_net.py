"""[19] Vinayakumar et al. 2019: SHIA-AlertNet, dense networks with one to five hidden layers (DNN 1 to 5)."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.learning.contract import Origin
from iotids.learning.networks.layers.activations import Activation
from iotids.learning.networks.layers.batch_norm import BatchNorm
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.dropout import Dropout
from iotids.learning.networks.layers.kind import LayerKind, check_settings, classifier
from iotids.learning.networks.layers.layer import Layer

WIDTHS = (1024, 768, 512, 256, 128)


@dataclass(frozen=True)
class AlertNetSettings:
    """How many of the five hidden layers; `shrink` divides their widths, to save time."""

    layers: int = 5
    shrink: int = 1
    batch_norm: bool = True
    dropout: float = 0.01
    scaling: str = "log"
    epochs: int = 100
    batch_size: int = 64
    optimiser: str = "adam"
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "shrink", "epochs", "batch_size", "learning_rate")
        if not 1 <= self.layers <= len(WIDTHS):
            raise ValueError(f"layers is {self.layers}; the work has 1 to {len(WIDTHS)}")
        if self.shrink > WIDTHS[-1]:
            raise ValueError(
                f"shrink is {self.shrink}; the narrowest layer has {WIDTHS[-1]} neurons, so at most that"
            )


class AlertNetKind(LayerKind):
    """Vinayakumar et al., IEEE Access 2019."""

    name = "alert_net"
    settings_type = AlertNetSettings
    origin = Origin(
        "[19] Vinayakumar et al. 2019, SHIA-AlertNet DNN 1 to 5",
        "87.3 % accuracy on CIC-IDS2017, 93.57 % on UNSW-NB15, all classes (quoted by the paper)",
        faithful=(
            "widths 1024, 768, 512, 256, 128",
            "ReLU",
            "dropout 0.01",
            "Adam",
            "batch 64",
            "100 epochs",
        ),
        adapted=("softmax over the classes of the task instead of one sigmoid", "70 flow features"),
        assumed=(
            "batch_norm",
            "scaling (the authors' code divides each row by its length: row_norm)",
            "learning_rate",
        ),
    )

    def network(self, n_inputs: int, n_classes: int, settings: AlertNetSettings) -> Layer:
        """Dense, ReLU, (batch normalisation), dropout; per hidden layer."""
        hidden: list[Layer] = []
        for width in (width // settings.shrink for width in WIDTHS[: settings.layers]):
            hidden += [Dense(n_in=n_inputs, n_out=width), Activation(kind="relu", width=width)]
            hidden += [BatchNorm(width=width)] if settings.batch_norm else []
            hidden += [Dropout(share=settings.dropout)]
            n_inputs = width
        return classifier(hidden, n_inputs, n_classes)
