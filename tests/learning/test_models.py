"""Every baseline of the registry keeps the same contract; a new model is tested by being registered."""

import numpy as np
import pytest

from iotids.learning.baselines.registry import MODELS, find_model
from iotids.learning.scores.scores import score_predictions
from tests.learning.generated_flows import flow_like_features, gaussian_problem

BY_FEATURES = [name for name, model in MODELS.items() if model.sees == "features"]
KNOWS_NOTHING = ["majority"]
LEARNS = [name for name in BY_FEATURES if name not in KNOWS_NOTHING]
# how far below the Bayes accuracy a model may stay on 4,000 training rows of two normals 2 apart: see
# docs/evaluation.md
DISTANCE = {"decision_tree": 0.10, "nearest_neighbour": 0.12, "extra_trees": 0.04, "random_forest": 0.04}
USUAL_DISTANCE = 0.025


def problem(n=600, k=3, seed=0):
    y = np.random.default_rng(seed).integers(0, k, n)
    return flow_like_features(y, seed=seed), y


def fitted_scores(name, X, y, X_test, *, n_classes, seed=0):
    model = find_model(name).make()
    model.fit(X, y, n_classes=n_classes, seed=seed)
    return model.predict_scores(X_test)


def features_for(name, X, y):
    return X if MODELS[name].sees == "features" else (y % 2).astype(float)[:, None]


@pytest.mark.parametrize("name", MODELS)
def test_scores_have_a_row_per_flow_and_a_column_per_class_and_sum_to_one(name):
    X, y = problem()
    X = features_for(name, X, y)
    scores = fitted_scores(name, X[:500], y[:500], X[500:], n_classes=4)
    assert scores.shape == (100, 4) and np.isfinite(scores).all() and (scores >= 0).all()
    assert scores.sum(axis=1) == pytest.approx(np.ones(100))


@pytest.mark.parametrize("name", MODELS)
def test_inputs_are_not_written_to(name):
    X, y = problem()
    X = features_for(name, X, y)
    before = X.copy(), y.copy()
    X.flags.writeable, y.flags.writeable = False, False
    fitted_scores(name, X, y, X, n_classes=3)
    assert np.array_equal(X, before[0]) and np.array_equal(y, before[1])


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_scores(name):
    X, y = problem()
    X = features_for(name, X, y)
    one, two = (fitted_scores(name, X[:500], y[:500], X[500:], n_classes=3, seed=5) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("name", LEARNS)
def test_a_known_problem_is_solved_within_the_documented_distance_of_bayes(name):
    X, y, bayes = gaussian_problem(n=4000, seed=1)
    X_test, y_test, _ = gaussian_problem(n=8000, seed=2)
    accuracy = (fitted_scores(name, X, y, X_test, n_classes=2).argmax(axis=1) == y_test).mean()
    assert bayes - DISTANCE.get(name, USUAL_DISTANCE) < accuracy < bayes + 0.015


@pytest.mark.parametrize("name", BY_FEATURES)
def test_shuffled_labels_score_like_chance(name):
    X, y, _ = gaussian_problem(n=3000, seed=3)
    X_test, y_test, _ = gaussian_problem(n=3000, seed=4)
    shuffled = np.random.default_rng(0).permutation(y)
    got = score_predictions(
        y_test, fitted_scores(name, X, shuffled, X_test, n_classes=2), ("BENIGN", "ATTACK")
    )
    assert 0.38 < got["balanced_accuracy"] < 0.62 and 0.38 < got["roc_auc"] < 0.62


@pytest.mark.parametrize("name", MODELS)
def test_a_class_missing_in_training_gets_next_to_no_score(name):
    X, y = problem()
    X = features_for(name, X, y)
    known = y != 1
    scores = fitted_scores(name, X[known], y[known], X, n_classes=3)
    # Weka's naive Bayes gives an unseen class its Laplace prior and a normal around 0, so it may win a row of
    # zeros
    assert (scores.argmax(axis=1) == 1).mean() < 0.01


@pytest.mark.parametrize("name", MODELS)
def test_one_class_only_is_learned_as_such(name):
    X, _ = problem()
    X = features_for(name, X, np.zeros(X.shape[0], int))
    scores = fitted_scores(name, X, np.full(X.shape[0], 2), X, n_classes=3)
    assert (scores.argmax(axis=1) == 2).mean() > 0.99


@pytest.mark.parametrize("name", BY_FEATURES)
def test_constant_columns_do_no_harm(name):
    X, y, _ = gaussian_problem(n=2000, seed=5)
    constant = np.column_stack([X, np.full(2000, 7.0), np.zeros(2000), np.full(2000, 1e9)])
    plain, padded = (
        fitted_scores(name, part[:1000], y[:1000], part[1000:], n_classes=2).argmax(axis=1)
        for part in (X, constant)
    )
    assert (padded == y[1000:]).mean() > (plain == y[1000:]).mean() - 0.03


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", MODELS)
def test_a_feature_that_is_no_number_is_refused_by_place(name, bad):
    X, y = problem()
    X = features_for(name, X, y).copy()
    X[17, -1] = bad
    with pytest.raises(ValueError, match=r"of row 17 is (nan|inf)"):
        find_model(name).make().fit(X, y, n_classes=3, seed=0)


@pytest.mark.parametrize("name", MODELS)
def test_an_empty_training_part_is_refused(name):
    with pytest.raises(ValueError, match="has no rows"):
        find_model(name).make().fit(np.zeros((0, 1)), np.zeros(0, int), n_classes=2, seed=0)


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match="'svm'; known are hoeffding_tree, vfdt"):
        find_model("svm")


def test_the_oracle_answers_with_the_shares_of_the_source_and_with_all_shares_for_a_new_one():
    X, y = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([0, 0, 1, 1])
    scores = fitted_scores("dataset_oracle", X, y, np.array([[0.0], [1.0], [2.0]]), n_classes=2)
    assert scores == pytest.approx(np.array([[2 / 3, 1 / 3], [0, 1], [0.5, 0.5]]))


def test_the_best_single_feature_is_the_informative_one():
    X, y, _ = gaussian_problem(n=2000, seed=6)
    model = find_model("best_single_feature").make()
    model.fit(X[:, ::-1].copy(), y, n_classes=2, seed=0)
    assert model.facts()["feature_number"] == X.shape[1] - 1
