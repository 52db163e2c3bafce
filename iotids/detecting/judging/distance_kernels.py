"""Kernels of the distance to training: what is left per flow once its nearest prototype is known, in one pass
over the features. `clipped_distances` and `three_strangest` are called by these names in novelty.py and reasons.py, which do
not load the compiler.

Their slow twins are in tests/detecting/test_novelty.py.
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
