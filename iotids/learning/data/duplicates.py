"""Which flows have exactly the same feature vector: one number per distinct vector, in order of first
appearance.
"""

from __future__ import annotations

import numpy as np

_PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: multiplying by it loses nothing


def vector_numbers(features: np.ndarray) -> np.ndarray:
    """Number the distinct rows of a matrix.

    Parameters
    ----------
    features : (n, d) float array, finite
        0.0 and -0.0 are the same value; nothing is rounded.

    Returns
    -------
    (n,) int64
        Equal for two rows exactly when the rows are equal; numbered from 0 in order of first appearance.
    """
    exact = np.ascontiguousarray(features, np.float64) + 0.0
    numbers = _by_first_appearance(_mixed_hash(exact.view(np.uint64)))
    first = np.unique(numbers, return_index=True)[1]
    if not np.array_equal(exact, exact[first][numbers]):
        # two different rows share a 64-bit hash: once in 10^7 sets of 1.8 million; sort the rows themselves
        # then
        numbers = _by_first_appearance(np.unique(exact, axis=0, return_inverse=True)[1].ravel())
    return numbers


def _mixed_hash(words: np.ndarray) -> np.ndarray:
    """(n,) uint64 hash of the rows of a (n, d) uint64 matrix, column after column."""
    value = np.zeros(words.shape[0], np.uint64)
    for column in words.T:
        value = (value ^ column) * _PRIME
        value ^= value >> np.uint64(29)
    return value


def _by_first_appearance(keys: np.ndarray) -> np.ndarray:
    """Replace keys by numbers from 0 in order of first appearance."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def duplicate_figures(numbers: np.ndarray, class_number: np.ndarray) -> dict[str, int | float]:
    """Distinct vectors, flows beyond the first of their vector, and vectors that occur under two or more
    labels.
    """
    n_vectors = int(numbers.max(initial=-1)) + 1
    pairs = np.unique(np.column_stack([numbers, class_number]), axis=0)
    labels_per_vector = np.bincount(pairs[:, 0], minlength=n_vectors) if n_vectors else np.zeros(0)
    return {
        "distinct_vectors": n_vectors,
        "duplicate_flows": int(numbers.size - n_vectors),
        "duplicate_share": (numbers.size - n_vectors) / numbers.size if numbers.size else 0.0,
        "vectors_with_conflicting_labels": int((labels_per_vector > 1).sum()),
    }
