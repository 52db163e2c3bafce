"""Drift is zero for the same traffic and large for other traffic."""

import numpy as np
import pytest

from iotids.detecting.judging.drift import FEWEST, DriftCounter, count_in_bins, psi, reference_bins


def counted(X, Y):
    counter = DriftCounter([f"f{j}" for j in range(X.shape[1])], reference_bins(X))
    for part in np.array_split(Y, 10):
        counter.add(part, np.arange(len(part)))
    return {d.feature: d for d in counter.result()}


def test_the_same_distribution_does_not_drift():
    rng = np.random.default_rng(0)
    drift = counted(rng.standard_normal((20_000, 3)), rng.standard_normal((20_000, 3)))
    assert max(d.psi for d in drift.values()) < 0.02
    assert max(d.ks for d in drift.values()) < 0.03


def test_only_the_feature_that_moved_is_said_to_have_moved():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20_000, 3)), rng.standard_normal((20_000, 3))
    Y[:, 1] += 2.0
    assert {name: d.reading for name, d in counted(X, Y).items()} == {
        "f0": "alike",
        "f1": "moved",
        "f2": "alike",
    }


def test_a_constant_feature_that_takes_a_new_value_has_moved():
    X, Y = np.zeros((1000, 1)), np.r_[np.zeros((500, 1)), np.ones((500, 1))]
    drift = counted(X, Y)["f0"]
    assert drift.reading == "moved"
    assert drift.ks == pytest.approx(0.5)


def test_psi_of_two_bins_by_hand():
    assert psi(np.array([0.6, 0.4]), np.array([0.5, 0.5])) == pytest.approx(
        0.1 * np.log(1.2) + -0.1 * np.log(0.8)
    )


def test_bins_are_those_of_a_search_by_numpy():
    rng = np.random.default_rng(0)
    edges = [np.unique(rng.integers(0, 9, n)).astype(float) for n in (1, 5, 30)]
    X = rng.integers(-1, 10, (200, 3)) + rng.choice([0.0, 0.5, np.inf, np.nan], (200, 3))
    rows, first = rng.permutation(200)[:150], np.cumsum([0, *(part.size + 1 for part in edges)])
    counts = np.zeros(first[-1], np.int64)
    count_in_bins(X, rows, np.concatenate([[*part, np.inf] for part in edges]), first, counts)
    by_hand = [np.bincount(np.searchsorted(e, X[rows, j]), minlength=e.size + 1) for j, e in enumerate(edges)]
    assert np.array_equal(counts, np.concatenate(by_hand))


def test_nothing_seen_is_no_drift_table():
    assert DriftCounter(["f0"], reference_bins(np.zeros((10, 1)))).result() == []


def test_so_few_flows_that_chance_moves_features_are_said_to_be_too_few():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 3))
    few, enough = (counted(X, rng.standard_normal((n, 3))).values() for n in (FEWEST // 2, FEWEST))
    assert max(d.psi for d in few) > 0.1 and {d.reading for d in few} == {"too few flows"}
    assert {d.reading for d in enough} <= {"alike", "slightly moved"}
