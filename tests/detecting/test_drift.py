"""Drift is zero for the same traffic and large for other traffic."""

import numpy as np
import pytest

from iotids.detecting.judging.drift import FEWEST, DriftCounter, psi, reference_bins


def counted(X, Y):
    counter = DriftCounter([f"f{j}" for j in range(X.shape[1])], reference_bins(X))
    for part in np.array_split(Y, 10):
        counter.add(part)
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


def test_nothing_seen_is_no_drift_table():
    assert DriftCounter(["f0"], reference_bins(np.zeros((10, 1)))).result() == []


def test_so_few_flows_that_chance_moves_features_are_said_to_be_too_few():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 3))
    few, enough = (counted(X, rng.standard_normal((n, 3))).values() for n in (FEWEST // 2, FEWEST))
    assert max(d.psi for d in few) > 0.1 and {d.reading for d in few} == {"too few flows"}
    assert {d.reading for d in enough} <= {"alike", "slightly moved"}
