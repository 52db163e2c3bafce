"""What a split is: which fold tests a flow, and which folds train on it; written and described here.

What makes splits is in shuffled_folds, grouped_folds, time_folds and left_out_folds; `makers` lists them. Models
read a split by iotids.learning.data.folds, so that an edit here retrains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.learning.data.folds import trains_in
from iotids.learning.splits.flows import Flows

NEVER_TESTED = -1
MAX_FOLDS = 64  # one bit of a uint64 per fold


@dataclass(frozen=True)
class Split:
    """A way of dividing rows into training and test folds.

    Attributes
    ----------
    test_fold : (n,) int16
        The fold that tests the flow, -1 for none.
    train_folds : (n,) uint64
        Bit f is set when fold f trains on the flow.
    fold_names : one name per fold
        What the fold leaves out, or its number.
    warnings, notes
        What a reader must know, and figures about the split (both go into the JSON beside the table).
    """

    name: str
    test_fold: np.ndarray
    train_folds: np.ndarray
    fold_names: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


def all_but_own_fold(test_fold: np.ndarray, n_folds: int, *, used: np.ndarray | None = None) -> np.ndarray:
    """(n,) uint64: every fold but the one that tests the flow; 0 for flows that are not `used` (default:
    those never tested).

    Raises
    ------
    ValueError
        More folds than bits.
    """
    if n_folds > MAX_FOLDS:
        raise ValueError(
            f"{n_folds} folds; a split holds at most {MAX_FOLDS}: lower split.folds or choose a coarser split.attack_column"
        )
    everything = np.uint64(2**n_folds - 1)
    own = np.left_shift(np.uint64(1), np.maximum(test_fold, 0).astype(np.uint64))
    bits = np.where(test_fold >= 0, everything & ~own, everything)
    return np.where(test_fold >= 0 if used is None else used, bits, np.uint64(0)).astype(np.uint64)


def split_table(split: Split) -> pa.Table:
    """The split as a table: row int64, test_fold int16, train_folds uint64."""
    rows = np.arange(split.test_fold.size, dtype=np.int64)
    return pa.table(
        {
            "row": rows,
            "test_fold": split.test_fold.astype(np.int16),
            "train_folds": split.train_folds.astype(np.uint64),
        }
    )


def check_class_sizes(
    class_number: np.ndarray, classes: Sequence[str], *, n_folds: int, split: str, unit: str = "flows"
) -> None:
    """Refuse a class with fewer flows than folds, by name.

    Raises
    ------
    ValueError
        Names the class, its count, the folds, and what to do.
    """
    counts = np.bincount(class_number, minlength=len(classes))
    for name, count in zip(classes, counts.tolist(), strict=True):
        if 0 < count < n_folds:
            raise ValueError(
                f"split {split}: class {name} has {count} {unit}, but {n_folds} folds want at least {n_folds}. "
                f"Lower split.folds to {max(count, 2)}, add captures with {name}, or take {name} out of data.classes and relabel"
            )


def describe_split(split: Split, flows: Flows) -> dict[str, Any]:
    """Counts per fold and class, classes a fold tests without training on them, warnings and notes, for the
    JSON.
    """
    folds, warnings = [], list(split.warnings)
    for fold, name in enumerate(split.fold_names):
        train, test = trains_in(split.train_folds, fold), split.test_fold == fold
        in_train, in_test = _class_counts(flows, train), _class_counts(flows, test)
        untestable = [c for c in flows.classes if in_test[c] and not in_train[c]]
        warnings += [
            f"fold {name}: {in_test[c]} flows of {c} are tested, but none is in its training part"
            for c in untestable
        ]
        folds.append(
            {
                "fold": fold,
                "name": name,
                "train_rows": int(train.sum()),
                "test_rows": int(test.sum()),
                "train": in_train,
                "test": in_test,
                "untestable_classes": untestable,
            }
        )
    return {
        "split": split.name,
        "rows": flows.n,
        "never_tested_rows": int((split.test_fold < 0).sum()),
        "folds": folds,
        "warnings": warnings,
        "notes": split.notes,
    }


def _class_counts(flows: Flows, chosen: np.ndarray) -> dict[str, int]:
    """Flows per class among the chosen."""
    counts = np.bincount(flows.class_number[chosen], minlength=len(flows.classes))
    return dict(zip(flows.classes, counts.tolist(), strict=True))
