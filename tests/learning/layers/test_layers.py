"""Every layer's way back is the gradient of its way forward, and its ONNX nodes compute the same."""

import numpy as np
import pytest

from iotids.learning.networks.layers.activations import ACTIVATIONS, Activation
from iotids.learning.networks.layers.batch_norm import BatchNorm
from iotids.learning.networks.layers.chain import Branches, Chain, Residual
from iotids.learning.networks.layers.convolution import Convolution, LargestOverSteps
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.dropout import Dropout
from iotids.learning.networks.layers.optimisers import OPTIMISERS, make_optimiser
from iotids.learning.networks.layers.recurrent import Gru, Lstm
from iotids.learning.networks.layers.scaling import SCALINGS, fit_scaling
from iotids.learning.networks.layers.stored import network_arrays, network_of_arrays
from iotids.learning.networks.layers.training import cross_entropy, shuffled_batches

LAYERS = {
    "dense": lambda: Dense(n_in=6, n_out=6, start="he"),
    "batch_norm": lambda: BatchNorm(width=6),
    "dropout": lambda: Dropout(share=0.4),
    "residual": lambda: Residual([Dense(n_in=6, n_out=6), Activation(kind="tanh", width=6)]),
    "chain": lambda: Chain([BatchNorm(width=6), Dense(n_in=6, n_out=4), Activation(kind="prelu", width=4)]),
    "branches": lambda: Branches(
        [Dense(n_in=2, n_out=3), Chain([Dense(n_in=4, n_out=2), Activation(kind="tanh", width=2)])], [2, 4]
    ),
    "convolution": lambda: Convolution(steps=3, channels=2, width=4, reach=3),
    "largest": lambda: LargestOverSteps(steps=3, width=2),
    "lstm": lambda: Lstm(steps=3, channels=2, width=4),
    "gru": lambda: Gru(steps=3, channels=2, width=4),
    **{kind: lambda kind=kind: Activation(kind=kind, width=6) for kind in ACTIVATIONS},
}


def started(name):
    layer = LAYERS[name]()
    layer.start(np.random.default_rng(3))
    for place, key in layer.trained():  # away from zeros and ones, where mistakes hide
        noise = np.random.default_rng(4).normal(0, 0.3, place.values[key].shape)
        place.values[key] = (place.values[key] + noise).astype(np.float64)
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_the_way_back_is_the_gradient(name):
    layer, rng = started(name), np.random.default_rng(0)
    x, weights = rng.normal(size=(5, 6)), None

    def loss(x):
        return float((layer.forward(x, np.random.default_rng(9)) * weights).sum())

    weights = rng.normal(size=layer.forward(x, np.random.default_rng(9)).shape)
    loss(x)
    slope = layer.backward(weights)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-5
        assert slope[place] == pytest.approx((loss(x + step) - loss(x - step)) / 2e-5, rel=1e-3, abs=1e-6)
    for inner, key in layer.trained():
        value, wanted = inner.values[key], inner.slopes[key]
        for place in list(np.ndindex(value.shape))[:12]:
            before = value[place]
            value[place] = before + 1e-5
            above = loss(x)
            value[place] = before - 1e-5
            below = loss(x)
            value[place] = before
            assert wanted[place] == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_a_stored_layer_gives_the_same(name):
    layer, x = started(name), np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    layer.set_arrays(layer.arrays())
    again = network_of_arrays(network_arrays(layer, "n"), "n")
    assert np.array_equal(again.forward(x), layer.forward(x))


@pytest.mark.parametrize("kind", SCALINGS)
def test_a_scaling_is_finite_on_constant_columns_and_keeps_its_range(kind):
    x = np.column_stack([np.full(50, 7.0), np.geomspace(1, 1e9, 50), -np.arange(50.0)])
    scaled = fit_scaling(kind, x)(np.vstack([x, 10 * x]))
    assert scaled.dtype == np.float32 and np.isfinite(scaled).all()
    if kind.endswith("minmax"):
        assert scaled.min() >= 0 and scaled.max() <= 1
    if kind in ("standard", "log"):
        assert scaled[:50, 1:].mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
        assert scaled[:50, 1:].std(axis=0) == pytest.approx([1, 1], abs=1e-4)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_finds_the_bottom_of_a_bowl(name):
    layer = Dense(n_in=1, n_out=1)
    layer.values["kernel"] = np.array([[4.0]], np.float32)
    optimiser = make_optimiser(name, layer, {"sgd": 0.1, "adam": 0.1, "adadelta": 30.0}[name])
    for _ in range(400):
        layer.slopes = {"kernel": 2 * (layer.values["kernel"] - 1), "bias": 2 * layer.values["bias"]}
        optimiser.step()
    assert layer.values["kernel"][0, 0] == pytest.approx(1, abs=0.05)


def test_momentum_is_that_of_keras():
    """v = m v - r g, w += m v - r g, by hand: two steps of slope 1 at rate 0.1, momentum 0.5."""
    layer = Dense(n_in=1, n_out=1)
    optimiser = make_optimiser("sgd", layer, 0.1, momentum=0.5)
    for _ in range(2):
        layer.slopes = {"kernel": np.ones((1, 1), np.float32), "bias": np.zeros(1, np.float32)}
        optimiser.step()
    # step 1: v -0.1, w -0.15; step 2: v -0.15, w -0.15 - 0.175
    assert layer.values["kernel"][0, 0] == pytest.approx(-0.325)


def test_every_row_is_in_one_batch_and_no_batch_has_one_row():
    rows = list(shuffled_batches(65, 16, np.random.default_rng(0)))
    assert sorted(np.concatenate(rows)) == list(range(65))
    assert [len(part) for part in rows] == [16, 16, 16, 17]


def test_cross_entropy_by_hand():
    loss, slope = cross_entropy(np.log(np.array([[0.5, 0.25, 0.25]])), np.array([1]))
    assert loss == pytest.approx(np.log(4)) and slope == pytest.approx(np.array([[0.5, -0.75, 0.25]]))


@pytest.mark.parametrize("kind", [Lstm, Gru])
def test_steps_that_are_not_there_leave_the_state(kind):
    long, short = kind(steps=5, channels=3, width=4), kind(steps=2, channels=3, width=4)
    long.start(np.random.default_rng(2))
    short.set_arrays(long.arrays())
    x = np.random.default_rng(3).normal(size=(6, 2, 3)).astype(np.float32)
    x[:, :, -1] = 1
    spread = np.zeros((6, 5, 3), np.float32)
    spread[:, [1, 3]] = x
    assert np.array_equal(long.forward(spread.reshape(6, -1)), short.forward(x.reshape(6, -1)))


@pytest.mark.parametrize("kind", [Lstm, Gru])
def test_recurrent_layers_agree_with_keras(kind):
    keras = pytest.importorskip("keras")
    ours = kind(steps=4, channels=3, width=5)
    ours.start(np.random.default_rng(6))
    x = np.random.default_rng(7).normal(size=(8, 4, 3)).astype(np.float32)
    more = {"reset_after": False} if kind is Gru else {}
    theirs = (keras.layers.GRU if kind is Gru else keras.layers.LSTM)(5, **more)
    theirs.build((None, 4, 3))
    theirs.set_weights([ours.values[name] for name in ("kernel", "recurrent", "bias")])
    assert ours.forward(x.reshape(8, -1)) == pytest.approx(np.asarray(theirs(x)), abs=1e-5)


def test_convolution_agrees_with_keras():
    keras = pytest.importorskip("keras")
    ours = Convolution(steps=6, channels=3, width=4, reach=3)
    ours.start(np.random.default_rng(6))
    x = np.random.default_rng(7).normal(size=(8, 6, 3)).astype(np.float32)
    theirs = keras.layers.Conv1D(4, 3, padding="same")
    theirs.build((None, 6, 3))
    theirs.set_weights([ours.values["kernel"].reshape(3, 3, 4), ours.values["bias"]])
    assert ours.forward(x.reshape(8, -1)).reshape(8, 6, 4) == pytest.approx(np.asarray(theirs(x)), abs=1e-5)
