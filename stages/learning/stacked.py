"""All folds of a configuration as one network: every weight has a leading fold axis, and one compiled loop trains them together.

The loss is the sum of the folds' mean losses, so the gradient of one fold does not see another: each fold ends where it would
have ended alone (tests/learning/test_stacked.py shows it against Keras). Each fold has its own rows, batch statistics, dropout and
number of updates. A batch slot without a row (-1) counts nowhere: not in the loss, not in the statistics; a fold whose whole
batch is empty is left as it is. So folds of different size lose no row and count none twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import tensorflow as tf

from stages.learning.dropout_masks import fold_keys, keep_mask, layer_keys

BN_MOMENTUM, BN_EPSILON = 0.99, 1e-3  # as in network.py, which imports Keras and is slow to import
CHUNK_STEPS = 64  # batches per call of a compiled loop; one shape for all epochs and protocols means one compilation
EVALUATION_ROWS = 1024  # rows per fold and batch when nothing is learned


@dataclass(frozen=True)
class NetworkShape:
    """What the network looks like and how it learns; the names are those of conf/network."""

    n_features: int
    n_classes: int
    depth: int
    width: int
    dropout: float
    learning_rate: float
    momentum: float
    decay: float
    nesterov: bool
    batch_size: int


class StackedNetworks:
    """K networks of one shape that learn side by side. `start` gives them fresh weights."""

    def __init__(self, shape: NetworkShape, n_folds: int) -> None:
        self.shape, self.n_folds = shape, n_folds
        sizes = [shape.n_features] + [shape.width] * shape.depth + [shape.n_classes]
        zeros = [np.zeros((n_folds, a, b), np.float32) for a, b in pairwise(sizes)]
        biases = [np.zeros((n_folds, 1, b), np.float32) for b in sizes[1:]]
        scale = [np.zeros((n_folds, shape.n_features, 1), np.float32) for _ in range(2)]  # gamma, beta
        self._trained = [tf.Variable(value, name="weights") for value in (*zeros, *biases, *scale)]
        self._velocity = [tf.Variable(tf.zeros_like(value), name="velocity") for value in self._trained]
        self._moving = [tf.Variable(tf.zeros((n_folds, shape.n_features)), name=name) for name in ("mean", "variance")]
        self._iterations = tf.Variable(tf.zeros((n_folds,), tf.int32), name="iterations")
        self._keys = tf.Variable(tf.zeros((n_folds,), tf.uint32), name="keys")
        self._train_chunk = tf.function(self._train_loop, jit_compile=True)
        self._evaluate_chunk = tf.function(self._evaluate_loop, jit_compile=True)
        self._predict_batch = tf.function(self._probabilities, jit_compile=True)

    def start(self, *, seed: int, folds: Sequence[int]) -> None:
        """Give every fold fresh Glorot-uniform weights, zero biases and velocities; they depend on the seed and the fold's number only."""
        if len(folds) != self.n_folds:
            raise ValueError(f"{len(folds)} fold numbers for {self.n_folds} stacked networks; give one each")
        n_layers = self.shape.depth + 1
        for layer, kernel in enumerate(self._trained[:n_layers]):
            kernel.assign(np.stack([_glorot_uniform(kernel.shape[1:], [seed, fold, 0, layer]) for fold in folds]))
        for value in (*self._trained[n_layers:], *self._velocity):
            value.assign(tf.zeros_like(value))
        self._trained[-2].assign(tf.ones_like(self._trained[-2]))  # gamma
        self._moving[0].assign(tf.zeros_like(self._moving[0]))
        self._moving[1].assign(tf.ones_like(self._moving[1]))
        self._iterations.assign(tf.zeros_like(self._iterations))
        self._keys.assign(fold_keys(seed, list(folds)))

    def train_epoch(self, features: tf.Tensor, classes: tf.Tensor, batches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One pass over the batches.

        Parameters
        ----------
        features : (n, d) float32 tensor
            The one feature matrix of all folds.
        classes : (n,) int32 tensor
            Index of each row's class.
        batches : (S, K, batch_size) int32
            Row numbers of fold k's batch at step s; -1 fills a batch that is not full.

        Returns
        -------
        two (K,) float64 arrays
            Mean loss and accuracy over the rows of the epoch, as seen during training (dropout on, before each update): Keras' figures.
            NaN for a fold without rows.
        """
        return self._run_chunks(self._train_chunk, features, classes, batches)

    def evaluate(self, features: tf.Tensor, classes: tf.Tensor, batches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss and accuracy of each fold over its rows, dropout off, moving statistics. Arguments as `train_epoch`."""
        return self._run_chunks(self._evaluate_chunk, features, classes, batches)

    def predict(self, features: tf.Tensor, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Class probabilities, one (m_k, n_classes) float32 array per fold for the row numbers in rows[k]."""
        batches = batches_in_order(rows, EVALUATION_ROWS)
        parts = np.stack([self._predict_batch(features, tf.constant(batch)).numpy() for batch in batches], axis=1)
        return [parts[k].reshape(-1, self.shape.n_classes)[: len(mine)] for k, mine in enumerate(rows)]

    def weights_of(self, fold_position: int) -> list[np.ndarray]:
        """Weights of one network in Keras' order, for `network.network_from_weights`."""
        n_layers = self.shape.depth + 1
        kernels, biases = self._trained[:n_layers], self._trained[n_layers : 2 * n_layers]
        scale = [value.numpy()[fold_position, :, 0] for value in self._trained[-2:]]
        moving = [value.numpy()[fold_position] for value in self._moving]
        dense = [(kernel.numpy()[fold_position], bias.numpy()[fold_position, 0]) for kernel, bias in zip(kernels, biases, strict=True)]
        return [*scale, *moving, *(part for layer in dense for part in layer)]

    def state(self) -> dict[str, np.ndarray]:
        """Everything learning needs to go on, by name, for `restore`."""
        return {f"v{i}": value.numpy() for i, value in enumerate(self._all_variables())}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up a state; training continues bit for bit as if it had not stopped."""
        for i, value in enumerate(self._all_variables()):
            value.assign(state[f"v{i}"])

    def _all_variables(self) -> list[tf.Variable]:
        return [*self._trained, *self._velocity, *self._moving, self._iterations, self._keys]

    def _run_chunks(self, loop, features, classes, batches) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
        """Feed a compiled loop with CHUNK_STEPS batches at a time; the last chunk is filled with empty batches it does not reach."""
        loss, hits = np.zeros(self.n_folds), np.zeros(self.n_folds)
        for start in range(0, len(batches), CHUNK_STEPS):
            chunk = batches[start : start + CHUNK_STEPS]
            n_steps = len(chunk)
            if n_steps < CHUNK_STEPS:
                chunk = np.concatenate([chunk, np.full((CHUNK_STEPS - n_steps, *chunk.shape[1:]), -1, chunk.dtype)])
            chunk_loss, chunk_hits = loop(features, classes, tf.constant(chunk), tf.constant(n_steps))
            loss += chunk_loss.numpy()
            hits += chunk_hits.numpy()
        n_rows = (batches >= 0).sum(axis=(0, 2), dtype=float)
        with np.errstate(invalid="ignore", divide="ignore"):
            return loss / n_rows, hits / n_rows

    def _train_loop(self, features, classes, batches, n_steps):  # type: ignore[no-untyped-def]
        """(K,) float64 sums of loss and of hits over the first n_steps batches; the variables move on."""
        def step(s, state, loss, hits):  # type: ignore[no-untyped-def]
            state, step_loss, step_hits = self._step(state, features, classes, batches[s])
            return s + 1, state, loss + tf.cast(step_loss, tf.float64), hits + tf.cast(step_hits, tf.float64)

        state = ([v.value() for v in self._trained], [v.value() for v in self._velocity],
                 [v.value() for v in self._moving], self._iterations.value())  # fmt: skip
        nothing = tf.zeros((self.n_folds,), tf.float64)
        _, state, loss, hits = tf.while_loop(lambda s, *_: s < n_steps, step, (0, state, nothing, nothing), parallel_iterations=1)
        for variable, value in zip([*self._trained, *self._velocity, *self._moving, self._iterations],
                                   [*state[0], *state[1], *state[2], state[3]], strict=True):  # fmt: skip
            variable.assign(value)
        return loss, hits

    def _step(self, state, features, classes, batch):  # type: ignore[no-untyped-def]
        """One update of every fold that has rows in this batch."""
        trained, velocity, moving, iterations = state
        inputs, truth, present = self._gather(features, classes, batch)
        n_present = tf.reduce_sum(present, axis=1)
        normalised, moving_new = self._normalise(inputs, present, n_present, moving)
        with tf.GradientTape() as tape:
            tape.watch(trained)
            logits = self._forward(trained, normalised, iterations)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits) * present
            fold_loss = tf.reduce_sum(losses, axis=1)
            total = tf.reduce_sum(tf.math.divide_no_nan(fold_loss, n_present))
        gradients = tape.gradient(total, trained)
        hits = tf.reduce_sum(_is_hit(logits, truth) * present, axis=1)
        trained, velocity = self._nesterov(trained, velocity, gradients, iterations, n_present > 0)
        return (trained, velocity, moving_new, iterations + tf.cast(n_present > 0, tf.int32)), fold_loss, hits

    def _gather(self, features, classes, batch):  # type: ignore[no-untyped-def]
        """Rows, their classes, and 1.0 where the slot holds a row; an empty slot shows row 0 and weighs 0."""
        rows = tf.maximum(batch, 0)
        return tf.gather(features, rows), tf.gather(classes, rows), tf.cast(batch >= 0, tf.float32)

    def _normalise(self, inputs, present, n_present, moving):  # type: ignore[no-untyped-def]
        """Batch normalisation without its scale: inputs by their own batch's mean and variance; moving statistics moved on."""
        weight = (present / tf.maximum(n_present, 1.0)[:, None])[:, :, None]
        mean = tf.reduce_sum(inputs * weight, axis=1)
        centred = inputs - mean[:, None]
        variance = tf.reduce_sum(centred * centred * weight, axis=1)
        moved = [_where_active(n_present > 0, old * BN_MOMENTUM + new * (1.0 - BN_MOMENTUM), old)
                 for old, new in zip(moving, (mean, variance), strict=True)]  # fmt: skip
        return centred * tf.math.rsqrt(variance + BN_EPSILON)[:, None], moved

    def _forward(self, trained, normalised, iterations=None):  # type: ignore[no-untyped-def]
        """Logits (K, rows, classes); with `iterations`, dropout is on.

        Scale and offset of the normalisation go into the first layer's weights, and dropout's 1 / (1 - rate) into the next layer's:
        both are products with small matrices instead of passes over the activations.
        """
        n_layers = self.shape.depth + 1
        kernels, biases, (gamma, beta) = trained[:n_layers], trained[n_layers : 2 * n_layers], trained[2 * n_layers :]
        first_bias = biases[0] + tf.matmul(beta, kernels[0], transpose_a=True)
        signal = tf.matmul(normalised, gamma * kernels[0]) + first_bias
        drops = iterations is not None and self.shape.dropout > 0.0
        boost = 1.0 / (1.0 - self.shape.dropout) if drops else 1.0
        for layer in range(1, n_layers):
            if drops:
                keys = layer_keys(self._keys, iterations, layer)
                signal = _relu_where(signal, keep_mask(keys, normalised.shape[1], self.shape.width, self.shape.dropout))
            else:
                signal = tf.nn.relu(signal)
            signal = tf.matmul(signal, kernels[layer] * boost) + biases[layer]
        return signal

    def _nesterov(self, trained, velocity, gradients, iterations, active):  # type: ignore[no-untyped-def]
        """v = m v - lr g;  w = w + m v - lr g  (or w + v);  lr falls with each fold's own updates."""
        shape = self.shape
        rate = shape.learning_rate / (1.0 + shape.decay * tf.cast(iterations, tf.float32))
        trained_new, velocity_new = [], []
        for weight, speed, gradient in zip(trained, velocity, gradients, strict=True):
            pull = rate[:, None, None] * gradient
            speed_new = shape.momentum * speed - pull
            move = shape.momentum * speed_new - pull if shape.nesterov else speed_new
            trained_new.append(_where_active(active, weight + move, weight))
            velocity_new.append(_where_active(active, speed_new, speed))
        return trained_new, velocity_new

    def _inference_logits(self, features, rows):  # type: ignore[no-untyped-def]
        """Logits with moving statistics, (K, rows, classes)."""
        inputs = tf.gather(features, tf.maximum(rows, 0))
        normalised = (inputs - self._moving[0][:, None]) * tf.math.rsqrt(self._moving[1] + BN_EPSILON)[:, None]
        return self._forward([v.value() for v in self._trained], normalised)

    def _evaluate_loop(self, features, classes, batches, n_steps):  # type: ignore[no-untyped-def]
        """(K,) float64 sums of loss and of hits over the first n_steps batches; nothing is learned."""
        def step(s, loss, hits):  # type: ignore[no-untyped-def]
            _, truth, present = self._gather(features, classes, batches[s])
            logits = self._inference_logits(features, batches[s])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits) * present
            step_hits = tf.reduce_sum(_is_hit(logits, truth) * present, axis=1)
            return s + 1, loss + tf.cast(tf.reduce_sum(losses, axis=1), tf.float64), hits + tf.cast(step_hits, tf.float64)

        nothing = tf.zeros((self.n_folds,), tf.float64)
        return tf.while_loop(lambda s, *_: s < n_steps, step, (0, nothing, nothing), parallel_iterations=1)[1:]

    def _probabilities(self, features, rows):  # type: ignore[no-untyped-def]
        """(K, rows, classes) softmax."""
        return tf.nn.softmax(self._inference_logits(features, rows))


def batches_in_order(rows: Sequence[np.ndarray], batch_size: int) -> np.ndarray:
    """Cut each fold's rows, in the order given, into batches: (S, K, batch_size) int32, filled with -1 behind a fold's last row."""
    n_steps = max(-(-len(mine) // batch_size) for mine in rows)
    batches = np.full((len(rows), n_steps * batch_size), -1, np.int32)
    for k, mine in enumerate(rows):
        batches[k, : len(mine)] = mine
    return np.ascontiguousarray(batches.reshape(len(rows), n_steps, batch_size).transpose(1, 0, 2))


def _glorot_uniform(size: Sequence[int], seed: list[int]) -> np.ndarray:
    """(inputs, outputs) float32, uniform within +-sqrt(6 / (inputs + outputs))."""
    limit = np.sqrt(6.0 / sum(size))
    return np.random.default_rng(seed).uniform(-limit, limit, tuple(size)).astype(np.float32)


def _is_hit(logits: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """1.0 where the largest logit is the truth's."""
    return tf.cast(tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), truth), tf.float32)


def _where_active(active: tf.Tensor, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """Take the new value for the folds that had rows."""
    return tf.where(tf.reshape(active, [-1] + [1] * (len(new.shape) - 1)), new, old)


@tf.custom_gradient
def _relu_where(signal: tf.Tensor, keep: tf.Tensor):  # type: ignore[no-untyped-def]
    """ReLU where `keep`, else 0. The gradient needs the output only, so the mask is not kept for the way back."""
    output = tf.where(keep, tf.nn.relu(signal), 0.0)
    return output, lambda upstream: (tf.where(output > 0.0, upstream, 0.0), None)
