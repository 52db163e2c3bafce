"""Weights of eight bits that make up for each other's errors."""

import numpy as np

from iotids.learning.networks.dense.chain import DenseChain
from iotids.learning.networks.dense.forms.rounding import STEPS, rounded_chain, rounded_kernel
from iotids.learning.networks.dense.graphs import int8_weights_graph


def inputs_that_go_together(rng, n=4000, d=40):
    return np.maximum(
        rng.standard_normal((n, 6)) @ rng.standard_normal((6, d)) + 0.1 * rng.standard_normal((n, d)), 0.0
    )


def to_the_nearest_step(kernel):
    step = np.abs(kernel).max(axis=0) / STEPS
    return np.rint(kernel / step) * step


def test_every_weight_is_on_its_neurons_grid_and_the_largest_stays():
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((40, 8)).astype(np.float32)
    rounded = rounded_kernel(kernel, inputs_that_go_together(rng))
    steps = rounded / (np.abs(kernel).max(axis=0) / STEPS)
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    assert np.allclose(np.abs(rounded).max(axis=0), np.abs(kernel).max(axis=0), rtol=1e-6)


def test_outputs_change_less_than_with_every_weight_at_its_nearest_step():
    rng = np.random.default_rng(1)
    kernel, shown, fresh = rng.standard_normal((40, 8)), *np.split(inputs_that_go_together(rng, 8000), 2)
    errors = [
        np.square(fresh @ (k - kernel)).mean()
        for k in (rounded_kernel(kernel, shown), to_the_nearest_step(kernel))
    ]
    assert errors[0] < 0.5 * errors[1]


def test_inputs_that_are_always_zero_are_allowed():
    rng = np.random.default_rng(2)
    inputs = inputs_that_go_together(rng)
    inputs[:, :20] = 0.0
    assert np.isfinite(rounded_kernel(rng.standard_normal((40, 8)), inputs)).all()


def test_the_integer_graph_finds_the_rounded_weights_again():
    from onnx import numpy_helper

    rng = np.random.default_rng(3)
    kernels = tuple(rng.standard_normal(shape).astype(np.float32) for shape in ((9, 12), (12, 3)))
    chain = DenseChain(
        np.zeros(9), np.ones(9), np.zeros(9), kernels, (np.zeros(12, np.float32), np.zeros(3, np.float32))
    )
    rounded = rounded_chain(chain, rng.standard_normal((500, 9)))
    values = {
        value.name: numpy_helper.to_array(value)
        for value in int8_weights_graph(rounded, {}).graph.initializer
    }
    for i, kernel in enumerate(rounded.kernels):
        assert np.allclose(
            values[f"kernel_{i}_int8"] * values[f"kernel_{i}_scale"], kernel, rtol=1e-5, atol=1e-7
        )
