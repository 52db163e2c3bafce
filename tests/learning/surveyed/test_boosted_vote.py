"""[17]: correntropy ranks the feature that separates first; members that each see a part vote better than any alone."""

import numpy as np
import pytest

from iotids.learning.baselines.surveyed.correntropy import correntropy_by_feature, least_alike
from iotids.learning.registry import KINDS
from tests.learning.generated_flows import gaussian_problem
from tests.learning.given import fitted

RNG = np.random.default_rng(0)


def test_correntropy_of_two_flows_is_the_formula():
    x = np.array([[np.e - 1, 5.0], [np.e**3 - 1, 5.0]])  # logarithms 1 and 3: 2 standard deviations apart
    got = correntropy_by_feature(x, np.array([False, True]), max_rows=9, rng=RNG)
    width = 1.06 * 2**-0.2
    assert got == pytest.approx([np.exp(-4 / (2 * width**2)), 1.0])


def test_the_features_that_separate_are_ranked_first():
    X, y, _ = gaussian_problem(n=2000, seed=1, n_features=8)
    X[:, 5] += 3.0 * y
    similarity = correntropy_by_feature(X, y > 0, max_rows=500, rng=RNG)
    assert list(least_alike(similarity, 2)) == [0, 5]


def test_without_attacks_there_is_no_rank_and_the_first_features_are_taken():
    similarity = correntropy_by_feature(RNG.normal(size=(30, 5)), np.zeros(30, bool), max_rows=9, rng=RNG)
    assert list(least_alike(similarity, 3)) == [0, 1, 2]


def stripes(n, seed):
    """A class by stripes of one feature, which no single normal per class separates."""
    X = np.random.default_rng(seed).normal(size=(n, 4))
    return X, (np.sin(4 * X[:, 0]) > 0).astype(np.int64)


def accuracy(members, rounds, depth=6):
    X, y = stripes(1500, 1)
    X_test, y_test = stripes(2000, 2)
    model = fitted(
        "boosted_vote", X, y, n_classes=2, members=members, rounds=rounds, tree_depth=depth, epochs=3
    )
    return (model.scores(X_test).argmax(axis=1) == y_test).mean()


def test_the_ensemble_is_as_good_as_its_best_member_where_another_is_near_chance():
    bayes, tree, all_three = accuracy("bayes", 1), accuracy("tree", 1), accuracy("tree-bayes-network", 12)
    assert bayes < 0.7 < 0.9 < tree <= all_three + 0.02


def test_boosting_weak_trees_gains():
    assert accuracy("tree", 12, depth=2) > accuracy("tree", 1, depth=2) + 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": "tree-forest"}, "unknown 'forest'; known are tree, bayes, network"),
        ({"members": ""}, "unknown ''"),
        ({"rounds": 0}, "rounds is 0"),
        ({"n_features": 0}, "n_features is 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        KINDS["boosted_vote"].settings(settings)
