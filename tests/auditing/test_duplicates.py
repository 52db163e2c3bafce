"""Fingerprints, copies, contradictions and twins, checked by hand and against a slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotids.auditing.duplicates import (
    count_duplicates,
    count_twins,
    fold_in_column,
    number_vectors,
    round_to_digits,
)


def vectors_of(rows: list[list[float]], digits: int | None = None) -> list[int]:
    prints = np.zeros(len(rows), dtype=np.uint64)
    for number, column in enumerate(np.array(rows, dtype=np.float64).T, start=1):
        prints = fold_in_column(prints, np.ascontiguousarray(column), number, digits)
    return number_vectors(prints)[0].tolist()


@settings(max_examples=200)
@given(
    st.lists(
        st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e15, 0.1, -1.0]), min_size=3, max_size=3),
        min_size=1,
        max_size=40,
    )
)
def test_rows_have_equal_fingerprints_exactly_when_they_are_equal(rows: list[list[float]]) -> None:
    numbers = vectors_of(rows)
    for one, first in zip(numbers, rows):
        for other, second in zip(numbers, rows):
            assert (one == other) == (first == second)


def test_swapped_values_are_another_vector() -> None:
    assert len(set(vectors_of([[1.0, 2.0], [2.0, 1.0], [1.5, 1.5]]))) == 3


def test_rounding_makes_near_rows_equal() -> None:
    assert round_to_digits(np.array([0.0, 1234.5, -0.0012345, 9.996]), 3).tolist() == pytest.approx(
        [0.0, 1230.0, -0.00123, 10.0]
    )
    assert len(set(vectors_of([[1000.4, 5.0], [1000.3, 5.0]]))) == 2
    assert len(set(vectors_of([[1000.4, 5.0], [1000.3, 5.0]], digits=3))) == 1


def test_copies_and_contradictions_are_counted() -> None:
    vectors = np.array([0, 0, 0, 1, 1, 2])
    labels = np.array([0, 0, 1, 1, 1, 0])
    counts = count_duplicates(vectors, 3, labels, ["BENIGN", "DOS"])
    assert counts["distinct"] == 3
    assert counts["copies_share"] == 0.5
    assert counts["copies_share_per_class"] == {"BENIGN": 1 / 3, "DOS": 1 / 3}
    assert counts["largest_group"] == 3
    assert (counts["conflicting_vectors"], counts["conflicting_rows"]) == (1, 3)
    assert counts["conflicting_rows_per_pair"] == {"BENIGN/DOS": 3}
    assert counts["best_possible_accuracy"] == 5 / 6


def test_twins_are_test_rows_whose_vector_was_trained_on_in_the_same_fold() -> None:
    vectors = np.array([0, 0, 1, 1, 2, 3])
    split = {
        "row": np.arange(6),
        "test_fold": np.array([0, 1, 0, 0, 1, -1], dtype=np.int16),
        "train_folds": np.array([0b10, 0b01, 0b10, 0b10, 0b01, 0b11], dtype=np.uint64),
    }
    assert count_twins(vectors, 4, split) == [
        {"fold": 0, "test_rows": 3, "twins": 1},
        {"fold": 1, "test_rows": 2, "twins": 1},
    ]


def test_rows_left_out_of_training_are_no_twins() -> None:
    split = {
        "row": np.arange(2),
        "test_fold": np.array([0, -1], dtype=np.int16),
        "train_folds": np.array([0, 0], dtype=np.uint64),
    }
    assert count_twins(np.array([0, 0]), 1, split) == [{"fold": 0, "test_rows": 1, "twins": 0}]


def test_split_of_another_dataset_is_refused() -> None:
    split = {
        "row": np.arange(3),
        "test_fold": np.zeros(3, dtype=np.int16),
        "train_folds": np.zeros(3, dtype=np.uint64),
    }
    with pytest.raises(ValueError, match="cut from another dataset"):
        count_twins(np.array([0, 1]), 2, split)


def test_fold_63_can_be_read_from_the_bits() -> None:
    split = {
        "row": np.arange(2),
        "test_fold": np.array([63, -1], dtype=np.int16),
        "train_folds": np.array([0, 1 << 63], dtype=np.uint64),
    }
    assert count_twins(np.array([0, 0]), 1, split)[0]["twins"] == 1
