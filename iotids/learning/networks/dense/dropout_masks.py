"""Which neurons dropout leaves on: a hash of (fold, step, layer, position), so that a mask can be computed
again anywhere.

A generator with a state would tie the masks of a fold to the folds trained beside it. Here fold 3 draws the
same masks alone, in a stack of five, and after a run was taken up again; and inside one compiled step the
hash costs a sixth of TensorFlow's Philox.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# lowbias32 by Chris Wellons (public domain): the 32-bit mixer with the least measured bias of its size
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_GOLDEN = 0x9E3779B9  # 2^32 over the golden ratio: spreads neighbouring counters


def layer_keys(fold_keys: tf.Tensor, iterations: tf.Tensor, layer: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Two keys per fold for one layer at one step.

    Parameters
    ----------
    fold_keys : (K,) uint32
        One number per fold, from the seed.
    iterations : (K,) int32
        Updates each fold has made so far.
    layer : int
        Number of the hidden layer.

    Returns
    -------
    two (K,) uint32 tensors
        64 bits together: streams of different steps do not overlap in practice.
    """
    step = tf.cast(iterations, tf.uint32)
    first = _mix(_mix(fold_keys + _uint32(_GOLDEN)) + step * _uint32(_GOLDEN) + _uint32(layer))
    return first, _mix(first + fold_keys)


def keep_mask(
    keys: tuple[tf.Tensor, tf.Tensor], n_rows: int, width: int, rate: float | tuple[float, ...]
) -> tf.Tensor:
    """(K, n_rows, width) bool, True where the neuron stays on; each is off with probability `rate`, one or one
    per network (to 2^-32).
    """
    first, second = (key[:, None, None] for key in keys)
    position = tf.cast(tf.reshape(tf.range(n_rows * width), (1, n_rows, width)), tf.uint32)
    bits = position * _uint32(_GOLDEN) + first
    bits = (bits ^ tf.bitwise.right_shift(bits, _uint32(16))) * _uint32(_FIRST)
    bits = (bits ^ tf.bitwise.right_shift(bits, _uint32(15))) + second
    bits = bits * _uint32(_SECOND)
    bits = bits ^ tf.bitwise.right_shift(bits, _uint32(16))
    if isinstance(rate, tuple):
        return bits >= tf.constant([[[round(one * 2**32)]] for one in rate], tf.uint32)
    return bits >= _uint32(round(rate * 2**32))


def fold_keys(seed: int, folds: list[int]) -> np.ndarray:
    """(K,) uint32: a number per fold that depends on the seed and the fold alone, not on its neighbours."""
    return np.array(
        [np.random.SeedSequence([seed, fold, 1]).generate_state(1)[0] for fold in folds], np.uint32
    )


def _mix(bits: tf.Tensor) -> tf.Tensor:
    """The mixer itself: a bijection of 32-bit numbers in which every input bit flips half of the output bits."""
    bits = (bits ^ tf.bitwise.right_shift(bits, _uint32(16))) * _uint32(_FIRST)
    bits = (bits ^ tf.bitwise.right_shift(bits, _uint32(15))) * _uint32(_SECOND)
    return bits ^ tf.bitwise.right_shift(bits, _uint32(16))


def _uint32(value: int) -> tf.Tensor:
    """A constant; TensorFlow would make it signed."""
    return tf.constant(value, tf.uint32)
