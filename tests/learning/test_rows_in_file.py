"""Features that stay in a file: the same bits as from memory, checked while they are written, and a shuffle by blocks."""

import errno
import os
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from iotids.flowmeter.columns.groups import FLOW, features_of
from iotids.learning.baselines.registry import BASELINES
from iotids.learning.data.file_features import empty_in_file, features_in_file
from iotids.learning.data.folds import Fold
from iotids.learning.data.training_data import feature_array
from iotids.learning.networks.dense.kind import DenseKind
from iotids.learning.networks.dense.trainer import DenseTrainer
from iotids.learning.networks.dense.training import MIXED_BLOCKS, shuffled
from iotids.learning.registry import KINDS
from iotids.learning.runs.inputs import check_memory, check_memory_for_all, fits_side_by_side, read_inputs
from iotids.learning.runs.unfinished import Unfinished
from iotids.writing.tables import write_table
from tests.learning.given import training_data

NAMES = ("a", "b", "c")
ROWS = 3_000


def batches(matrix, n_rows=700):
    """Tables of a matrix' columns, as a dataset is read."""
    for begin in range(0, len(matrix), n_rows):
        part = matrix[begin : begin + n_rows]
        yield pa.table({name: part[:, j].astype(np.float64) for j, name in enumerate(NAMES)})


def problem():
    """Rows of three classes, over a few decades as features of flows are."""
    chance = np.random.default_rng(3)
    truth = chance.integers(0, 3, ROWS)
    X = np.exp(chance.normal(size=(ROWS, 3)) * 2 + truth[:, None])
    return X.astype(np.float32), truth


@pytest.mark.parametrize("inputs", ["raw", "log"])
def test_networks_of_rows_in_a_file_are_those_of_rows_in_memory_to_the_last_bit(tmp_path, inputs):
    X, truth = problem()
    given = training_data(X, truth, n_classes=3, dtype=np.float32)
    mapped = replace(given, features=features_in_file(batches(X), NAMES, ROWS, tmp_path))
    assert isinstance(mapped.features, np.memmap) and np.array_equal(mapped.features, X)
    rows = np.arange(ROWS)
    folds = [Fold(f, rows[rows % 3 != f], rows[rows % 3 == f]) for f in range(3)]
    settings = DenseKind().settings({"depth": 2, "width": 8, "epochs": 2, "batch_size": 32, "inputs": inputs})
    one, other = (
        DenseTrainer(data, settings, seed=1).run({"stratified": folds}, Unfinished(tmp_path / name, "1"))[
            "stratified"
        ]
        for name, data in (("memory", given), ("file", mapped))
    )
    for a, b in zip(one.results, other.results, strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)
    assert one.history == other.history
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_file_has_no_name_and_leaves_nothing(tmp_path):
    matrix = features_in_file(batches(problem()[0]), NAMES, ROWS, tmp_path)
    assert matrix.shape == (ROWS, 3) and list(tmp_path.iterdir()) == []


def test_columns_fill_a_matrix_in_a_file_as_one_in_memory(tmp_path):
    X = problem()[0].astype(np.float64)
    columns = lambda: zip(NAMES, X.T, strict=True)  # noqa: E731
    matrix = empty_in_file(X.shape, tmp_path, np.float64)
    assert feature_array(columns(), shape=X.shape, dtype=np.float64, into=matrix) is matrix
    np.testing.assert_array_equal(matrix, feature_array(columns(), shape=X.shape, dtype=np.float64))


def test_a_value_no_network_can_use_is_named_by_its_row_of_the_dataset(tmp_path):
    X = problem()[0].astype(np.float64)
    X[1_500, 1] = np.nan
    with pytest.raises(ValueError, match="feature b of row 1500 is nan"):
        features_in_file(batches(X), NAMES, ROWS, tmp_path)


def test_a_disk_without_room_is_said_before_the_work(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"need 1\.1 GiB on the disk of .*integrate\.keep"):
        features_in_file(iter(()), NAMES, 100_000_000, tmp_path)


def dataset(folder, n=400):
    """A dataset and a split of it, as files."""
    columns = {name: np.arange(n, dtype=np.float64) for name in features_of((FLOW,))}
    label = ["BENIGN", "DOS"] * (n // 2)
    table = pa.table(
        {"source": ["D1"] * n, "group": ["g"] * n, "label": label, "start_us": np.arange(n)} | columns
    )
    write_table(table, folder / "flows.parquet")
    fold = np.arange(n) // 2 % 2
    split = {
        "row": np.arange(n),
        "test_fold": fold.astype(np.int16),
        "train_folds": (2 - fold).astype(np.uint64),
    }
    write_table(pa.table(split), folder / "stratified.parquet")


def test_little_memory_maps_the_features_and_asks_for_the_rest_only(tmp_path):
    dataset(tmp_path)
    kind = DenseKind()
    matrix = kind.matrix_bytes(400, 70)
    read = partial(
        read_inputs,
        tmp_path / "flows.parquet",
        tmp_path,
        kind,
        "binary",
        ("stratified",),
        ("BENIGN", "DOS"),
        "BENIGN",
    )
    held, mapped = read(free_bytes=2 * matrix), read(free_bytes=2 * matrix - 1)
    assert not isinstance(held.data.features, np.memmap) and isinstance(mapped.data.features, np.memmap)
    np.testing.assert_array_equal(held.data.features, mapped.data.features)
    assert held.fingerprint() == mapped.fingerprint()
    settings = kind.settings({"depth": 2, "width": 8})
    needed = kind.bytes_needed(400, 70, 2, held.splits, settings)
    check_memory(held, kind, settings, needed)
    check_memory(mapped, kind, settings, needed - matrix)
    for inputs, too_little in ((held, needed - 1), (mapped, needed - matrix - 1)):
        with pytest.raises(MemoryError, match="dense needs about"):
            check_memory(inputs, kind, settings, too_little)


@pytest.mark.parametrize("name", ["gaussian_nb", "random_forest", "naive_bayes", "vfdt"])
def test_a_baseline_without_the_memory_of_one_fit_is_refused_before_it_and_more_fits_run_side_by_side(
    tmp_path, name
):
    dataset(tmp_path)
    kind = BASELINES[name]
    names = ("binary", ("stratified",), ("BENIGN", "DOS"), "BENIGN")
    inputs = read_inputs(tmp_path / "flows.parquet", tmp_path, kind, *names, free_bytes=0)
    assert isinstance(inputs.data.features, np.memmap) and inputs.data.features.dtype == kind.dtype
    most_rows = max(fold.train_rows.size for fold in inputs.splits["stratified"])
    one = kind.fit_bytes(70, inputs.splits)
    assert one > np.dtype(kind.dtype).itemsize * 70 * most_rows
    check_memory(inputs, kind, kind.settings({}), one)
    with pytest.raises(
        MemoryError, match=f"training {name} needs about .* GiB are free. Lower .*integrate.keep"
    ):
        check_memory(inputs, kind, kind.settings({}), one - 1)
    assert [fits_side_by_side(inputs, kind, n * one, 4) for n in (0, 1, 3, 4, 9)] == [1, 1, 3, -1, -1]


@pytest.mark.parametrize(("name", "settings"), [("dense", {"depth": 2, "width": 8}), ("random_forest", {})])
def test_a_fit_on_all_flows_without_its_memory_is_refused_before_it(tmp_path, name, settings):
    dataset(tmp_path)
    kind = KINDS[name]
    given = (tmp_path / "flows.parquet", kind, kind.settings(settings))
    with pytest.raises(MemoryError, match=f"a fit of {name} on all flows needs about .*integrate.keep"):
        check_memory_for_all(*given, 8 * 400 * 70)
    check_memory_for_all(*given, 10**9)


def test_blocks_stay_together_within_what_is_mixed_and_every_row_comes_once():
    rows, block = np.arange(0, 50_000, 2), 50
    order = shuffled(rows, np.random.default_rng(0), block)
    np.testing.assert_array_equal(np.sort(order), rows)
    for begin in range(0, order.size, block * MIXED_BLOCKS):
        part = order[begin : begin + block * MIXED_BLOCKS]
        assert np.unique(part // (2 * block)).size == part.size / block  # whole blocks
        assert np.abs(np.diff(part)).min() >= 2 and np.any(np.diff(part) < 0)
    assert not np.array_equal(order, shuffled(rows, np.random.default_rng(1), block))


def test_a_short_last_block_and_no_rows_are_shuffled_too():
    np.testing.assert_array_equal(np.sort(shuffled(np.arange(7), np.random.default_rng(0), 3)), np.arange(7))
    assert shuffled(np.arange(0), np.random.default_rng(0), 3).size == 0


def test_a_negative_block_is_refused():
    with pytest.raises(ValueError, match="shuffle_block_rows is -1"):
        DenseKind().settings({"depth": 2, "shuffle_block_rows": -1})
