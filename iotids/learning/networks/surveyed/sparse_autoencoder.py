"""[15] Thing 2017: stacked sparse auto-encoder; layers are trained greedily without labels, then together with softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.learning.contract import Origin
from iotids.learning.networks.layers.activations import Activation
from iotids.learning.networks.layers.chain import Chain
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.kind import (
    LayerKind,
    check_settings,
    classifier,
    dense_layers,
    hidden_sizes,
)
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.optimisers import make_optimiser
from iotids.learning.networks.layers.training import check_loss, shuffled_batches


@dataclass(frozen=True)
class SparseAutoencoderSettings:
    """Widths as text (256-128: two hidden layers), activation, sparsity, and the two trainings."""

    hidden: str = "256-128"
    activation: str = "prelu"
    scaling: str = "log"
    sparsity: float = 0.05
    sparsity_weight: float = 3.0
    pretrain_epochs: int = 5
    epochs: int = 30
    batch_size: int = 256
    optimiser: str = "adam"
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        hidden_sizes(self.hidden)
        check_settings(self, "epochs", "batch_size", "learning_rate")
        if not 0 < self.sparsity < 1:
            raise ValueError(f"sparsity is {self.sparsity}; it is a mean activation, above 0 and below 1")
        if self.pretrain_epochs < 0 or self.sparsity_weight < 0:
            raise ValueError("pretrain_epochs and sparsity_weight must be 0 or more")


class SparseAutoencoderKind(LayerKind):
    """Thing, WCNC 2017. The best of the work is two hidden layers with PReLU."""

    name = "sparse_autoencoder"
    settings_type = SparseAutoencoderSettings
    origin = Origin(
        "[15] Thing 2017, stacked sparse auto-encoder",
        "98.67 % accuracy, four classes, AWID-CLS-R, two hidden layers (quoted by the paper)",
        faithful=(
            "two or three hidden layers",
            "greedy layer-wise pre-training",
            "fine-tuning with softmax",
            "four activations compared",
        ),
        adapted=("70 flow features instead of 154 fields of IEEE 802.11 frames",),
        assumed=("hidden", "scaling", "sparsity", "sparsity_weight", "optimiser", "learning_rate", "epochs"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: SparseAutoencoderSettings) -> Layer:
        """The encoders and the softmax layer."""
        sizes = [n_inputs, *hidden_sizes(settings.hidden)]
        return classifier(dense_layers(sizes, settings.activation), sizes[-1], n_classes)

    def prepare(
        self, network: Layer, x: np.ndarray, settings: SparseAutoencoderSettings, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Train each encoder to give back its input, the ones before it held."""
        assert isinstance(network, Chain)
        losses: list[float] = []
        for i in range(0, len(network.layers) - 1, 2) if settings.pretrain_epochs else ():
            encoder = Chain(network.layers[i : i + 2])
            losses.append(pretrain(encoder, x, settings, rng))
            x = encoder.forward(x)
        return {"reconstruction_loss_by_layer": losses}


def pretrain(
    encoder: Chain, x: np.ndarray, settings: SparseAutoencoderSettings, rng: np.random.Generator
) -> float:
    """Train an encoder with a linear decoder that is dropped after it; mean squared error of the last epoch."""
    width = encoder.layers[0].values["bias"].size
    decoder = Dense(n_in=width, n_out=x.shape[1])
    decoder.start(rng)
    both = Chain([encoder, decoder])
    optimiser, loss = make_optimiser(settings.optimiser, both, settings.learning_rate), 0.0
    for epoch in range(settings.pretrain_epochs):
        parts = []
        for rows in shuffled_batches(len(x), settings.batch_size, rng):
            hidden = encoder.forward(x[rows], rng)
            error = decoder.forward(hidden, rng) - x[rows]
            back = decoder.backward(np.float32(2 / error.size) * error)
            penalty = sparsity_slope(hidden, encoder.layers[1], settings.sparsity)
            encoder.backward(back + np.float32(settings.sparsity_weight / x.shape[1]) * penalty)
            optimiser.step()
            parts.append(float((error**2).mean()))
        loss = check_loss(float(np.mean(parts)), epoch)
    return loss


def sparsity_slope(hidden: np.ndarray, activation: Layer, wanted: float) -> np.ndarray:
    """Gradient by the activations of the sum over neurons of KL(wanted || mean activation).

    Only a sigmoid's mean is between 0 and 1; of the others |a| / (1 + |a|) is taken, an assumption.
    Source: Ng, CS294A lecture notes, Sec. 3.
    """
    assert isinstance(activation, Activation)
    bounded = activation.kind == "sigmoid"
    size = np.abs(hidden)
    share = (hidden if bounded else size / (1 + size)).mean(axis=0).clip(1e-3, 1 - 1e-3)
    slope = (-wanted / share + (1 - wanted) / (1 - share)) / np.float32(len(hidden))
    inner = 1.0 if bounded else np.sign(hidden) / (1 + size) ** 2
    return (slope * inner).astype(np.float32) * np.ones_like(hidden)
