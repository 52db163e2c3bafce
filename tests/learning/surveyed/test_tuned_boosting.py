"""Boosting whose settings are searched inside the fold is at least near the Bayes rate, and says what it chose."""

import pytest

from iotids.learning.baselines.surveyed.tuned_boosting import SPACE
from iotids.learning.registry import KINDS
from tests.learning.generated_flows import gaussian_problem
from tests.learning.given import fitted


def test_a_known_problem_is_solved_near_bayes_and_the_choice_is_said():
    X, y, bayes = gaussian_problem(n=2000, seed=1)
    X_test, y_test, _ = gaussian_problem(n=6000, seed=2)
    model = fitted("tuned_boosting", X, y, n_classes=2, trials=4)
    assert bayes - 0.04 < (model.scores(X_test).argmax(axis=1) == y_test).mean() < bayes + 0.015
    chosen = model.facts()["chosen"]
    assert set(chosen) == set(SPACE) and all(chosen[name] in SPACE[name] for name in SPACE)


def test_one_inner_part_is_refused():
    with pytest.raises(ValueError, match="inner_folds is 1"):
        KINDS["tuned_boosting"].settings({"inner_folds": 1})
