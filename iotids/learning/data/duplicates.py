"""Which flows have exactly the same feature vector: one number per distinct vector, in order of first
appearance.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_OTHER_START = 0xD1B54A32D192ED03  # a second hash begins elsewhere
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


def vector_numbers_of_blocks(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """As `vector_numbers`, of a matrix that comes in blocks of rows and is never held: 16 bytes are, of every row.

    Two rows are taken for equal when two 64-bit hashes of them are: of 10^8 rows with a chance of 10^-23.
    """
    keys = [np.zeros((2, 0), np.uint64)]
    for block in blocks:
        words = (np.ascontiguousarray(block, np.float64) + 0.0).view(np.uint64)
        keys.append(np.stack([_mixed_hash(words), _mixed_hash(words, _OTHER_START)]))
    first_key, second_key = np.concatenate(keys, axis=1)
    numbers = _by_first_appearance(first_key)
    first = np.unique(numbers, return_index=True)[1]
    if not np.array_equal(second_key, second_key[first][numbers]):
        pairs = np.unique(np.stack([first_key, second_key], axis=1), axis=0, return_inverse=True)[1]
        numbers = _by_first_appearance(pairs.ravel())
    return numbers


def _mixed_hash(words: np.ndarray, start: int = 0) -> np.ndarray:
    """(n,) uint64 hash of the rows of a (n, d) uint64 matrix, column after column."""
    value = np.full(words.shape[0], np.uint64(start))
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
