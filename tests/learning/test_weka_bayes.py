"""Naive Bayes is Weka's by hand-checked numbers and by a slow version that follows its text."""

import math
from itertools import pairwise

import numpy as np
import pytest

from iotids.learning.baselines.weka_bayes import WekaNaiveBayes, mean_gap
from tests.learning.generated_flows import flow_like_features


def phi(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def slow_posterior(X, y, x, k):
    """One row's posterior, attribute by attribute, class by class."""
    scores = [(np.sum(y == c) + 1) / (y.size + k) for c in range(k)]
    for j in range(X.shape[1]):
        values = sorted(set(X[:, j].tolist()))
        precision = sum(b - a for a, b in pairwise(values)) / (len(values) - 1) if len(values) > 1 else 0.01
        for c in range(k):
            own = [float(np.rint(v / precision)) * precision for v in X[y == c, j]]
            mean = sum(own) / len(own) if own else 0.0
            spread = math.sqrt(sum((v - mean) ** 2 for v in own) / len(own)) if own else 0.0
            std = max(spread, precision / 6)
            offset = float(np.rint(x[j] / precision)) * precision - mean
            mass = phi((offset + precision / 2) / std) - phi((offset - precision / 2) / std)
            scores[c] *= max(mass / precision, 1e-75)
        if 0 < max(scores) < 1e-75:
            scores = [s * 1e75 for s in scores]
    return np.array(scores) / sum(scores)


@pytest.mark.parametrize("seed", range(3))
def test_posteriors_are_those_of_the_slow_version(seed):
    y = np.random.default_rng(seed).integers(0, 3, 300)
    X = flow_like_features(y, seed=seed)[:, ::5]
    model = WekaNaiveBayes()
    model.fit(X[:250], y[:250], n_classes=3)
    wanted = np.array([slow_posterior(X[:250], y[:250], x, 3) for x in X[250:]])
    assert model.scores(X[250:]) == pytest.approx(wanted, abs=1e-6)


def test_precision_is_the_mean_gap_between_distinct_values():
    assert mean_gap(np.array([1.0, 1.0, 2.0, 5.0])) == pytest.approx(2.0)
    assert mean_gap(np.array([3.0, 3.0])) == 0.01


def test_the_prior_is_laplaces():
    model = WekaNaiveBayes()
    model.fit(np.zeros((4, 1)), np.array([0, 0, 0, 1]), n_classes=3)
    assert model.prior == pytest.approx([4 / 7, 2 / 7, 1 / 7])


def test_the_spread_has_a_floor_of_a_sixth_of_the_precision():
    model = WekaNaiveBayes()
    model.fit(np.array([[0.0], [0.0], [6.0], [6.0]]), np.array([0, 0, 1, 1]), n_classes=2)
    assert model.precision[0] == 6.0 and model.std[:, 0] == pytest.approx([1.0, 1.0])


def test_a_class_that_underflows_stays_at_zero():
    X = np.vstack([np.zeros((50, 6)), np.full((50, 6), 1e9)])
    y = np.repeat([0, 1], 50)
    model = WekaNaiveBayes()
    model.fit(X, y, n_classes=2)
    row = np.array([[0.0] * 5 + [1e9]])
    assert model.scores(row).argmax() == 0
