"""The folds of a split as models see them: rows to train on and rows to test, read from the split's table and
checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa


class Fold(NamedTuple):
    """One fold: its number, the rows it learns from and the rows it is tested on."""

    number: int
    train_rows: np.ndarray
    test_rows: np.ndarray


def trains_in(train_folds: np.ndarray, fold: int) -> np.ndarray:
    """(n,) bool: the flow is in the training part of this fold."""
    return (train_folds >> np.uint64(fold)) & np.uint64(1) == 1


def fold_rows(table: pa.Table) -> Iterator[Fold]:
    """Go through the folds of a split table as (number, training rows, test rows), rows ascending and int64.

    Folds without a test row are left out. Raises ValueError when a row is on both sides of a fold.
    """
    rows, test_fold, train_folds = (
        table.column(name).to_numpy() for name in ("row", "test_fold", "train_folds")
    )
    for fold in range(int(test_fold.max(initial=-1)) + 1):
        tested, trained = test_fold == fold, trains_in(train_folds, fold)
        if (tested & trained).any():
            raise ValueError(
                f"fold {fold}: row {int(rows[tested & trained][0])} is both trained on and tested; run the split stage again"
            )
        if tested.any():
            yield Fold(fold, rows[trained], rows[tested])


def folds_of_split(split: pa.Table, n_rows: int, name: str) -> list[Fold]:
    """The folds of one split table, checked against the dataset.

    Raises
    ------
    ValueError
        The table is of another dataset, has no fold, or a fold without rows on a side; names the split and
        what to do.
    """
    if split.num_rows != n_rows:
        raise ValueError(
            f"split {name} is of {split.num_rows} flows, but the dataset has {n_rows}: run the split stage again"
        )
    folds = list(fold_rows(split))
    if not folds:
        raise ValueError(
            f"split {name} has no fold with test rows; run the split stage again or lower split.folds"
        )
    for fold in folds:
        if len(fold.train_rows) == 0:
            raise ValueError(
                f"split {name}: fold {fold.number} has no training rows for {len(fold.test_rows)} test rows; lower "
                f"split.folds or leave the split out"
            )
    return folds


def check_two_classes(folds: Sequence[Fold], truth: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse folds with one class only in the training part, for kinds that cannot learn from them.

    Raises
    ------
    ValueError
        Names the fold, the class and what to do.
    """
    for fold in folds:
        present = np.unique(truth[fold.train_rows])
        if present.size < 2:
            only = classes[int(present[0])]
            raise ValueError(
                f"fold {fold.number} has no training row of any class but {only}, so there is nothing to tell apart: "
                f"lower split.folds, add captures of other classes, or take this split out of split.kinds"
            )
