"""Batches, stopping, and the errors of training."""

import numpy as np
import pyarrow as pa
import pytest

from iotids.learning.networks.dense.inputs import (
    Fold,
    bytes_needed,
    check_folds,
    check_memory,
    float32_matrix,
    folds_of_split,
)
from iotids.learning.networks.dense.training import (
    EpochFigures,
    TrainingPlan,
    best_epoch,
    check_loss,
    epoch_batches,
    stopped_folds,
)

PLAN = TrainingPlan(epochs=2, batch_size=16, seed=1, patience=0)
FOLDS = [Fold(0, np.arange(0, 50), np.arange(50, 60)), Fold(3, np.arange(20, 33), np.arange(0, 5))]


def rows_of(batches, k):
    mine = batches[:, k].ravel()
    return mine[mine >= 0]


def history(fold, losses, accuracies=None):
    accuracies = accuracies or [0.5] * len(losses)
    return [
        EpochFigures(fold, i, loss, 0.5, 1.0, a)
        for i, (loss, a) in enumerate(zip(losses, accuracies, strict=True), start=1)
    ]


def test_every_fold_sees_each_of_its_rows_once_per_epoch():
    batches = epoch_batches(FOLDS, PLAN, epoch=1)
    assert batches.shape == (4, 2, 16) and batches.dtype == np.int32
    for k, fold in enumerate(FOLDS):
        np.testing.assert_array_equal(np.sort(rows_of(batches, k)), fold.train_rows)


def test_full_batches_come_first_and_the_remainder_last_as_in_keras():
    sizes = (epoch_batches(FOLDS, PLAN, epoch=1) >= 0).sum(axis=2)
    assert sizes[:, 0].tolist() == [16, 16, 16, 2]
    assert sizes[:, 1].tolist() == [13, 0, 0, 0]


def test_order_changes_with_epoch_seed_and_fold_but_not_with_the_neighbours():
    first = rows_of(epoch_batches(FOLDS, PLAN, epoch=1), 0)
    twin = Fold(1, FOLDS[0].train_rows, FOLDS[0].test_rows)
    others = [
        rows_of(epoch_batches(FOLDS, PLAN, epoch=2), 0),
        rows_of(epoch_batches(FOLDS, TrainingPlan(2, 16, 2, 0), epoch=1), 0),
        rows_of(epoch_batches([twin], PLAN, epoch=1), 0),
    ]
    assert not any(np.array_equal(first, other) for other in others)
    np.testing.assert_array_equal(first, rows_of(epoch_batches(FOLDS[:1], PLAN, epoch=1), 0))


def test_a_stopped_fold_has_no_rows_and_the_others_keep_theirs():
    batches = epoch_batches(FOLDS, PLAN, epoch=1, stopped=frozenset({0}))
    assert rows_of(batches, 0).size == 0
    assert rows_of(batches, 1).size == 13


def test_a_fold_stops_after_patience_epochs_without_a_lower_training_loss():
    told = history(0, [1.0, 0.9, 0.95, 0.91]) + history(1, [1.0, 0.9, 0.95, 0.8])
    assert stopped_folds(told, patience=2) == {0}
    assert stopped_folds(told, patience=3) == set()
    assert stopped_folds(told, patience=0) == set()


def test_best_epoch_is_the_first_of_the_highest_test_accuracies():
    assert best_epoch(history(0, [1, 1, 1], [0.7, 0.9, 0.9]), 0).epoch == 2


def test_a_loss_that_is_no_number_names_epoch_fold_and_what_to_change():
    with pytest.raises(
        FloatingPointError,
        match=r"epoch 4: the loss of fold 3 \(nan\) is not finite. Lower network.learning_rate",
    ):
        check_loss(FOLDS, 4, np.array([0.2, np.nan]))
    check_loss(FOLDS, 4, np.array([0.2, np.nan]), stopped=frozenset({3}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e19])
def test_a_feature_value_no_network_can_use_is_named(value):
    column = np.array([1.0, value, 2.0])
    with pytest.raises(ValueError, match=r"feature idle_max_us of row 1 is .*run the integrate stage again"):
        float32_matrix([("flow_duration_us", np.ones(3)), ("idle_max_us", column)], n_rows=3, n_columns=2)


def test_the_matrix_holds_the_columns_in_order_as_float32():
    matrix = float32_matrix(
        [("a", np.array([1.0, 2.0])), ("b", np.array([3.0, 1e15]))], n_rows=2, n_columns=2
    )
    assert matrix.dtype == np.float32 and matrix.tolist() == [[1.0, 3.0], [2.0, float(np.float32(1e15))]]


def test_folds_without_rows_or_with_one_class_are_refused_by_number():
    truth = np.array([0] * 40 + [1] * 20)
    with pytest.raises(ValueError, match="fold 2 has 0 training and 1 test rows"):
        check_folds([Fold(2, np.arange(0), np.arange(1))], truth, ("BENIGN", "ATTACK"))
    with pytest.raises(ValueError, match="fold 1 has no training row of any class but BENIGN"):
        check_folds([Fold(1, np.arange(30), np.arange(30, 60))], truth, ("BENIGN", "ATTACK"))
    with pytest.raises(ValueError, match="no fold with test rows"):
        check_folds([], truth, ("BENIGN", "ATTACK"))


def test_a_split_of_another_dataset_is_refused():
    split = pa.table(
        {"row": np.arange(4), "test_fold": np.zeros(4, np.int16), "train_folds": np.zeros(4, np.uint64)}
    )
    with pytest.raises(ValueError, match="split grouped is of 4 flows, but the dataset has 5"):
        folds_of_split(split, np.zeros(5, int), ("BENIGN", "ATTACK"), "grouped")


def test_too_little_memory_says_how_much_is_needed_and_what_to_lower():
    with pytest.raises(
        MemoryError, match=r"needs about 2.0 GiB and 1.0 GiB are free. Lower network.batch_size"
    ):
        check_memory(2 * 2**30, 2**30)


def test_the_papers_size_fits_three_gigabytes():
    n = 1_805_053
    splits = {"stratified": [Fold(f, np.arange(2), np.arange(1)) for f in range(5)]}

    class Settings:
        width, batch_size = 128, 1024

    assert bytes_needed(n, 5, splits, 7, Settings()) < 3e9
