"""Rows of a mapped feature matrix, a chunk of batches at a time: training data that do not fit in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from iotids.learning.networks.dense.chain import network_inputs


class Chunk(NamedTuple):
    """What a compiled loop is given: features and classes of some rows, and batches of numbers of these rows."""

    features: tf.Tensor
    classes: tf.Tensor
    batches: tf.Tensor


class RowsInFile(NamedTuple):
    """A (n, d) float32 matrix that stays in its file.

    inputs : how networks see the features, see DenseChain
    """

    matrix: np.memmap
    inputs: str

    def chunk(self, classes: tf.Tensor | None, batches: np.ndarray) -> Chunk:
        """Read the rows of (..., m) int32 batches, -1 where a slot is empty; slots get the numbers 0, 1, 2, …

        An empty slot holds the matrix' first row, which weighs nothing. So results have the same bits as with the
        whole matrix in memory.
        """
        numbers = np.maximum(batches.ravel(), 0)
        in_file_order = np.argsort(numbers, kind="stable")  # neighbours in the file are read together
        features = np.empty((numbers.size, self.matrix.shape[1]), np.float32)
        features[in_file_order] = self.matrix[numbers[in_file_order]]
        features = network_inputs(features, self.inputs)
        local = np.arange(numbers.size, dtype=np.int32).reshape(batches.shape)
        mine = tf.zeros((0,), tf.int32) if classes is None else tf.gather(classes, numbers)
        return Chunk(tf.constant(features), mine, tf.constant(np.where(batches < 0, np.int32(-1), local)))


def chunk_of(features: tf.Tensor | RowsInFile, classes: tf.Tensor | None, batches: np.ndarray) -> Chunk:
    """What the loops are given of features in memory, which is all of them, or in a file."""
    if isinstance(features, RowsInFile):
        return features.chunk(classes, batches)
    return Chunk(features, classes, tf.constant(batches))
