"""The paper's network as an ordinary Keras model: batch normalisation, n x (Dense ReLU, Dropout), softmax;
SGD with Nesterov.

Pecori et al., IJCNN 2020, Sec. IV-B and V-B. Width, batch size and epochs are not in the paper: they are
parameters. Training happens in stacked.py, all folds at once; this is the form in which a network is saved,
shown and used.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

BN_MOMENTUM, BN_EPSILON = 0.99, 1e-3  # Keras' defaults in 2.3.1 (the paper's) and in 3.15


def build_network(
    *,
    n_features: int,
    n_classes: int,
    depth: int,
    width: int,
    dropout: float,
    inputs: str = "raw",
    name: str = "network",
) -> keras.Model:
    """The network with `depth` hidden layers of `width` neurons, freshly initialised (Glorot uniform), not
    compiled.
    """
    layers: list[keras.layers.Layer] = [
        keras.Input((n_features,), name="features"),
        keras.layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name="normalise"),
    ]
    for i in range(1, depth + 1):
        layers += [
            keras.layers.Dense(width, activation="relu", name=f"hidden_{i}"),
            keras.layers.Dropout(dropout, name=f"dropout_{i}"),
        ]
    layers.append(keras.layers.Dense(n_classes, activation="softmax", name="class"))
    if inputs == "raw":
        return keras.Sequential(layers, name=name)
    signal = layers[0]
    signal = keras.ops.sign(signal) * keras.ops.log1p(keras.ops.absolute(signal))
    for layer in layers[1:]:
        signal = layer(signal)
    return keras.Model(layers[0], signal, name=name)


def paper_optimizer(
    *, learning_rate: float, momentum: float, decay: float, nesterov: bool
) -> keras.optimizers.Optimizer:
    """SGD whose rate falls with every update: learning_rate / (1 + decay * updates so far).

    `SGD(decay=...)` of the paper's Keras 2.3.1 is ignored by Keras 3; the schedule gives the same rates.
    """
    schedule = keras.optimizers.schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=decay)
    return keras.optimizers.SGD(schedule, momentum=momentum, nesterov=nesterov)


def compile_as_paper(
    model: keras.Model, *, learning_rate: float, momentum: float, decay: float, nesterov: bool
) -> None:
    """Compile for plain `fit` on one-hot labels with the paper's loss and optimiser."""
    optimizer = paper_optimizer(
        learning_rate=learning_rate, momentum=momentum, decay=decay, nesterov=nesterov
    )
    # XLA slows Keras' own per-batch loop down on a CPU (measured: 0.6 to 0.8 of the rate)
    model.compile(
        optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )


def network_from_weights(
    weights: Sequence[np.ndarray], *, dropout: float, inputs: str = "raw", name: str = "network"
) -> keras.Model:
    """A network that holds the given weights.

    Parameters
    ----------
    weights : sequence of arrays
        In Keras' order: gamma, beta, moving mean, moving variance (each (features,)), then kernel and bias of
        every Dense layer. `StackedNetworks.weights_of` gives them. Sizes and depth are read from the shapes.
    """
    n_features, width = weights[4].shape
    depth = (len(weights) - 4) // 2 - 1
    model = build_network(
        n_features=n_features,
        n_classes=weights[-1].size,
        depth=depth,
        width=width,
        dropout=dropout,
        inputs=inputs,
        name=name,
    )
    model.set_weights(list(weights))
    return model
