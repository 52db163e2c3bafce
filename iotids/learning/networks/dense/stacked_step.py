"""The arithmetic of stacked networks: one update of K networks, what they say of a batch, and the loops over
batches that XLA compiles.

Pure functions from a state to the next. A batch slot without a row (-1) counts nowhere: not in the loss, not
in the statistics; a fold whose whole batch is empty is left as it is. So folds of different size lose no row
and count none twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from iotids.learning.networks.dense.dropout_masks import keep_mask, layer_keys

ADAM_EPSILON = 1e-7
BN_MOMENTUM, BN_EPSILON = 0.99, 1e-3  # as in network.py, which imports Keras and is slow to import


@dataclass(frozen=True)
class NetworkShape:
    """What the network looks like and how it learns; the names are those of conf/network.

    Dropout, learning rate and momentum may be tuples with a value per network of the stack.
    """

    n_features: int
    n_classes: int
    depth: int
    width: int
    dropout: float | tuple[float, ...]
    learning_rate: float | tuple[float, ...]
    momentum: float | tuple[float, ...]
    decay: float
    nesterov: bool
    batch_size: int
    optimiser: str = "sgd"

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of every Dense layer."""
        return list(pairwise([self.n_features, *[self.width] * self.depth, self.n_classes]))

    @property
    def n_parameters(self) -> int:
        """Trained values: kernels, biases, and the scale and offset of the batch normalisation."""
        return 2 * self.n_features + sum((inputs + 1) * outputs for inputs, outputs in self.layer_sizes)

    def layers_of(
        self, trained: Sequence[tf.Tensor]
    ) -> tuple[Sequence[tf.Tensor], Sequence[tf.Tensor], Sequence[tf.Tensor]]:
        """Trained values apart: kernels, biases, and the scale (gamma, beta) of the batch normalisation."""
        n = self.depth + 1
        return trained[:n], trained[n : 2 * n], trained[2 * n :]


class State(NamedTuple):
    """K networks between two updates.

    Attributes
    ----------
    trained : kernels (K, in, out), biases (K, 1, out), gamma and beta (K, features, 1)
    velocity : one per trained value; of Adam two, first all means of gradients, then all of their squares
    statistics : moving mean and variance of the inputs, each (K, features)
    iterations : (K,) int32, updates made
    keys : (K,) uint32, of the dropout masks
    """

    trained: list[tf.Tensor]
    velocity: list[tf.Tensor]
    statistics: list[tf.Tensor]
    iterations: tf.Tensor
    keys: tf.Tensor


def training_loop(shape: NetworkShape, state: State, features, classes, batches, n_steps):  # type: ignore[no-untyped-def]
    """The state after the first n_steps batches, and (K,) float64 sums of loss and of hits over their rows."""

    def step(s, state, loss, hits):  # type: ignore[no-untyped-def]
        state, step_loss, step_hits = _update(shape, state, features[s], classes[s], batches[s])
        return s + 1, state, loss + tf.cast(step_loss, tf.float64), hits + tf.cast(step_hits, tf.float64)

    nothing = tf.zeros(state.iterations.shape, tf.float64)
    return tf.while_loop(
        lambda s, *_: s < n_steps, step, (0, state, nothing, nothing), parallel_iterations=1
    )[1:]


def evaluation_loop(shape: NetworkShape, state: State, features, classes, batches, n_steps):  # type: ignore[no-untyped-def]
    """(K,) float64 sums of loss and of hits over the first n_steps batches; nothing is learned."""

    def step(s, loss, hits):  # type: ignore[no-untyped-def]
        logits = _inference_logits(shape, state, features[s])
        step_loss, step_hits = _loss_and_hits(logits, classes[s], _present(batches[s]))
        return s + 1, loss + tf.cast(step_loss, tf.float64), hits + tf.cast(step_hits, tf.float64)

    nothing = tf.zeros(state.iterations.shape, tf.float64)
    return tf.while_loop(lambda s, *_: s < n_steps, step, (0, nothing, nothing), parallel_iterations=1)[1:]


def class_probabilities(shape: NetworkShape, state: State, features):  # type: ignore[no-untyped-def]
    """(K, m, classes) softmax for (K, m, d) features."""
    return tf.nn.softmax(_inference_logits(shape, state, features))


def _update(shape: NetworkShape, state: State, inputs, truth, batch):  # type: ignore[no-untyped-def]
    """One update of every fold that has rows in this batch; its summed losses and hits."""
    present = _present(batch)
    n_present = tf.reduce_sum(present, axis=1)
    active = n_present > 0
    normalised, mean, variance = _normalise(inputs, present, n_present)
    with tf.GradientTape() as tape:
        tape.watch(state.trained)
        logits = _logits(shape, state.trained, normalised, dropout_keys=(state.keys, state.iterations))
        fold_loss, hits = _loss_and_hits(logits, truth, present)
        total = tf.reduce_sum(tf.math.divide_no_nan(fold_loss, n_present))
    gradients = tape.gradient(total, state.trained)
    follow = _adam if shape.optimiser == "adam" else _nesterov
    trained, velocity = follow(shape, state, gradients, active)
    moved = [
        old * BN_MOMENTUM + new * (1.0 - BN_MOMENTUM)
        for old, new in zip(state.statistics, (mean, variance), strict=True)
    ]
    statistics = [_where_active(active, new, old) for new, old in zip(moved, state.statistics, strict=True)]
    return (
        State(trained, velocity, statistics, state.iterations + tf.cast(active, tf.int32), state.keys),
        fold_loss,
        hits,
    )


def _present(batch):  # type: ignore[no-untyped-def]
    """1.0 where the slot holds a row; an empty slot shows row 0 and weighs 0."""
    return tf.cast(batch >= 0, tf.float32)


def _normalise(inputs, present, n_present):  # type: ignore[no-untyped-def]
    """Inputs by the mean and variance of their own batch (the scale comes later), and that mean and variance."""
    weight = (present / tf.maximum(n_present, 1.0)[:, None])[:, :, None]
    mean = tf.reduce_sum(inputs * weight, axis=1)
    centred = inputs - mean[:, None]
    variance = tf.reduce_sum(centred * centred * weight, axis=1)
    return centred * tf.math.rsqrt(variance + BN_EPSILON)[:, None], mean, variance


def _logits(shape: NetworkShape, trained, normalised, dropout_keys=None):  # type: ignore[no-untyped-def]
    """Logits (K, rows, classes); with `dropout_keys` (keys and iterations of the folds) dropout is on.

    Scale and offset of the normalisation go into the first layer's weights, and dropout's 1 / (1 - rate) into
    the next layer's: both are products with small matrices instead of passes over the activations.
    """
    kernels, biases, (gamma, beta) = shape.layers_of(trained)
    drops = dropout_keys is not None and np.any(np.asarray(shape.dropout) > 0.0)
    boost = _per_network(1.0 / (1.0 - np.asarray(shape.dropout, float))) if drops else 1.0
    signal = tf.matmul(normalised, gamma * kernels[0]) + (
        biases[0] + tf.matmul(beta, kernels[0], transpose_a=True)
    )
    for layer in range(1, shape.depth + 1):
        if drops:
            mask = keep_mask(
                layer_keys(dropout_keys[0], dropout_keys[1], layer),
                normalised.shape[1],
                shape.width,
                shape.dropout,
            )
            signal = _relu_where(signal, mask)
        else:
            signal = tf.nn.relu(signal)
        signal = tf.matmul(signal, kernels[layer] * boost) + biases[layer]
    return signal


def _inference_logits(shape: NetworkShape, state: State, inputs):  # type: ignore[no-untyped-def]
    """Logits by the moving statistics, (K, rows, classes)."""
    mean, variance = state.statistics
    return _logits(
        shape, state.trained, (inputs - mean[:, None]) * tf.math.rsqrt(variance + BN_EPSILON)[:, None]
    )


def _loss_and_hits(logits, truth, present):  # type: ignore[no-untyped-def]
    """(K,) sums over the present rows: cross-entropy, and how often the largest logit is the truth's."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits)
    hits = tf.cast(tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), truth), tf.float32)
    return tf.reduce_sum(losses * present, axis=1), tf.reduce_sum(hits * present, axis=1)


def _nesterov(shape: NetworkShape, state: State, gradients, active):  # type: ignore[no-untyped-def]
    """v = m v - lr g;  w = w + m v - lr g  (or w + v);  lr falls with each fold's own updates."""
    rate = _falling_rate(shape, state)
    momentum = _per_network(shape.momentum)
    trained, velocity = [], []
    for weight, speed, gradient in zip(state.trained, state.velocity, gradients, strict=True):
        pull = rate[:, None, None] * gradient
        speed_new = momentum * speed - pull
        move = momentum * speed_new - pull if shape.nesterov else speed_new
        trained.append(_where_active(active, weight + move, weight))
        velocity.append(_where_active(active, speed_new, speed))
    return trained, velocity


def _adam(shape: NetworkShape, state: State, gradients, active):  # type: ignore[no-untyped-def]
    """Kingma & Ba 2015, algorithm 1, as in Keras: beta 0.9 and 0.999, epsilon 1e-7 outside the correction."""
    step = tf.cast(state.iterations + 1, tf.float32)
    rate = _falling_rate(shape, state) * tf.sqrt(1.0 - tf.pow(0.999, step)) / (1.0 - tf.pow(0.9, step))
    n = len(state.trained)
    trained, means, squares = [], [], []
    for weight, mean, square, gradient in zip(
        state.trained, state.velocity[:n], state.velocity[n:], gradients, strict=True
    ):
        mean_new = 0.9 * mean + 0.1 * gradient
        square_new = 0.999 * square + 0.001 * gradient * gradient
        move = rate[:, None, None] * mean_new / (tf.sqrt(square_new) + ADAM_EPSILON)
        trained.append(_where_active(active, weight - move, weight))
        means.append(_where_active(active, mean_new, mean))
        squares.append(_where_active(active, square_new, square))
    return trained, [*means, *squares]


def _falling_rate(shape: NetworkShape, state: State):  # type: ignore[no-untyped-def]
    """(K,) learning rates after each network's own updates."""
    rate = (
        shape.learning_rate
        if isinstance(shape.learning_rate, float)
        else np.asarray(shape.learning_rate, np.float32)
    )
    return rate / (1.0 + shape.decay * tf.cast(state.iterations, tf.float32))


def _per_network(value):  # type: ignore[no-untyped-def]
    """One number as it is, one per network as (K, 1, 1)."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value, np.float32)[:, None, None]


def _where_active(active: tf.Tensor, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """Take the new value for the folds that had rows."""
    return tf.where(tf.reshape(active, [-1] + [1] * (len(new.shape) - 1)), new, old)


@tf.custom_gradient
def _relu_where(signal: tf.Tensor, keep: tf.Tensor):  # type: ignore[no-untyped-def]
    """ReLU where `keep`, else 0. The gradient needs the output only, so the mask is not kept for the way
    back.
    """
    output = tf.where(keep, tf.nn.relu(signal), 0.0)
    return output, lambda upstream: (tf.where(output > 0.0, upstream, 0.0), None)
