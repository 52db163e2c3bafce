"""The Keras network is the paper's, layer by layer, and its optimiser follows the paper's rule."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from iotids.learning.networks.dense import keras_network as network
from iotids.learning.networks.dense import stacked_step
from iotids.learning.networks.dense.keras_network import (
    build_network,
    compile_as_paper,
    network_from_weights,
    paper_optimizer,
)

PAPER = {"learning_rate": 0.1, "momentum": 0.09, "decay": 1e-6, "nesterov": True}


@pytest.mark.parametrize("depth", [4, 5, 6, 7])
def test_layers_stand_in_the_papers_order(depth):
    model = build_network(n_features=70, n_classes=5, depth=depth, width=128, dropout=0.2)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["BatchNormalization"] + ["Dense", "Dropout"] * depth + ["Dense"]
    assert all(layer.rate == 0.2 for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    assert [layer.activation.__name__ for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [
        "relu"
    ] * depth + ["softmax"]


@pytest.mark.parametrize(("depth", "expected"), [(4, 59_549), (7, 109_085)])
def test_number_of_parameters(depth, expected):
    """By hand: 4 x 70 + 70 w + w + (depth - 1) (w w + w) + 5 w + 5 for w = 128."""
    by_hand = 4 * 70 + 71 * 128 + (depth - 1) * (128 * 128 + 128) + 5 * 128 + 5
    model = build_network(n_features=70, n_classes=5, depth=depth, width=128, dropout=0.2)
    assert model.count_params() == by_hand == expected


@pytest.mark.parametrize("updates", [0, 1, 1000, 1_000_000])
def test_the_rate_falls_with_every_update(updates):
    optimizer = paper_optimizer(**PAPER)
    optimizer.iterations.assign(updates)
    assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + 1e-6 * updates), rel=1e-6)


def test_two_nesterov_updates_by_hand():
    optimizer, weight = paper_optimizer(**PAPER | {"decay": 0.5}), tf.Variable([1.0])
    by_hand, speed = 1.0, 0.0
    for update, gradient in enumerate((2.0, -1.0)):
        optimizer.apply_gradients([(tf.constant([gradient]), weight)])
        rate = 0.1 / (1 + 0.5 * update)
        speed = 0.09 * speed - rate * gradient
        by_hand += 0.09 * speed - rate * gradient
    assert weight.numpy()[0] == pytest.approx(by_hand, rel=1e-6)


def test_batch_normalisation_has_the_same_constants_in_both_forms():
    layer = build_network(n_features=3, n_classes=2, depth=1, width=4, dropout=0.0).get_layer("normalise")
    assert (layer.momentum, layer.epsilon) == (network.BN_MOMENTUM, network.BN_EPSILON)
    assert (layer.momentum, layer.epsilon) == (stacked_step.BN_MOMENTUM, stacked_step.BN_EPSILON)
    untouched = keras.layers.BatchNormalization()
    assert (layer.momentum, layer.epsilon) == (untouched.momentum, untouched.epsilon)


def test_shape_and_depth_are_read_from_the_weights():
    model = build_network(n_features=7, n_classes=3, depth=3, width=9, dropout=0.2)
    again = network_from_weights(model.get_weights(), dropout=0.2)
    X = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_plain_fit_learns_with_the_papers_settings():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    X = rng.normal(size=(400, 4)) + 3 * truth[:, None]
    keras.utils.set_random_seed(0)
    model = build_network(n_features=4, n_classes=2, depth=2, width=16, dropout=0.2)
    compile_as_paper(model, **PAPER)
    model.fit(X, np.eye(2)[truth], batch_size=32, epochs=20, verbose=0)
    assert model.evaluate(X, np.eye(2)[truth], verbose=0)[1] > 0.95
