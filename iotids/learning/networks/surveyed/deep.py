"""The paper's network made deeper (its future work): 8, 12, 16 hidden layers, with or without residual connections and
He's initial weights, so that depth and trainability are separated.
"""

from __future__ import annotations

from dataclasses import dataclass

from iotids.learning.contract import Origin
from iotids.learning.networks.layers.activations import Activation
from iotids.learning.networks.layers.batch_norm import BatchNorm
from iotids.learning.networks.layers.chain import Residual
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.dropout import Dropout
from iotids.learning.networks.layers.kind import LayerKind, check_settings, classifier
from iotids.learning.networks.layers.layer import Layer


@dataclass(frozen=True)
class DeepSettings:
    """As the paper's, with two additions: `residual` (around every pair of layers), `start` (glorot or he)."""

    depth: int = 8
    width: int = 64
    residual: bool = False
    start: str = "glorot"
    dropout: float = 0.2
    scaling: str = "none"
    epochs: int = 50
    batch_size: int = 256
    optimiser: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.09
    decay: float = 1e-6

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "depth", "width", "epochs", "batch_size", "learning_rate")


class DeepKind(LayerKind):
    """Batch normalisation, `depth` times (dense, ReLU, dropout), softmax."""

    name = "deep"
    settings_type = DeepSettings
    origin = Origin(
        "the paper's future work: deeper networks",
        faithful=("the paper's block, optimiser and rate",),
        adapted=(
            "residual connections around pairs of layers, their input batch-normalised (He et al. 2016)",
            "He's initial weights (He et al. 2015)",
        ),
        assumed=("width", "batch_size", "epochs"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: DeepSettings) -> Layer:
        """The first block changes the width, so it has no connection around it; the others come in pairs, a last one alone.

        Without the normalisation of each branch the sum grows with depth, and training at the paper's rate diverges.
        """
        width = settings.width
        blocks = [_block(n_inputs if i == 0 else width, settings) for i in range(settings.depth)]
        hidden: list[Layer] = [BatchNorm(width=n_inputs), *blocks[0]]
        if settings.residual:
            pairs = [blocks[i : i + 2] for i in range(1, settings.depth, 2)]
            branches = [[BatchNorm(width=width), *(one for block in pair for one in block)] for pair in pairs]
            hidden += [Residual(branch) for branch in branches]
        else:
            hidden += [layer for block in blocks[1:] for layer in block]
        return classifier(hidden, width, n_classes)


def _block(n_inputs: int, settings: DeepSettings) -> list[Layer]:
    """Dense, ReLU, dropout."""
    width = settings.width
    return [
        Dense(n_in=n_inputs, n_out=width, start=settings.start),
        Activation(kind="relu", width=width),
        Dropout(share=settings.dropout),
    ]
