"""What a network is given: a float32 matrix, folds of row numbers; and the checks that refuse what it could
not learn from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from iotids.learning.splits.folds import fold_rows

MAX_FEATURE = 1e18  # its square still fits float32, in which the variance of a batch is computed
EVALUATION_ROWS = 1024  # rows per fold and batch when nothing is learned


class Fold(NamedTuple):
    """One fold: its number, the rows it learns from and the rows it is tested on."""

    number: int
    train_rows: np.ndarray
    test_rows: np.ndarray


def float32_matrix(columns: Iterable[tuple[str, np.ndarray]], *, n_rows: int, n_columns: int) -> np.ndarray:
    """(n_rows, n_columns) float32 from (name, float64 column) pairs that come one at a time: all doubles at
    once would triple the memory.

    Raises
    ------
    ValueError
        A value is NaN, infinite or at least 1e18 in size; names the feature, the row and what to do.
    """
    matrix = np.empty((n_rows, n_columns), np.float32)
    for j, (name, column) in enumerate(columns):
        bad = ~(np.abs(column) < MAX_FEATURE)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"feature {name} of row {row} is {column[row]} ({int(bad.sum())} such values); a network wants finite numbers below "
                f"{MAX_FEATURE:.0e}: run the integrate stage again (it removes such flows, see out/dataset/cleaning.json)"
            )
        matrix[:, j] = column
    return matrix


def batches_in_order(rows: Sequence[np.ndarray], batch_size: int) -> np.ndarray:
    """Cut each fold's rows, in the order given, into batches: (S, K, batch_size) int32, filled with -1 behind
    a fold's last row.
    """
    n_steps = max(-(-len(mine) // batch_size) for mine in rows)
    batches = np.full((len(rows), n_steps * batch_size), -1, np.int32)
    for k, mine in enumerate(rows):
        batches[k, : len(mine)] = mine
    return np.ascontiguousarray(batches.reshape(len(rows), n_steps, batch_size).transpose(1, 0, 2))


def folds_of_split(split: pa.Table, truth: np.ndarray, classes: Sequence[str], protocol: str) -> list[Fold]:
    """The folds of one split table, checked against the dataset.

    Raises
    ------
    ValueError
        The table is of another dataset, or `check_folds` refuses a fold; the message begins with the
        protocol.
    """
    if split.num_rows != truth.size:
        raise ValueError(
            f"split {protocol} is of {split.num_rows} flows, but the dataset has {truth.size}: run the split stage again"
        )
    folds = [Fold(*fold) for fold in fold_rows(split)]
    try:
        check_folds(folds, truth, classes)
    except ValueError as error:
        raise ValueError(f"split {protocol}: {error}") from error
    return folds


def check_folds(folds: Sequence[Fold], truth: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse folds that cannot be learned from: none at all, no rows on a side, or one class only in the
    training part.

    Raises
    ------
    ValueError
        Names the fold, what is there and what to do.
    """
    if not folds:
        raise ValueError(
            "the split has no fold with test rows; run the split stage again or lower split.folds"
        )
    for fold in folds:
        if len(fold.train_rows) == 0 or len(fold.test_rows) == 0:
            sides = f"{len(fold.train_rows)} training and {len(fold.test_rows)} test rows"
            raise ValueError(
                f"fold {fold.number} has {sides}; it needs both: lower split.folds or leave the protocol out"
            )
        present = np.unique(truth[fold.train_rows])
        if present.size < 2:
            only = classes[int(present[0])]
            raise ValueError(
                f"fold {fold.number} has no training row of any class but {only}, so there is nothing to tell apart: "
                f"lower split.folds, add captures of other classes, or take this protocol out of split.protocols"
            )


def check_settings(settings: Any) -> None:
    """Refuse parameters of conf/network that no network can be trained with.

    Raises
    ------
    ValueError
        Names the parameter and its value.
    """
    for key in ("width", "batch_size", "epochs", "learning_rate"):
        if not getattr(settings, key) > 0:
            raise ValueError(
                f"network.{key} is {getattr(settings, key)}; it must be above 0: give another with -S network.{key}=…"
            )
    if not 0 <= settings.dropout < 1:
        raise ValueError(
            f"network.dropout is {settings.dropout}; it is a share of neurons, from 0 to below 1"
        )


def bytes_needed(
    n_rows: int,
    n_classes: int,
    splits: Mapping[str, Sequence[Fold]],
    depth: int,
    settings: Any,
    n_features: int = 70,
) -> int:
    """Estimate of what training holds at once: the matrix twice (while it is handed over), one epoch's
    batches, activations, weights.

    `settings` has the `width` and `batch_size` of conf/network.
    """
    n_folds, width = max(map(len, splits.values())), settings.width
    matrix = 2 * 4 * n_rows * n_features
    batches = 3 * 4 * n_folds * n_rows
    activations = (
        4 * n_folds * max(settings.batch_size, 1024) * (3 * n_features + 4 * depth * width + 4 * n_classes)
    )
    weights = 6 * 4 * n_folds * (n_features * width + (depth - 1) * width * width + width * n_classes)
    return matrix + batches + activations + weights


def check_memory(needed_bytes: int, available_bytes: int) -> None:
    """Refuse a training that cannot fit.

    Raises
    ------
    MemoryError
        Says what is needed, what there is, and which parameters to lower.
    """
    if needed_bytes > available_bytes:
        raise MemoryError(
            f"training needs about {needed_bytes / 2**30:.1f} GiB and {available_bytes / 2**30:.1f} GiB are free. Lower "
            f"network.batch_size, network.width or split.folds, use fewer flows, or close other programs"
        )
