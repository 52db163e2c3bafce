"""The graphs compute what the network computes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from iotids.detecting.package.inference import open_graph, run_in_batches
from iotids.learning.networks.dense.chain import DenseChain, chain_from_weights
from iotids.learning.networks.dense.graphs import feature_gradient_graph, gradient_graph, logits_graph
from tests.detecting.lab import chain_logits


def random_chain(rng, sizes=(9, 12, 7, 3)):
    kernels = tuple(rng.standard_normal((a, b)).astype(np.float32) for a, b in pairwise(sizes))
    return DenseChain(
        rng.standard_normal(9) * 1e6,
        rng.uniform(1e-6, 1e-5, 9),
        rng.standard_normal(9),
        kernels,
        tuple(rng.standard_normal(b).astype(np.float32) for b in sizes[1:]),
    )


def opened(model, tmp_path):
    path = tmp_path / "graph.onnx"
    path.write_bytes(model.SerializeToString())
    return open_graph(path)


def test_logits_equal_the_layers_by_hand(tmp_path):
    rng = np.random.default_rng(1)
    chain, X = random_chain(rng), rng.standard_normal((5000, 9)) * 1e6
    found = run_in_batches(opened(logits_graph(chain, {}), tmp_path), {"features": X}, "logits", (3,))
    assert np.abs(found - chain_logits(chain, X)).max() < 1e-4


def test_a_large_mean_does_not_swallow_small_differences(tmp_path):
    """Absolute times of 1e15 µs that differ by 100: float32 would see no difference."""
    chain = DenseChain(
        np.array([1e15]),
        np.array([1e-2]),
        np.zeros(1),
        (np.eye(1, 2, dtype=np.float32),),
        (np.zeros(2, np.float32),),
    )
    X = np.array([[1e15], [1e15 + 100.0]])
    found = run_in_batches(opened(logits_graph(chain, {}), tmp_path), {"features": X}, "logits", (2,))
    assert found[:, 0].tolist() == [0.0, 1.0]


def test_gradient_equals_finite_differences(tmp_path):
    rng = np.random.default_rng(2)
    chain, X = random_chain(rng), rng.standard_normal((40, 9)) * 1e6
    direction = rng.standard_normal((40, 3)).astype(np.float32)
    found = run_in_batches(
        opened(gradient_graph(chain, {}), tmp_path),
        {"normalised": chain.normalise(X), "direction": direction},
        "gradient",
        (9,),
    )
    step = 1e-4
    for j in range(9):
        moved = [chain_logits(chain, X + sign * step / chain.scale * (np.arange(9) == j)) for sign in (1, -1)]
        slope = ((moved[0] - moved[1]) * direction).sum(axis=1) / (2 * step)
        # a kink of a ReLU within the step spoils a difference quotient, so all but a few rows must agree
        assert np.mean(np.abs(slope - found[:, j]) < 1e-2 * (1 + np.abs(slope))) > 0.9


def test_batch_normalisation_is_folded_as_keras_computes_it():
    rng = np.random.default_rng(3)
    gamma, beta, mean, variance = (
        rng.uniform(0.5, 2, 4),
        rng.standard_normal(4),
        rng.standard_normal(4),
        rng.uniform(0.1, 3, 4),
    )
    chain = chain_from_weights([gamma, beta, mean, variance, np.ones((4, 2)), np.zeros(2)])
    X = rng.standard_normal((10, 4))
    assert np.allclose(chain.normalise(X), gamma * (X - mean) / np.sqrt(variance + 1e-3) + beta, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 4096, 4097])
def test_any_number_of_rows_is_answered(tmp_path, rows):
    chain = random_chain(np.random.default_rng(4))
    found = run_in_batches(
        opened(logits_graph(chain, {}), tmp_path), {"features": np.zeros((rows, 9))}, "logits", (3,)
    )
    assert found.shape == (rows, 3)


def log_chain(rng):
    """Logarithms lie between -14 and 14 for features of a million."""
    return replace(
        random_chain(rng), mean=rng.standard_normal(9), scale=rng.uniform(0.1, 0.2, 9), inputs="log"
    )


def test_logarithms_of_the_inputs_are_part_of_the_graph(tmp_path):
    rng = np.random.default_rng(4)
    chain, X = log_chain(rng), rng.standard_normal((500, 9)) * 1e6
    X[0], X[1] = 0.0, -1.0
    found = run_in_batches(opened(logits_graph(chain, {}), tmp_path), {"features": X}, "logits", (3,))
    assert np.abs(found - chain.logits(X)).max() < 1e-4
    by_hand = replace(chain, inputs="raw").logits(np.sign(X) * np.log1p(np.abs(X)))
    assert np.abs(found - by_hand).max() < 1e-4


def test_the_gradient_goes_through_the_logarithm(tmp_path):
    rng = np.random.default_rng(5)
    chain, X = log_chain(rng), rng.standard_normal((40, 9)) * 1e6
    direction = rng.standard_normal((40, 3)).astype(np.float32)
    given = {"features": X, "direction": direction}
    found = run_in_batches(opened(feature_gradient_graph(chain), tmp_path), given, "gradient", (9,))
    for j in range(9):
        step = 1e-3 * (1 + np.abs(X[:, j]))
        moved = [chain.logits(X + sign * step[:, None] * (np.arange(9) == j)) for sign in (1, -1)]
        slope = ((moved[0].astype(float) - moved[1]) * direction).sum(axis=1) / 2e-3
        mine = found[:, j] * (1 + np.abs(X[:, j]))
        assert np.mean(np.abs(slope - mine) < 2e-2 * (1 + np.abs(slope))) > 0.9
