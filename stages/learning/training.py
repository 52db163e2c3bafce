"""Epochs over stacked folds: which rows meet in which batch, when a fold stops, and what is told about every epoch.

Nothing here remembers anything: batches follow from (seed, fold, epoch) and stopping from the history so far, so a run that was
broken off goes on from its last epoch to the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from stages.learning.stacked import StackedNetworks

MAX_FEATURE = 1e18  # its square still fits float32, in which the variance of a batch is computed


class Fold(NamedTuple):
    """One fold: its number, the rows it learns from and the rows it is tested on."""

    number: int
    train_rows: np.ndarray
    test_rows: np.ndarray


class EpochFigures(NamedTuple):
    """One row of history.parquet: how one fold stood after one epoch (epochs count from 1)."""

    fold: int
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True)
class TrainingPlan:
    """How long and in which order: epochs, rows per batch, seed, epochs without a lower training loss before a fold stops (0: never)."""

    epochs: int
    batch_size: int
    seed: int
    patience: int


def train_epochs(
    networks: StackedNetworks, features: tf.Tensor, classes: tf.Tensor, folds: Sequence[Fold], plan: TrainingPlan,
    history: Sequence[EpochFigures] = (),
) -> Iterator[list[EpochFigures]]:
    """Train until the last epoch, or until every fold has stopped.

    Parameters
    ----------
    networks
        Started, or restored to the state after the last epoch of `history`.
    features : (n, d) float32 tensor
    classes : (n,) int32 tensor
    folds
        In the order of the stack.
    history
        Epochs already done.

    Yields
    ------
    list of EpochFigures
        One per fold that learned in this epoch. `val_` figures are those of the fold's test rows, as in the paper's figures; nothing
        is chosen by them.

    Raises
    ------
    FloatingPointError
        A training loss is NaN or infinite; names fold, epoch and what to change.
    """
    done = list(history)
    test_batches = _test_batches(folds)
    for epoch in range(1 + max((row.epoch for row in done), default=0), plan.epochs + 1):
        stopped = stopped_folds(done, plan.patience)
        if len(stopped) == len(folds):
            return
        train = networks.train_epoch(features, classes, epoch_batches(folds, plan, epoch=epoch, stopped=stopped))
        check_loss(folds, epoch, train[0], stopped)
        test = networks.evaluate(features, classes, test_batches)
        figures = zip(folds, *train, *test, strict=True)
        rows = [EpochFigures(f.number, epoch, *map(float, numbers)) for f, *numbers in figures if f.number not in stopped]
        done += rows
        yield rows


def epoch_batches(folds: Sequence[Fold], plan: TrainingPlan, *, epoch: int, stopped: frozenset[int] = frozenset()) -> np.ndarray:
    """(S, K, batch_size) int32 row numbers: every fold's training rows once, in a new order each epoch.

    The last batch of a fold is as short as it must be (filled with -1), as in Keras' `fit`. Smaller folds have empty batches at the
    end; a stopped fold has no others.
    """
    from stages.learning.stacked import batches_in_order

    order = [np.random.default_rng([plan.seed, fold.number, 2, epoch]).permutation(fold.train_rows) for fold in folds]
    return batches_in_order([rows[:0] if fold.number in stopped else rows for fold, rows in zip(folds, order, strict=True)], plan.batch_size)


def stopped_folds(history: Sequence[EpochFigures], patience: int) -> frozenset[int]:
    """Folds whose training loss has not fallen below its best for `patience` epochs. Test rows have no say in it."""
    if patience == 0:
        return frozenset()
    losses: dict[int, list[float]] = {}
    for row in history:
        losses.setdefault(row.fold, []).append(row.train_loss)
    return frozenset(fold for fold, mine in losses.items() if len(mine) - 1 - int(np.argmin(mine)) >= patience)


def best_epoch(history: Sequence[EpochFigures], fold: int) -> EpochFigures:
    """The epoch with the highest accuracy on the fold's test rows: a choice no one could have made beforehand, told as such."""
    return max((row for row in history if row.fold == fold), key=lambda row: (row.val_accuracy, -row.epoch))


def check_loss(folds: Sequence[Fold], epoch: int, losses: np.ndarray, stopped: frozenset[int] = frozenset()) -> None:
    """Refuse a training loss that is no number."""
    bad = [f"fold {f.number} ({loss})" for f, loss in zip(folds, losses, strict=True) if f.number not in stopped and not np.isfinite(loss)]
    if bad:
        raise FloatingPointError(
            f"training diverged in epoch {epoch}: the loss of {', '.join(bad)} is not finite. Lower network.learning_rate or "
            f"network.momentum, or raise network.batch_size; what was finished before is kept"
        )


def check_folds(folds: Sequence[Fold], classes: np.ndarray, names: Sequence[str]) -> None:
    """Refuse folds that cannot be learned from: none at all, no rows on a side, or one class only in the training part.

    Raises
    ------
    ValueError
        Names the fold, what is there and what to do.
    """
    if not folds:
        raise ValueError("the split has no fold with test rows; run the split stage again or lower split.folds")
    for fold in folds:
        if len(fold.train_rows) == 0 or len(fold.test_rows) == 0:
            sides = f"{len(fold.train_rows)} training and {len(fold.test_rows)} test rows"
            raise ValueError(f"fold {fold.number} has {sides}; a fold needs both: lower split.folds or take this protocol out of split.protocols")
        present = np.unique(classes[fold.train_rows])
        if present.size < 2:
            only = names[int(present[0])]
            raise ValueError(
                f"fold {fold.number} has no training row of any class but {only}, so there is nothing to tell apart: "
                f"lower split.folds, add captures of other classes, or take this protocol out of split.protocols"
            )


def check_range(column: np.ndarray, name: str) -> None:
    """Refuse NaN, infinity, and values whose square does not fit float32; name the feature and the row."""
    bad = ~(np.abs(column) < MAX_FEATURE)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"feature {name} of row {row} is {column[row]}, {int(bad.sum())} values in all; a network wants finite numbers below "
            f"{MAX_FEATURE:.0e}: run the integrate stage again (it removes such flows, see out/dataset/cleaning.json)"
        )


def bytes_needed(*, n_rows: int, n_features: int, n_classes: int, n_folds: int, depth: int, width: int, batch_size: int) -> int:
    """Estimate of what training holds at once: the matrix twice (while it is handed over), one epoch's batches, activations, weights."""
    matrix = 2 * 4 * n_rows * n_features
    batches = 3 * 4 * n_folds * n_rows
    activations = 4 * n_folds * max(batch_size, 1024) * (3 * n_features + 4 * depth * width + 4 * n_classes)
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
            f"training needs about {needed_bytes / 2**30:.1f} GiB and {available_bytes / 2**30:.1f} GiB are free. Lower network.batch_size, "
            f"network.width or split.folds, use fewer flows, or close other programs"
        )


def _test_batches(folds: Sequence[Fold]) -> np.ndarray:
    """Test rows of all folds in batches for evaluation."""
    from stages.learning.stacked import EVALUATION_ROWS, batches_in_order

    return batches_in_order([fold.test_rows for fold in folds], EVALUATION_ROWS)
