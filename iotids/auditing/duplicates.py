"""Identical feature vectors: how many rows are copies, which copies contradict each other, and how many cross
a split.

A row is known by a 64-bit fingerprint of its features; among two million rows the chance of one false twin is
about 1e-7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# odd multipliers of splitmix64, Steele, Lea, Flood 2014
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = 0x9E3779B97F4A7C15


def fold_in_column(
    fingerprints: np.ndarray, column: np.ndarray, number: int, digits: int | None = None
) -> np.ndarray:
    """Fold one more feature into the rows' fingerprints; rows equal in all columns folded in have equal
    fingerprints.

    Parameters
    ----------
    fingerprints : (n,) uint64
        Zeros before the first column.
    column : (n,) float64
    number : int
        Number of the column, so that equal values in different columns differ.
    digits : int, optional
        Round to so many significant digits first.

    Returns
    -------
    (n,) uint64
    """
    values = column if digits is None else round_to_digits(column, digits)
    # adding zero turns -0.0 into 0.0, which are equal and have different bits
    return _mix(fingerprints + _mix((values + 0.0).view(np.uint64) + np.uint64(number * _STEP % 2**64)))


def round_to_digits(values: np.ndarray, digits: int) -> np.ndarray:
    """Round to significant digits; 0 stays 0."""
    magnitudes = np.abs(values)
    exponents = np.floor(np.log10(np.where(magnitudes > 0, magnitudes, 1.0)))
    scales = 10.0 ** (digits - 1 - exponents)
    return np.rint(values * scales) / scales


def number_vectors(fingerprints: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the distinct vectors: (n,) int64 and how many there are."""
    distinct, numbers = np.unique(fingerprints, return_inverse=True)
    return numbers.reshape(-1), len(distinct)


def count_duplicates(
    vectors: np.ndarray, n_vectors: int, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Count copies and contradictions.

    Parameters
    ----------
    vectors : (n,) int
        Number of each row's vector.
    labels : (n,) int
        Class numbers.
    classes : sequence of str

    Returns
    -------
    dict
        rows, distinct vectors, share of rows that copy an earlier one (in all and per class), vectors with
        several classes and the rows on them per pair of classes, and the best accuracy any classifier of
        single rows can have on this table.
    """
    table = np.bincount(vectors * len(classes) + labels, minlength=n_vectors * len(classes)).reshape(
        n_vectors, len(classes)
    )
    per_class = {name: int(n) for name, n in zip(classes, table.sum(axis=0), strict=True)}
    distinct_per_class = {name: int(n) for name, n in zip(classes, (table > 0).sum(axis=0), strict=True)}
    mixed = table[(table > 0).sum(axis=1) > 1]
    pairs = {
        f"{one}/{other}": int((both[:, [first, second]]).sum())
        for first, one in enumerate(classes)
        for second, other in enumerate(classes)
        if first < second and len(both := mixed[(mixed[:, first] > 0) & (mixed[:, second] > 0)])
    }
    n_rows = len(vectors)
    return {
        "rows": n_rows,
        "distinct": n_vectors,
        "copies_share": (n_rows - n_vectors) / max(n_rows, 1),
        "copies_share_per_class": {
            name: (per_class[name] - distinct_per_class[name]) / max(per_class[name], 1) for name in classes
        },
        "largest_group": int(np.bincount(vectors).max(initial=0)),
        "conflicting_vectors": len(mixed),
        "conflicting_rows": int(mixed.sum()),
        "conflicting_rows_per_pair": pairs,
        "best_possible_accuracy": float(table.max(axis=1).sum() / max(n_rows, 1)),
    }


def count_twins(vectors: np.ndarray, n_vectors: int, split: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Count, for each fold, the test rows whose vector is also in its training rows.

    Parameters
    ----------
    split : mapping
        `row` (m,) int64, `test_fold` (m,) int16 with -1 for never tested, `train_folds` (m,) uint64 with bit
        f set for fold f.

    Raises
    ------
    ValueError
        The split names rows that are not there.
    """
    rows, test_fold, train_folds = split["row"], split["test_fold"], split["train_folds"].astype(np.uint64)
    if len(rows) and int(rows.max()) >= len(vectors):
        raise ValueError(
            f"the split names row {int(rows.max()):,} of a dataset of {len(vectors):,} rows: it was cut from another dataset"
        )
    folds = []
    for fold in np.unique(test_fold[test_fold >= 0]):
        in_training = np.zeros(n_vectors, dtype=bool)
        in_training[vectors[rows[(train_folds >> np.uint64(fold)) & np.uint64(1) == 1]]] = True
        tested = vectors[rows[test_fold == fold]]
        folds.append({"fold": int(fold), "test_rows": len(tested), "twins": int(in_training[tested].sum())})
    return folds


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Scramble 64-bit numbers (the finaliser of splitmix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX[0]
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX[1]
    return numbers ^ (numbers >> np.uint64(31))
