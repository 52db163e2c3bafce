"""Every method finds the features that matter, inside the fold; copies of a feature are chosen once where that is meant."""

import numpy as np
import pytest

from iotids.learning.baselines.surveyed.feature_ranking import METHODS, choose_features, largest, relevance
from iotids.learning.baselines.surveyed.fewer_features import METHOD_NAMES
from iotids.learning.registry import KINDS
from tests.learning.given import fitted


def problem(n=1200, seed=0):
    """Three classes; features 3 and 8 move with the class, 9 is a copy of 8, 11 is constant."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    X = rng.normal(size=(n, 12))
    X[:, 3] += 2.5 * (y == 1)
    X[:, 8] += 2.5 * (y == 2)
    X[:, 9] = X[:, 8] + 0.01 * rng.normal(size=n)
    X[:, 11] = 4.0
    return X, y


def test_the_names_that_settings_know_are_the_methods():
    assert tuple(METHODS) == METHOD_NAMES


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_features_that_matter(method):
    X, y = problem()
    chosen = choose_features(method, X, y, n_features=3, max_rows=2000, seed=1)
    assert 3 in chosen and {8, 9} & set(chosen) and 11 not in chosen and len(set(chosen)) == 3


@pytest.mark.parametrize("method", ["mrmr", "clusters"])
def test_a_copy_is_not_chosen_beside_its_original(method):
    X, y = problem()
    chosen = choose_features(method, X, y, n_features=2, max_rows=2000, seed=1)
    assert 3 in chosen and len({8, 9} & set(chosen)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_any_number_can_be_wanted(method):
    X, y = problem(n=300)
    for m in (1, 5, 11, 12):
        assert len(set(choose_features(method, X, y, n_features=m, max_rows=300, seed=1))) == m


def test_what_is_no_number_comes_last():
    assert list(largest(np.array([np.nan, 2.0, 1.0, np.nan]), 3)) == [0, 1, 2]


def test_the_statistic_of_a_constant_column_is_zero():
    X, y = problem()
    assert relevance(X, y)[11] == 0 and relevance(X, y).argmax() in (3, 8, 9)


def test_two_features_are_as_good_as_twelve_here_and_one_is_not():
    (X, y), (X_test, y_test) = problem(), problem(seed=9)
    accuracy = {
        m: (
            fitted("fewer_features", X, y, n_classes=3, n_features=m, method="mrmr")
            .scores(X_test)
            .argmax(axis=1)
            == y_test
        ).mean()
        for m in (1, 2, 12)
    }
    assert accuracy[2] > accuracy[12] - 0.03 > accuracy[1]


def test_more_features_than_flows_have_are_refused():
    X, y = problem(n=60)
    with pytest.raises(ValueError, match="n_features is 13; flows have 12 features"):
        fitted("fewer_features", X, y, n_classes=3, n_features=13)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "luck"}, "method is 'luck'; known are mutual_information"),
        ({"classifier": "svm"}, "classifier is 'svm'; known are logistic_regression"),
        ({"n_features": 0}, "n_features is 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        KINDS["fewer_features"].settings(settings)
