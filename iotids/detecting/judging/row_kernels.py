"""Kernels over rows of features, one pass each: how far a flow is from its nearest typical one and in what, a hash of its
features, and the bin of every feature. novelty.py, reasons.py and drift.py call them by their names and do not load the compiler.

Their slow twins are in tests/detecting/test_novelty.py, test_verdicts.py and test_drift.py.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry


@entry
def clipped_distances(scaled, prototypes, number, largest_step, distance):  # type: ignore[no-untyped-def]
    """distance[i] = root mean square over features of scaled[i] - prototypes[number[i]], each difference
    clipped to +-largest_step.

    scaled (n, d), prototypes (p, d), distance (n,) float32; number (n,) int64. Measured from the differences:
    the expanded square would lose small distances.
    """
    n, d = scaled.shape
    limit = np.float32(largest_step)
    for i in range(n):
        total = np.float32(0.0)
        for j in range(d):
            step = min(max(scaled[i, j] - prototypes[number[i], j], -limit), limit)
            total += step * step
        distance[i] = np.sqrt(total / np.float32(d))


@entry
def three_strangest(scaled, prototypes, number, rows, feature, weight):  # type: ignore[no-untyped-def]
    """feature[i], weight[i] = the three features, largest first, in which flow i differs most from its
    prototype, and the differences.

    rows (m,) int64: the flows to look at; the other rows of feature (n, 3) int64 and weight (n, 3) float32
    stay as they are. Of equal differences the first feature wins.
    """
    d = scaled.shape[1]
    for row in range(rows.shape[0]):
        i = rows[row]
        nearest = number[i]
        first = second = third = np.float32(-1.0)
        a = b = c = 0
        for j in range(d):
            size = abs(scaled[i, j] - prototypes[nearest, j])
            if size <= third:
                continue
            if size <= second:
                third, c = size, j
            elif size <= first:
                third, c, second, b = second, b, size, j
            else:
                third, c, second, b, first, a = second, b, first, a, size, j
        feature[i, 0], feature[i, 1], feature[i, 2] = a, b, c
        for k in range(3):
            weight[i, k] = scaled[i, feature[i, k]] - prototypes[nearest, feature[i, k]]


@entry
def fold_rows(bits, rows, odd, folded):  # type: ignore[no-untyped-def]
    """folded[i] += a hash of row rows[i] of bits (n, d) uint64; odd (d,) uint64 numbers, folded (m,) uint64."""
    for i in range(rows.shape[0]):
        total = folded[i]
        for j in range(odd.shape[0]):
            word = bits[rows[i], j]
            total += (word ^ (word >> np.uint64(29))) * odd[j]
        folded[i] = total


@entry
def count_in_bins(X, rows, edges, first, counts):  # type: ignore[no-untyped-def]
    """Count the bin of every feature of some rows (m,) of X (n, d): how many edges lie below it (all for NaN).

    The edges of feature j are edges[first[j] : first[j + 1] - 1], ascending, its counts counts[first[j] : first[j + 1]].
    """
    for row in rows:
        for j in range(X.shape[1]):
            low, high = first[j], first[j + 1] - 1
            while low < high:
                middle = (low + high) >> 1
                if edges[middle] >= X[row, j]:
                    high = middle
                else:
                    low = middle + 1
            counts[low] += 1
