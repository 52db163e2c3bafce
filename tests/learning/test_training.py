"""Batches, stopping, and the errors of training."""

import numpy as np
import pyarrow as pa
import pytest

from iotids.learning.data.folds import Fold, check_two_classes, folds_of_split
from iotids.learning.data.training_data import feature_array
from iotids.learning.networks.dense.batches import bytes_needed
from iotids.learning.networks.dense.kind import DenseKind, DenseSettings
from iotids.learning.networks.dense.training import (
    EpochFigures,
    TrainingPlan,
    best_epoch,
    check_loss,
    epoch_batches,
    stopped_folds,
)
from iotids.learning.runs.inputs import RunInputs, check_memory
from tests.learning.given import training_data

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
        check_loss(["fold 0", "fold 3"], 4, np.array([0.2, np.nan]))
    check_loss(["fold 0", "fold 3"], 4, np.array([0.2, np.nan]), stopped=frozenset({1}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e19])
def test_a_feature_value_no_network_can_use_is_named(value):
    column = np.array([1.0, value, 2.0])
    with pytest.raises(ValueError, match=r"feature idle_max_us of row 1 is .*run the integrate stage again"):
        feature_array(
            [("flow_duration_us", np.ones(3)), ("idle_max_us", column)], shape=(3, 2), dtype=np.float32
        )


def test_the_matrix_holds_the_columns_in_order_as_float32():
    columns = [("a", np.array([1.0, 2.0])), ("b", np.array([3.0, 1e15]))]
    matrix = feature_array(columns, shape=(2, 2), dtype=np.float32)
    assert matrix.dtype == np.float32 and matrix.tolist() == [[1.0, 3.0], [2.0, float(np.float32(1e15))]]


def split_table(test_fold, train_folds):
    rows = np.arange(len(test_fold))
    return pa.table(
        {
            "row": rows,
            "test_fold": np.array(test_fold, np.int16),
            "train_folds": np.array(train_folds, np.uint64),
        }
    )


def test_folds_without_rows_or_with_one_class_are_refused_by_number():
    truth = np.array([0] * 40 + [1] * 20)
    with pytest.raises(ValueError, match="split grouped: fold 1 has no training rows for 2 test rows"):
        folds_of_split(split_table([0, 1, 1], [0, 1, 1]), 3, "grouped")
    with pytest.raises(ValueError, match="fold 1 has no training row of any class but BENIGN"):
        check_two_classes([Fold(1, np.arange(30), np.arange(30, 60))], truth, ("BENIGN", "ATTACK"))
    with pytest.raises(ValueError, match="no fold with test rows"):
        folds_of_split(split_table([-1, -1], [1, 1]), 2, "grouped")


def test_a_split_of_another_dataset_is_refused():
    with pytest.raises(ValueError, match="split grouped is of 4 flows, but the dataset has 5"):
        folds_of_split(split_table([0] * 4, [0] * 4), 5, "grouped")


def test_too_little_memory_says_how_much_is_needed_and_what_to_lower():
    kind, data = DenseKind(), training_data(np.ones((1000, 70)), np.zeros(1000), n_classes=2)
    inputs = RunInputs(data, {"stratified": FOLDS})
    with pytest.raises(MemoryError, match=r"dense needs about .* GiB and 0.0 GiB are free. Lower batch_size"):
        check_memory(inputs, kind, kind.settings({"depth": 7, "width": 512}), 2**20)
    check_memory(inputs, kind, kind.settings({"depth": 7, "width": 512}), 2**34)


def test_less_memory_than_tensorflow_takes_is_refused():
    """Of a training with ten rows."""
    kind, data = DenseKind(), training_data(np.ones((10, 70)), np.zeros(10), n_classes=2)
    inputs, settings = RunInputs(data, {"stratified": FOLDS[:1]}), kind.settings({"depth": 1, "width": 1})
    with pytest.raises(MemoryError, match="dense needs about 0.5 GiB and 0.4 GiB are free"):
        check_memory(inputs, kind, settings, 400_000_000)


def test_the_papers_size_fits_three_gigabytes():
    n = 1_805_053
    splits = {"stratified": [Fold(f, np.arange(2), np.arange(1)) for f in range(5)]}

    settings = DenseSettings(depth=7, width=128, batch_size=1024)
    assert bytes_needed(n, 5, splits, settings) < 3e9
