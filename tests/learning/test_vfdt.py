"""The compiled Hoeffding tree equals its slow twin, and Weka where Weka can be run."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

from iotids.learning.baselines.hoeffding.kinds import VfdtSettings
from iotids.learning.baselines.hoeffding.prequential import prequential_scores, run_in_time_order
from iotids.learning.baselines.hoeffding.vfdt import Vfdt
from iotids.learning.baselines.hoeffding.vfdt_kernels import SPLIT, normal_cdf
from tests.crosscheck import weka
from tests.learning.generated_flows import flow_like_features, gaussian_problem
from tests.learning.given import training_data
from tests.naive_vfdt import NaiveVfdt


def flows(n, k, seed, columns=slice(0, 70, 9)):
    y = np.random.default_rng(seed).choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    X = flow_like_features(y, seed=seed, separation=3.0)[:, columns]
    return np.column_stack([X, X[:, 0]]), y  # the last column repeats the first: merits tie


def shape(tree, node=0):
    nodes = tree.nodes
    if nodes.kind[node] != SPLIT:
        return None
    left, right = nodes.child[node]
    return [
        int(nodes.feature[node]),
        pytest.approx(float(nodes.cut[node]), rel=1e-12),
        shape(tree, left),
        shape(tree, right),
    ]


@pytest.mark.parametrize(("k", "seed"), [(2, 0), (2, 1), (3, 2), (5, 3)])
def test_the_compiled_tree_is_the_slow_twins_tree_and_gives_its_scores(k, seed):
    X, y = flows(2500, k, seed)
    fast, slow = Vfdt(tau=0.2), NaiveVfdt(k, X.shape[1], tau=0.2)
    fast.learn_in_order(X, y, np.arange(2000), n_classes=k)
    for x, c in zip(X[:2000].tolist(), y[:2000].tolist(), strict=True):
        slow.learn(x, c)
    assert slow.shape() == shape(fast) and slow.shape() is not None
    wanted = np.array([slow.scores(x) for x in X[2000:].tolist()])
    assert np.abs(fast.scores(X[2000:]) - wanted).max() < 1e-5


def test_a_leaf_of_constants_closes_as_wekas_does():
    fast = Vfdt()
    y = np.arange(600) % 2
    fast.learn_in_order(np.ones((600, 3)), y, np.arange(600), n_classes=2)
    assert fast.facts() == {"nodes": 1, "leaves": 1, "closed_leaves": 1, "height": 1}
    assert fast.scores(np.ones((1, 3)))[0] == pytest.approx([0.5, 0.5])


def test_a_tree_that_outgrows_its_room_is_the_same_tree():
    X, y = flows(30_000, 3, 5)
    roomy, tight = Vfdt(tau=1.0, grace_period=50), Vfdt(tau=1.0, grace_period=50)
    roomy.learn_in_order(X, y, np.arange(y.size), n_classes=3)
    assert roomy.n_nodes > 64
    tight.learn_in_order(X, y, np.arange(y.size), n_classes=3)
    assert np.array_equal(roomy.scores(X), tight.scores(X))
    assert roomy.nodes.child[: roomy.n_nodes].max() == roomy.n_nodes - 1


@pytest.mark.parametrize("leaf", ["majority", "bayes", "adaptive"])
def test_every_kind_of_leaf_learns(leaf):
    X, y, bayes = gaussian_problem(n=20_000, seed=1)
    model = Vfdt(leaf=leaf)
    model.fit(X[:15_000], y[:15_000], n_classes=2, seed=0)
    assert (model.scores(X[15_000:]).argmax(axis=1) == y[15_000:]).mean() > bayes - 0.06


def test_predicting_changes_nothing():
    X, y = flows(1500, 3, 7)
    model = Vfdt()
    model.fit(X, y, n_classes=3, seed=0)
    before = model.scores(X)
    model.scores(X[::-1].copy())
    assert np.array_equal(before, model.scores(X))


def test_an_unknown_leaf_is_refused():
    with pytest.raises(ValueError, match="leaf 'nba'; known are majority"):
        VfdtSettings(leaf="nba")


JAR = Path(os.environ["WEKA_JAR"]) if "WEKA_JAR" in os.environ else None


@pytest.mark.skipif(
    bool(weka.available(JAR)), reason=f"Weka cannot be run: {weka.available(JAR)} (set WEKA_JAR)"
)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("model", ["vfdt", "naive_bayes"])
def test_scores_are_wekas(model, task):
    X, y, k = weka.generated(8000, task)
    found = weka.compare(JAR, model, task, (X[:7000], y[:7000]), (X[7000:], y[7000:]), k)
    assert found.same_class_share == 1.0 and found.score_gap_max < 1e-5


def test_the_normal_distribution_function_is_cephes():
    z = np.concatenate([np.linspace(-38, 9, 20_001), np.random.default_rng(0).normal(0, 3, 5000)])
    ours = np.array([normal_cdf(value) for value in z.tolist()])
    assert np.abs(ours - ndtr(z)).max() <= 2.3e-16
    assert ours == pytest.approx(ndtr(z), rel=1e-13)


def test_values_as_large_as_absolute_times_are_told_apart_as_weka_does():
    """Idle times of the paper's tool mix in absolute times of 1e15 µs: one step of 0.01 is lost in Phi's
    granularity there.
    """
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 1500)
    X = np.column_stack([1.4e15 + 1e14 * y + rng.normal(0, 3e14, 1500), rng.normal(0, 1, 1500) + y])
    fast, slow = Vfdt(), NaiveVfdt(2, 2)
    fast.learn_in_order(X, y, np.arange(1200), n_classes=2)
    for x, c in zip(X[:1200].tolist(), y[:1200].tolist(), strict=True):
        slow.learn(x, c)
    wanted = np.array([slow.scores(x) for x in X[1200:].tolist()])
    assert np.abs(fast.scores(X[1200:]) - wanted).max() < 1e-6


def test_a_prequential_run_tests_every_flow_before_it_learns_it():
    X, y = flows(400, 3, 9)
    order = np.random.default_rng(0).permutation(400)
    scores = prequential_scores(Vfdt(), X, y, order, n_classes=3)
    for position in (1, 37, 399):
        before = Vfdt()
        before.learn_in_order(X, y, order[:position], n_classes=3)
        assert np.array_equal(scores[position], before.scores(X[order[position : position + 1]])[0])
    assert scores[0] == pytest.approx([1 / 3] * 3)


def test_the_run_in_order_of_time_does_not_depend_on_row_order():
    X, y = flows(600, 2, 9)
    start_us = np.random.default_rng(1).permutation(600)
    rows, scores = run_in_time_order(training_data(X, y, n_classes=2, start_us=start_us), VfdtSettings())
    backwards = training_data(X[::-1], y[::-1], n_classes=2, start_us=start_us[::-1])
    rows_again, scores_again = run_in_time_order(backwards, VfdtSettings())
    assert np.array_equal(rows, 599 - rows_again) and np.array_equal(scores, scores_again)
    assert np.array_equal(start_us[rows], np.arange(600))
