"""Flows like training are familiar, flows unlike it are unknown."""

import numpy as np
import pytest

from iotids.detecting.judging.novelty import (
    balanced_rows,
    find_prototypes,
    held_out_distances,
    learn_novelty,
    nearest,
    novelty_from_plain,
    novelty_to_plain,
)
from iotids.detecting.judging.reasons import explain_strange, no_reasons


def clusters(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(3, size=n)
    return np.exp(rng.standard_normal((n, 6)) * 0.2 + np.array([2.0, 6.0, 10.0])[classes][:, None]), classes


def test_nearest_equals_the_search_by_hand():
    rng = np.random.default_rng(1)
    points, prototypes = (
        rng.standard_normal((500, 5)).astype(np.float32),
        rng.standard_normal((9, 5)).astype(np.float32),
    )
    by_hand = np.sqrt(((points[:, None] - prototypes) ** 2).mean(axis=2))
    distance, number = nearest(points, prototypes)
    assert np.array_equal(number, by_hand.argmin(axis=1))
    assert np.allclose(distance, by_hand.min(axis=1), atol=1e-5)


def test_held_out_flows_of_the_same_kind_are_about_as_near_as_the_quantile_says():
    X, classes = clusters(6000)
    fold = np.arange(len(X)) % 5
    _, distances = held_out_distances(X, classes, fold, prototypes=32, seed=0)
    novelty = learn_novelty(X, classes, prototypes=32, seed=0, threshold=float(np.quantile(distances, 0.99)))
    fresh, _ = clusters(6000, seed=9)
    assert 0.002 < (novelty.distances(fresh) > novelty.threshold).mean() < 0.03


def test_a_cluster_that_was_not_in_training_is_far():
    X, classes = clusters()
    novelty = learn_novelty(X[classes < 2], classes[classes < 2], prototypes=32, seed=0)
    assert novelty.distances(X[classes == 2]).min() > 3 * novelty.distances(X[classes < 2]).max()


def test_one_strange_feature_is_named_first():
    X, classes = clusters()
    novelty = learn_novelty(X, classes, prototypes=32, seed=0)
    odd = X[:20].copy()
    odd[:, 4] *= 1e6
    scaled = novelty.scale(odd)
    reasons = no_reasons(20)
    explain_strange(reasons, np.arange(20), scaled, nearest(scaled, novelty.prototypes)[1], novelty)
    assert (reasons.feature[:, 0] == 4).all()
    assert (reasons.weight[:, 0] > 0).all()
    assert reasons.given.all()


def test_rare_classes_have_prototypes():
    X, _ = clusters(4000)
    classes = np.zeros(4000, int)
    X[:5], classes[:5] = 1e12, 1
    assert learn_novelty(X, classes, prototypes=16, seed=0).distances(X[:5]).max() < 0.1


def test_equal_flows_have_one_prototype():
    assert find_prototypes(np.ones((100, 3), np.float32), 10, seed=0).shape == (1, 3)


def test_the_same_seed_gives_the_same_prototypes():
    X, classes = clusters()
    first, second = (learn_novelty(X, classes, prototypes=16, seed=3).prototypes for _ in range(2))
    assert np.array_equal(first, second)


def test_json_keeps_every_distance():
    X, classes = clusters()
    novelty = learn_novelty(X, classes, prototypes=16, seed=0, threshold=0.5)
    assert np.array_equal(novelty_from_plain(novelty_to_plain(novelty)).distances(X), novelty.distances(X))


@pytest.mark.parametrize("n", [3, 30, 10_000])
def test_balanced_rows_take_all_of_a_rare_class(n):
    classes = np.repeat([0, 1, 2], [5000, 4, 300])
    rows = balanced_rows(classes, n, seed=0)
    assert np.array_equal(rows, np.unique(rows))
    assert (classes[rows] == 1).sum() == min(4, max(1, n // 3))
