"""Train one network on every flow, with the code and the settings of cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from iotids.learning.data.folds import Fold, check_two_classes
from iotids.learning.networks.dense.stacked import NetworkShape, StackedNetworks
from iotids.learning.networks.dense.training import TrainingPlan, train_epochs

LEARNING_KEYS = ("depth", "width", "dropout", "learning_rate", "momentum", "decay", "nesterov", "batch_size")
WATCHED_ROWS = 1024  # the training code wants rows to watch; nothing is chosen by them


def train_on_all(
    X: np.ndarray, truth: np.ndarray, n_classes: int, settings: Mapping[str, Any]
) -> list[np.ndarray]:
    """Weights in Keras' order.

    Parameters
    ----------
    X : (n, d) float32
    truth : (n,) integer array
    settings : mapping
        The `params` of the run's folds.json: depth and the keys of conf/network.

    Raises
    ------
    ValueError
        Fewer than two classes.
    FloatingPointError
        Training diverged.
    """
    rows = np.arange(truth.size)
    fold = Fold(0, rows, rows[:WATCHED_ROWS])
    check_two_classes([fold], truth, [str(c) for c in range(n_classes)])
    shape = NetworkShape(
        n_features=X.shape[1], n_classes=n_classes, **{key: settings[key] for key in LEARNING_KEYS}
    )
    plan = TrainingPlan(settings["epochs"], settings["batch_size"], settings["seed"], settings["patience"])
    networks = StackedNetworks(shape, 1)
    networks.start(seed=plan.seed, folds=[0])
    for _ in train_epochs(networks, tf.constant(X), tf.constant(truth.astype(np.int32)), [fold], plan):
        pass
    return networks.weights_of(0)
