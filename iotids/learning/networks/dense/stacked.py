"""All folds of a configuration as one network: every weight has a leading fold axis, and one compiled loop
trains them together.

The loss is the sum of the folds' mean losses, so the gradient of one fold does not see another: each fold
ends where it would have ended alone (tests/learning/test_stacked.py shows it against Keras). Each fold has
its own rows, batch statistics, dropout and number of updates. The arithmetic of one update is in
stacked_step.py; here is what holds the weights and feeds the loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from iotids.learning.networks.dense.batches import EVALUATION_ROWS, batches_in_order
from iotids.learning.networks.dense.dropout_masks import fold_keys
from iotids.learning.networks.dense.rows_in_file import Chunk, RowsInFile, chunk_of, features_of_rows
from iotids.learning.networks.dense.stacked_step import (
    NetworkShape,
    State,
    class_probabilities,
    evaluation_loop,
    training_loop,
)

# batches per call of a compiled loop; one shape for all epochs and splits means one compilation
TRAINING_STEPS, EVALUATION_STEPS = 32, 8

Features: TypeAlias = "tf.Tensor | RowsInFile"


class Loops(NamedTuple):
    """The compiled loops of one network shape."""

    train: Callable
    evaluate: Callable
    predict: Callable


@lru_cache(maxsize=16)
def compiled_loops(shape: NetworkShape) -> Loops:
    """Loops for one shape; XLA compiles them at the first call for each number of folds, in a second or two."""
    loops = (training_loop, evaluation_loop, class_probabilities)
    return Loops(*(traced_once(partial(loop, shape)) for loop in loops))


def traced_once(loop: Callable) -> Callable:
    """A loop that TensorFlow writes down as a graph once for arguments of the same shapes, and XLA compiles for every
    device that it is called on; `tf.function` alone writes it down once for each device, in Python, where threads wait
    for each other.
    """
    function, lock, graphs = (
        tf.function(loop, autograph=False, jit_compile=True),
        Lock(),
        dict[tuple, Callable](),
    )

    def call(*arguments: Any) -> Any:
        shapes = tuple(
            value.shape for value in arguments[1:]
        )  # those of the state follow from the loop and the folds
        with lock:
            if shapes not in graphs:
                given = tf.nest.map_structure(
                    lambda value: tf.TensorSpec(value.shape, value.dtype), arguments
                )
                with tf.device(None):
                    graphs[shapes] = function.get_concrete_function(*given)
        return graphs[shapes](*arguments)

    return call


class StackedNetworks:
    """K networks of one shape that learn side by side. `start` gives them fresh weights."""

    def __init__(self, shape: NetworkShape, n_folds: int) -> None:
        self.shape, self.n_folds = shape, n_folds
        self._loops = compiled_loops(shape)
        self._state = fresh_state(shape, seed=0, folds=range(n_folds))

    def start(self, *, seed: int, folds: Sequence[int]) -> None:
        """Give every fold fresh weights; they depend on the seed and the fold's number only, not on its
        neighbours.
        """
        if len(folds) != self.n_folds:
            raise ValueError(f"{len(folds)} fold numbers for {self.n_folds} stacked networks; give one each")
        self._state = fresh_state(self.shape, seed=seed, folds=folds)

    def train_epoch(
        self, features: Features, classes: tf.Tensor, batches: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """One pass over the batches.

        Parameters
        ----------
        features : (n, d) float32 tensor, or rows in a file
            The one feature matrix of all folds.
        classes : (n,) int32 tensor
            Index of each row's class.
        batches : (S, K, batch_size) int32
            Row numbers of fold k's batch at step s; -1 fills a batch that is not full.

        Returns
        -------
        two (K,) float64 arrays
            Mean loss and accuracy over the rows of the epoch, as seen during training (dropout on, before
            each update): Keras' figures. NaN for a fold without rows.
        """
        loss, hits = np.zeros(self.n_folds), np.zeros(self.n_folds)
        for chunk, n_steps in _chunks(features, classes, batches, TRAINING_STEPS):
            self._state, chunk_loss, chunk_hits = self._loops.train(self._state, *chunk, n_steps)
            loss, hits = loss + chunk_loss.numpy(), hits + chunk_hits.numpy()
        return _per_row(loss, hits, batches)

    def evaluate(
        self, features: Features, classes: tf.Tensor, batches: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss and accuracy of each fold over its rows, dropout off, moving statistics. Arguments as
        `train_epoch`.
        """
        loss, hits = np.zeros(self.n_folds), np.zeros(self.n_folds)
        for chunk, n_steps in _chunks(features, classes, batches, EVALUATION_STEPS):
            chunk_loss, chunk_hits = self._loops.evaluate(self._state, *chunk, n_steps)
            loss, hits = loss + chunk_loss.numpy(), hits + chunk_hits.numpy()
        return _per_row(loss, hits, batches)

    def predict(self, features: Features, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Class probabilities, one (m_k, n_classes) float32 array per fold for the row numbers in rows[k]."""
        batches = batches_in_order(rows, EVALUATION_ROWS)
        parts = np.stack(
            [
                self._loops.predict(self._state, features_of_rows(features, batch)).numpy()
                for batch in batches
            ],
            axis=1,
        )
        return [parts[k].reshape(-1, self.shape.n_classes)[: len(mine)] for k, mine in enumerate(rows)]

    def weights_of(self, fold_position: int) -> list[np.ndarray]:
        """Weights of one network in Keras' order, for `network.network_from_weights`."""
        kernels, biases, scale = self.shape.layers_of(self._state.trained)
        per_feature = [value.numpy()[fold_position].ravel() for value in (*scale, *self._state.statistics)]
        dense = [
            (kernel.numpy()[fold_position], bias.numpy()[fold_position, 0])
            for kernel, bias in zip(kernels, biases, strict=True)
        ]
        return [*per_feature, *(part for layer in dense for part in layer)]

    def values(self) -> list[np.ndarray]:
        """Everything that scores depend on: trained values and the statistics of the inputs, (K, ...) each."""
        return [value.numpy() for value in (*self._state.trained, *self._state.statistics)]

    def replace(self, values: Sequence[np.ndarray]) -> None:
        """Put others in the place of `values`."""
        tensors, n = [tf.constant(value) for value in values], len(self._state.trained)
        self._state = self._state._replace(trained=tensors[:n], statistics=tensors[n:])

    def state(self) -> dict[str, np.ndarray]:
        """Everything learning needs to go on, by name, for `restore`."""
        return {f"v{i}": value.numpy() for i, value in enumerate(tf.nest.flatten(self._state))}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up a state; training continues bit for bit as if it had not stopped."""
        n_values = len(tf.nest.flatten(self._state))
        self._state = tf.nest.pack_sequence_as(
            self._state, [tf.constant(state[f"v{i}"]) for i in range(n_values)]
        )


def fresh_state(shape: NetworkShape, *, seed: int, folds: Sequence[int]) -> State:
    """Glorot-uniform kernels, zero biases and velocities, gamma 1, beta 0, moving mean 0 and variance 1:
    Keras' beginnings.
    """
    sizes, n_folds = shape.layer_sizes, len(folds)
    kernels = [
        np.stack([_glorot_uniform(size, [seed, fold, 0, layer]) for fold in folds])
        for layer, size in enumerate(sizes)
    ]
    biases = [np.zeros((n_folds, 1, outputs), np.float32) for _, outputs in sizes]
    per_feature = (n_folds, shape.n_features, 1)
    trained = [
        tf.constant(value)
        for value in (*kernels, *biases, np.ones(per_feature, np.float32), np.zeros(per_feature, np.float32))
    ]
    return State(
        trained=trained,
        velocity=[tf.zeros_like(value) for value in trained] * (2 if shape.optimiser == "adam" else 1),
        statistics=[tf.zeros(per_feature[:2]), tf.ones(per_feature[:2])],
        iterations=tf.zeros((n_folds,), tf.int32),
        keys=tf.constant(fold_keys(seed, list(folds))),
    )


def _glorot_uniform(size: Sequence[int], seed: list[int]) -> np.ndarray:
    """(inputs, outputs) float32, uniform within +-sqrt(6 / (inputs + outputs))."""
    limit = np.sqrt(6.0 / sum(size))
    return np.random.default_rng(seed).uniform(-limit, limit, tuple(size)).astype(np.float32)


def _chunks(
    features: Features, classes: tf.Tensor, batches: np.ndarray, n_steps: int
) -> Iterator[tuple[Chunk, tf.Tensor]]:
    """Cut batches into (n_steps batches with their features and classes, how many of them count); the last is
    filled with empty batches.
    """
    for start in range(0, len(batches), n_steps):
        chunk = batches[start : start + n_steps]
        empty = np.full((n_steps - len(chunk), *chunk.shape[1:]), -1, chunk.dtype)
        yield chunk_of(features, classes, np.concatenate([chunk, empty])), tf.constant(len(chunk))


def _per_row(loss: np.ndarray, hits: np.ndarray, batches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over rows as means over rows; NaN for a fold without any."""
    n_rows = (batches >= 0).sum(axis=(0, 2), dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return loss / n_rows, hits / n_rows
