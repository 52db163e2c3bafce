"""Rows of a mapped feature matrix, a chunk of batches at a time: training data that do not fit in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from iotids.learning.networks.dense.chain import network_inputs


class Chunk(NamedTuple):
    """Rows of some batches, in the order of their slots; what a compiled loop is given.

    features : (..., d) float32; of an empty slot the matrix' first row, which weighs nothing
    classes : (...) int32
    batches : (...) int32 numbers of the rows, -1 where a slot is empty
    """

    features: tf.Tensor
    classes: tf.Tensor
    batches: tf.Tensor


class RowsInFile(NamedTuple):
    """A (n, d) float32 matrix that stays in its file.

    inputs : how networks see the features, see DenseChain
    """

    matrix: np.memmap
    inputs: str

    def rows(self, numbers: np.ndarray) -> tf.Tensor:
        """(..., d) features of (...) row numbers; neighbours in the file are read together."""
        flat = numbers.ravel()
        in_file_order = np.argsort(flat, kind="stable")
        features = np.empty((flat.size, self.matrix.shape[1]), np.float32)
        features[in_file_order] = self.matrix[flat[in_file_order]]
        return tf.constant(network_inputs(features, self.inputs).reshape(*numbers.shape, -1))


def features_of_rows(features: tf.Tensor | RowsInFile, batches: np.ndarray) -> tf.Tensor:
    """(..., d) features of (...) int32 row numbers, in memory or in a file; of the first row for -1.

    Rows are taken before a loop, not in its steps: what XLA compiles for a processor copies them value by value, at ten
    times the time.
    """
    numbers = np.maximum(batches, 0)
    return features.rows(numbers) if isinstance(features, RowsInFile) else tf.gather(features, numbers)


def chunk_of(features: tf.Tensor | RowsInFile, classes: tf.Tensor, batches: np.ndarray) -> Chunk:
    """What a loop is given of (S, K, m) int32 batches, -1 where a slot is empty."""
    mine = tf.gather(classes, np.maximum(batches, 0))
    return Chunk(features_of_rows(features, batches), mine, tf.constant(batches))
