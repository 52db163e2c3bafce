"""What every kind of network of layers shares: checks, scaling, training with softmax, one thread."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import Fitted, ModelKind, TrainingData, check_training
from iotids.learning.data.folds import Fold, check_two_classes
from iotids.learning.networks.layers.activations import ACTIVATIONS, Activation
from iotids.learning.networks.layers.chain import Chain
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.fitted import LayerModel
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.optimisers import OPTIMISERS, Optimiser, make_optimiser
from iotids.learning.networks.layers.scaling import SCALINGS, Scaling, fit_scaling
from iotids.learning.networks.layers.training import train_classifier

CHOICES = {"scaling": SCALINGS, "optimiser": OPTIMISERS, "activation": ACTIVATIONS, "start": ("glorot", "he")}


class LayerKind(ModelKind):
    """A classifier of layers. A kind says what its network is; it may train before the training (`prepare`).

    Settings have scaling, optimiser, learning_rate, epochs and batch_size; SGD also momentum and decay.
    """

    dtype = np.float64

    @abstractmethod
    def network(self, n_inputs: int, n_classes: int, settings: Any) -> Layer:
        """The layers, before any training; the last gives logits."""

    def prepare(
        self, network: Layer, x: np.ndarray, settings: Any, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Train without labels; facts of it."""
        del network, x, settings, rng
        return {}

    def inputs_of(self, data: TrainingData, scaling: Scaling, settings: Any) -> Any:
        """What the network is given: has `shape` (n, inputs), and [rows] gives (m, inputs) float32."""
        del settings
        return scaling(data.features)

    def model_of(
        self, scaling: Scaling, network: Layer, seen: np.ndarray, facts: dict[str, Any], settings: Any
    ) -> Fitted:
        """The trained model."""
        del settings
        return LayerModel(scaling, network, seen, facts)

    def train(
        self, network: Layer, x: Any, data: TrainingData, settings: Any, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Train with labels; facts of it."""
        sizes = {"epochs": settings.epochs, "batch_size": settings.batch_size}
        losses = train_classifier(network, x, data.truth, optimiser_of(settings, network), **sizes, rng=rng)
        return {"first_epoch_loss": losses[0], "last_epoch_loss": losses[-1]}

    def fit(self, data: TrainingData, settings: Any, *, seed: int) -> Fitted:
        """Scale, start, prepare, train.

        Raises
        ------
        ValueError
            No rows, one class only, or a feature that is no number.
        FloatingPointError
            Training diverged.
        """
        from threadpoolctl import threadpool_limits

        check_learnable(data)
        rng, scaling = np.random.default_rng(seed), fit_scaling(settings.scaling, data.features)
        with threadpool_limits(limits=1):
            x = self.inputs_of(data, scaling, settings)
            network = self.network(x.shape[1], data.n_classes, settings)
            network.start(rng)
            facts = self.prepare(network, x, settings, rng)
            facts |= self.train(network, x, data, settings, rng)
        return self.model_of(scaling, network, seen_classes(data), facts, settings)

    def load(self, folder: Path) -> Fitted:
        """The values."""
        return LayerModel.load(folder)


def optimiser_of(settings: Any, network: Layer) -> Optimiser:
    """With those of its arguments that the settings have."""
    given = {key: getattr(settings, key) for key in ("momentum", "decay") if hasattr(settings, key)}
    return make_optimiser(settings.optimiser, network, settings.learning_rate, **given)


def dense_layers(
    sizes: list[int], activation: str, *, dropout: float = 0.0, start: str = "glorot"
) -> list[Layer]:
    """Dense layers from the first size to the last, each with its activation (and dropout)."""
    from iotids.learning.networks.layers.dropout import Dropout

    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Dense(n_in=n_in, n_out=n_out, start=start), Activation(kind=activation, width=n_out)]
        layers += [Dropout(share=dropout)] if dropout else []
    return layers


def classifier(hidden: list[Layer], width: int, n_classes: int) -> Chain:
    """Hidden layers and the layer of logits."""
    return Chain([*hidden, Dense(n_in=width, n_out=n_classes)])


def check_learnable(data: TrainingData) -> None:
    """Refuse no rows, values that are no numbers, and one class alone (ValueError)."""
    check_training(data.features, data.truth, n_classes=data.n_classes)
    rows = np.arange(data.truth.size)
    check_two_classes([Fold(0, rows, rows)], data.truth, data.classes)


def seen_classes(data: TrainingData) -> np.ndarray:
    """(k,) bool: the class has a training row."""
    return np.bincount(data.truth, minlength=data.n_classes) > 0


def check_settings(settings: Any, *positive: str) -> None:
    """Refuse values that no network can be trained with (ValueError), by name."""
    for name in positive:
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name} is {getattr(settings, name)}; it must be above 0")
    for name, known in CHOICES.items():
        if hasattr(settings, name) and getattr(settings, name) not in known:
            raise ValueError(f"{name} is {getattr(settings, name)!r}; known are {', '.join(known)}")
    if hasattr(settings, "dropout") and not 0 <= settings.dropout < 1:
        raise ValueError(f"dropout is {settings.dropout}; it is a share of neurons, from 0 to below 1")


def hidden_sizes(text: str) -> list[int]:
    """'256-128-64' as numbers; ValueError where a part is no whole number above 0."""
    parts = text.split("-")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"hidden is {text!r}; wanted are widths above 0, like 256-128-64")
    return [int(part) for part in parts]
