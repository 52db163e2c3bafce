"""Every split keeps its promise: nothing on both sides, everything reproducible, and what cannot be is said
by name.
"""

import numpy as np
import pyarrow as pa
import pytest

from iotids.learning.data import duplicates
from iotids.learning.data.duplicates import vector_numbers, vector_numbers_of_blocks
from iotids.learning.data.flow_columns import task_truth
from iotids.learning.data.folds import fold_rows, trains_in
from iotids.learning.data.task_splits import splits_of_task
from iotids.learning.splits.flows import flows_from_file, flows_from_table
from iotids.learning.splits.folds import describe_split, split_table
from iotids.learning.splits.makers import make_split
from iotids.writing.tables import write_table
from tests.learning.generated_flows import dataset_table

COUNTS = {"BENIGN": 900, "DOS": 120, "MIRAI": 700, "MITM": 60, "SCANNING": 800}
SPLITS = ("stratified", "dedup", "dup_grouped", "grouped", "temporal", "environment", "attack")
SETTINGS = {"n_folds": 5, "seed": 7, "embargo_s": 1.0, "attack_column": "label"}


@pytest.fixture(scope="module")
def flows():
    return flows_from_table(dataset_table(counts=COUNTS, seed=3), benign="BENIGN")


@pytest.mark.parametrize("name", SPLITS)
def test_no_flow_is_trained_and_tested_in_the_same_fold(flows, name):
    split = make_split(name, flows, **SETTINGS)
    folds = list(fold_rows(split_table(split)))
    assert len(folds) == len(split.fold_names)
    for _, trained, tested in folds:
        assert trained.size and tested.size and not np.intersect1d(trained, tested).size


@pytest.mark.parametrize("name", SPLITS)
def test_the_same_seed_gives_the_same_bits(flows, name):
    one, two = (split_table(make_split(name, flows, **SETTINGS)) for _ in range(2))
    assert one.equals(two)


@pytest.mark.parametrize("name", ["stratified", "dedup", "dup_grouped", "attack"])
def test_another_seed_gives_other_folds(flows, name):
    one, two = (make_split(name, flows, **{**SETTINGS, "seed": seed}).test_fold for seed in (7, 8))
    assert (one != two).any()


def test_stratified_folds_hold_every_class_evenly(flows):
    test_fold = make_split("stratified", flows, **SETTINGS).test_fold
    for name, count in COUNTS.items():
        per_fold = np.bincount(test_fold[flows.label == name], minlength=5)
        assert per_fold.max() - per_fold.min() <= 1 and per_fold.sum() == count


def test_dedup_keeps_the_first_of_every_vector_and_nothing_else(flows):
    split = make_split("dedup", flows, **SETTINGS)
    seen, first = set(), np.zeros(flows.n, bool)
    for row, vector in enumerate(map(tuple, np.concatenate(list(flows.blocks())).tolist())):
        first[row] = vector not in seen
        seen.add(vector)
    assert np.array_equal(split.test_fold >= 0, first)
    assert not split.train_folds[~first].any()
    assert split.notes["duplicate_flows"] == int((~first).sum()) > 100


@pytest.mark.parametrize("name", ["dedup", "dup_grouped"])
def test_no_feature_vector_stands_on_both_sides(flows, name):
    numbers = vector_numbers(np.concatenate(list(flows.blocks())))
    for _, trained, tested in fold_rows(split_table(make_split(name, flows, **SETTINGS))):
        assert not np.intersect1d(numbers[trained], numbers[tested]).size


def test_dup_grouped_tests_every_flow_once(flows):
    assert (make_split("dup_grouped", flows, **SETTINGS).test_fold >= 0).all()


def test_no_group_stands_on_both_sides_of_a_grouped_fold(flows):
    split = make_split("grouped", flows, **SETTINGS)
    for _, trained, tested in fold_rows(split_table(split)):
        assert not np.intersect1d(flows.group[trained], flows.group[tested]).size
    assert (split.test_fold >= 0).all() and split.notes["cut_groups"] == []


def test_a_class_in_one_group_is_cut_into_time_blocks_with_a_warning_that_names_it():
    groups = dict.fromkeys(COUNTS, 6) | {"MITM": 1}
    flows = flows_from_table(dataset_table(counts=COUNTS, seed=3, groups_per_class=groups), benign="BENIGN")
    split = make_split("grouped", flows, **SETTINGS)
    assert any("class MITM occurs in one group only (mitm-0)" in warning for warning in split.warnings)
    assert split.notes["cut_groups"] == ["mitm-0"]
    mitm = flows.label == "MITM"
    assert np.unique(split.test_fold[mitm]).size == 5
    for fold, trained, tested in fold_rows(split_table(split)):
        tested, trained = tested[mitm[tested]], trained[mitm[trained]]
        assert trained.size and tested.size
        start, end = flows.start_us[tested].min(), flows.start_us[tested].max()
        near = (flows.start_us[trained] <= end + 1_000_000) & (flows.end_us[trained] >= start - 1_000_000)
        assert not near.any(), fold
    others = ~mitm
    for _, trained, tested in fold_rows(split_table(split)):
        assert not np.intersect1d(
            flows.group[trained[others[trained]]], flows.group[tested[others[tested]]]
        ).size


def test_a_class_with_fewer_groups_than_folds_is_tested_in_as_many_folds_and_named():
    groups = dict.fromkeys(COUNTS, 6) | {"MITM": 3}
    flows = flows_from_table(dataset_table(counts=COUNTS, seed=3, groups_per_class=groups), benign="BENIGN")
    split = make_split("grouped", flows, **SETTINGS)
    assert any(warning.startswith("class MITM has 3 groups: only folds") for warning in split.warnings)
    assert describe_split(split, flows)["folds"][0]["untestable_classes"] == []


def test_temporal_folds_train_on_the_past_only_and_keep_the_embargo(flows):
    split = make_split("temporal", flows, **SETTINGS)
    for _, trained, tested in fold_rows(split_table(split)):
        for capture in np.unique(flows.capture[tested]):
            past, future = (
                trained[flows.capture[trained] == capture],
                tested[flows.capture[tested] == capture],
            )
            for source in np.unique(flows.source[future]):
                p, f = past[flows.source[past] == source], future[flows.source[future] == source]
                if p.size:
                    assert flows.end_us[p].max() < flows.start_us[f].min() - 1_000_000


def test_environment_folds_leave_out_one_source_and_name_classes_that_live_in_one():
    table = dataset_table(counts=COUNTS, seed=3, sources={"DOS": "D1", "MITM": "D1"})
    flows = flows_from_table(table, benign="BENIGN")
    split = make_split("environment", flows, **SETTINGS)
    assert split.fold_names == ("D1", "D2")
    for fold, trained, tested in fold_rows(split_table(split)):
        assert set(flows.source[tested]) == {split.fold_names[fold]} and split.fold_names[fold] not in set(
            flows.source[trained]
        )
    assert split.notes["classes_in_one_source_only"] == {"DOS": "D1", "MITM": "D1"}
    assert describe_split(split, flows)["folds"][0]["untestable_classes"] == ["DOS", "MITM"]


@pytest.mark.parametrize(("column", "n_folds"), [("label", 4), ("sublabel", 8)])
def test_attack_folds_never_train_on_the_attack_they_test(flows, column, n_folds):
    split = make_split("attack", flows, **{**SETTINGS, "attack_column": column})
    values = flows.label if column == "label" else flows.sublabel
    assert len(split.fold_names) == n_folds
    for fold, trained, tested in fold_rows(split_table(split)):
        assert set(values[tested[flows.label[tested] != "BENIGN"]]) == {split.fold_names[fold]}
        assert split.fold_names[fold] not in set(values[trained])
        assert "BENIGN" in set(flows.label[trained])


def test_a_class_with_fewer_flows_than_folds_is_refused_by_name():
    flows = flows_from_table(dataset_table(counts={"BENIGN": 30, "DOS": 3}, copies=0), benign="BENIGN")
    with pytest.raises(ValueError, match=r"class DOS has 3 flows, but 5 folds.*Lower split.folds to 3"):
        make_split("stratified", flows, **SETTINGS)


def test_an_unknown_protocol_is_refused_with_the_known_ones(flows):
    with pytest.raises(ValueError, match="'kfold'; known are stratified, dedup"):
        make_split("kfold", flows, **SETTINGS)


def test_one_source_cannot_be_left_out(flows):
    one = flows_from_table(dataset_table(counts=COUNTS, sources=dict.fromkeys(COUNTS, "D1")), benign="BENIGN")
    with pytest.raises(ValueError, match="wants two or more"):
        make_split("environment", one, **SETTINGS)


def test_a_split_with_a_flow_on_both_sides_is_refused():
    table = pa.table(
        {
            "row": [0, 1],
            "test_fold": pa.array([0, 0], pa.int16()),
            "train_folds": pa.array([1, 0], pa.uint64()),
        }
    )
    with pytest.raises(ValueError, match="fold 0: row 0 is both"):
        list(fold_rows(table))


def test_equal_rows_share_a_number_and_zero_has_no_sign():
    X = np.array([[1.0, 0.0], [2.0, 3.0], [1.0, -0.0], [2.0, 3.0 + 1e-15]])
    assert vector_numbers(X).tolist() == [0, 1, 0, 1 if 3.0 + 1e-15 == 3.0 else 2]


@pytest.mark.parametrize("n_rows", [1, 7, 1000])
def test_vectors_read_in_blocks_have_the_numbers_of_the_whole_matrix(flows, n_rows):
    X = np.concatenate(list(flows.blocks()))[:1000]
    X[13, 2], X[14] = -0.0, X[13] * 1.0
    X[14, 2] = 0.0
    blocks = [X[begin : begin + n_rows] for begin in range(0, len(X), n_rows)]
    numbers = vector_numbers_of_blocks(blocks)
    np.testing.assert_array_equal(numbers, vector_numbers(X))
    assert numbers[13] == numbers[14] and vector_numbers_of_blocks([]).size == 0


def test_vectors_of_one_hash_are_told_apart_by_the_other(monkeypatch, flows):
    X = np.concatenate(list(flows.blocks()))[:200]
    expected, hashed = vector_numbers(X), duplicates._mixed_hash
    monkeypatch.setattr(
        duplicates, "_mixed_hash", lambda words, start=0: hashed(words, start) * np.uint64(bool(start))
    )
    np.testing.assert_array_equal(vector_numbers_of_blocks([X[:90], X[90:]]), expected)


@pytest.mark.parametrize("name", SPLITS)
def test_splits_of_a_file_are_those_of_the_table(tmp_path, flows, name):
    table = dataset_table(counts=COUNTS, seed=3)
    write_table(table, tmp_path / "flows.parquet")
    read = flows_from_file(tmp_path / "flows.parquet", benign="BENIGN")
    one, other = (make_split(name, given, **SETTINGS) for given in (flows, read))
    assert split_table(one).equals(split_table(other))
    assert describe_split(one, flows) == describe_split(other, read)


def test_bits_of_train_folds_are_folds():
    assert trains_in(np.array([0b101], np.uint64), 0)[0] and not trains_in(np.array([0b101], np.uint64), 1)[0]


def test_a_label_outside_the_class_list_is_named():
    with pytest.raises(ValueError, match="labels DOS, but data.classes are BENIGN"):
        task_truth(dataset_table(counts={"BENIGN": 5, "DOS": 5}), "multiclass", ("BENIGN",), "BENIGN")


def test_the_attack_protocol_is_for_the_binary_task():
    assert splits_of_task(("stratified", "attack"), "multiclass") == ("stratified",)
    assert splits_of_task(("stratified", "attack"), "binary") == ("stratified", "attack")
