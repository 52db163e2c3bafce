"""Batches of row numbers for stacked folds, and the memory that training them takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iotids.learning.data.folds import Fold

EVALUATION_ROWS = 1024  # rows per fold and batch when nothing is learned
# TensorFlow and what it compiles: 0.39 GB that only swapping could free, and of its code what runs. Two stacks of DL4 and DL7 with
# 2,000 rows, TensorFlow 2.21 on two x86-64 cores: RssAnon 103 MB before the import, 293 after it, 496 at the end
TENSORFLOW_BYTES = 500_000_000


def batches_in_order(rows: Sequence[np.ndarray], batch_size: int) -> np.ndarray:
    """Cut each fold's rows, in the order given, into batches: (S, K, batch_size) int32, filled with -1 behind
    a fold's last row.
    """
    n_steps = max(-(-len(mine) // batch_size) for mine in rows)
    batches = np.full((len(rows), n_steps * batch_size), -1, np.int32)
    for k, mine in enumerate(rows):
        batches[k, : len(mine)] = mine
    return np.ascontiguousarray(batches.reshape(len(rows), n_steps, batch_size).transpose(1, 0, 2))


def bytes_needed(
    n_rows: int,
    n_classes: int,
    splits: Mapping[str, Sequence[Fold]],
    settings: Any,
    n_features: int = 70,
) -> int:
    """Estimate of what training holds at once: TensorFlow, the matrix twice (while it is handed over), one epoch's
    batches, activations, weights.

    `settings` has the `depth`, `width` and `batch_size` of conf/network.
    """
    n_folds, depth, width = sum(map(len, splits.values())), settings.depth, settings.width
    matrix = 2 * 4 * n_rows * n_features
    batches = 3 * 4 * n_folds * n_rows
    activations = (
        4 * n_folds * max(settings.batch_size, 1024) * (3 * n_features + 4 * depth * width + 4 * n_classes)
    )
    weights = 6 * 4 * n_folds * (n_features * width + (depth - 1) * width * width + width * n_classes)
    return TENSORFLOW_BYTES + matrix + batches + activations + weights
