"""Epochs over stacked folds: which rows share a batch, when a fold stops, and the figures of every epoch.

Nothing here has a state: batches follow from (seed, fold, epoch) and stopping from the history so far, so a
run that was broken off continues from its last epoch to the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from iotids.learning.networks.dense.batches import EVALUATION_ROWS, Fold, batches_in_order

if TYPE_CHECKING:
    import tensorflow as tf

    from iotids.learning.networks.dense.stacked import Features, StackedNetworks

MIXED_BLOCKS = 64  # of a shuffle by blocks: with blocks of 1024 rows these are 18 MB of features


class EpochFigures(NamedTuple):
    """How one fold of a stack stood after one epoch (epochs count from 1).

    `fold` is its position in the stack; in history.parquet, where this is a row, its number in the split.
    """

    fold: int
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True)
class TrainingPlan:
    """How long and in which order: epochs, rows per batch, seed, epochs without a lower training loss before
    a fold stops (0: never), rows of the blocks that are shuffled (0: rows are, all of a fold).
    """

    epochs: int
    batch_size: int
    seed: int
    patience: int
    shuffle_block_rows: int = 0


def train_epochs(
    networks: StackedNetworks,
    features: Features,
    classes: tf.Tensor,
    folds: Sequence[Fold],
    plan: TrainingPlan,
    history: Sequence[EpochFigures] = (),
    *,
    names: Sequence[str] = (),
) -> Iterator[list[EpochFigures]]:
    """Train until the last epoch, or until every fold has stopped.

    Parameters
    ----------
    networks
        Started, or restored to the state after the last epoch of `history`.
    features : (n, d) float32 tensor, or rows in a file
    classes : (n,) int32 tensor
    folds
        In the order of the stack.
    history
        Epochs already done.
    names
        Of the folds, for messages; by default their numbers.

    Yields
    ------
    list of EpochFigures
        One per fold that learned in this epoch. `val_` figures are those of the fold's test rows, as in the
        paper's figures; nothing is chosen by them.

    Raises
    ------
    FloatingPointError
        A training loss is NaN or infinite; names folds, epoch and what to change.
    """
    done = list(history)
    test_batches = batches_in_order([fold.test_rows for fold in folds], EVALUATION_ROWS)
    for epoch in range(1 + max((row.epoch for row in done), default=0), plan.epochs + 1):
        stopped = stopped_folds(done, plan.patience)
        if len(stopped) == len(folds):
            return
        train = networks.train_epoch(
            features, classes, epoch_batches(folds, plan, epoch=epoch, stopped=stopped)
        )
        check_loss(names or [f"fold {fold.number}" for fold in folds], epoch, train[0], stopped)
        test = networks.evaluate(features, classes, test_batches)
        figures = enumerate(zip(*train, *test, strict=True))
        rows = [EpochFigures(k, epoch, *map(float, mine)) for k, mine in figures if k not in stopped]
        done += rows
        yield rows


def epoch_batches(
    folds: Sequence[Fold], plan: TrainingPlan, *, epoch: int, stopped: frozenset[int] = frozenset()
) -> np.ndarray:
    """(S, K, batch_size) int32 row numbers: every fold's training rows once, in a new order each epoch.

    The last batch of a fold is as short as it must be (filled with -1), as in Keras' `fit`. Smaller folds
    have empty batches at the end; a stopped fold has no others.
    """
    order = [
        shuffled(
            fold.train_rows,
            np.random.default_rng([plan.seed, fold.number, 2, epoch]),
            plan.shuffle_block_rows,
        )
        for fold in folds
    ]
    order = [rows[:0] if k in stopped else rows for k, rows in enumerate(order)]
    return batches_in_order(order, plan.batch_size)


def shuffled(rows: np.ndarray, chance: np.random.Generator, block_rows: int) -> np.ndarray:
    """(m,) the row numbers in a new order: of all rows, or, with `block_rows`, of blocks of so many rows that follow
    one another, MIXED_BLOCKS of which are mixed at a time. A file is then read in runs of block_rows.
    """
    if block_rows == 0:
        return chance.permutation(rows)
    blocks = [rows[begin : begin + block_rows] for begin in range(0, rows.size, block_rows)]
    drawn = [blocks[i] for i in chance.permutation(len(blocks))]
    mixed = (drawn[begin : begin + MIXED_BLOCKS] for begin in range(0, len(drawn), MIXED_BLOCKS))
    return np.concatenate([rows[:0], *(chance.permutation(np.concatenate(part)) for part in mixed)])


def stopped_folds(history: Sequence[EpochFigures], patience: int) -> frozenset[int]:
    """Folds whose training loss has not fallen below its best for `patience` epochs. Test rows have no say in
    it.
    """
    if patience == 0:
        return frozenset()
    losses: dict[int, list[float]] = {}
    for row in history:
        losses.setdefault(row.fold, []).append(row.train_loss)
    return frozenset(
        fold for fold, mine in losses.items() if len(mine) - 1 - int(np.argmin(mine)) >= patience
    )


def best_epoch(history: Sequence[EpochFigures], fold: int) -> EpochFigures:
    """The epoch with the highest accuracy on the fold's test rows. This peeks at the test rows; report it only
    as an upper bound.
    """
    return max((row for row in history if row.fold == fold), key=lambda row: (row.val_accuracy, -row.epoch))


def check_loss(
    names: Sequence[str], epoch: int, losses: np.ndarray, stopped: frozenset[int] = frozenset()
) -> None:
    """Refuse a training loss that is no number."""
    bad = [
        f"{name} ({loss})"
        for k, (name, loss) in enumerate(zip(names, losses, strict=True))
        if k not in stopped and not np.isfinite(loss)
    ]
    if bad:
        raise FloatingPointError(
            f"training diverged in epoch {epoch}: the loss of {', '.join(bad)} is not finite. Lower network.learning_rate or "
            f"network.momentum, or raise network.batch_size; what was finished before is kept"
        )
