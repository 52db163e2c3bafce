"""The leaf we gave River's Hoeffding tree splits as River's own does, and does not fall into its trap."""

import numpy as np
import pytest
from river.tree import HoeffdingTreeClassifier
from river.tree.split_criterion import InfoGainSplitCriterion
from river.tree.splitter import GaussianSplitter

from iotids.learning.baselines.hoeffding.frozen_tree import bayes_logs
from iotids.learning.baselines.hoeffding.leaf_kernels import judge_and_take_in, no_statistics
from iotids.learning.baselines.hoeffding.river_tree import HoeffdingTree, WekaLeaf, WekaLikeTree
from tests.learning.generated_flows import flow_like_features, gaussian_problem


def test_split_suggestions_are_those_of_rivers_gaussian_splitter():
    y = np.random.default_rng(0).integers(0, 3, 400)
    X = flow_like_features(y, seed=1)[:, ::7]
    tree = WekaLikeTree(n_classes=3, n_features=X.shape[1])
    leaf, splitters = WekaLeaf({}, 0, 3, X.shape[1]), [GaussianSplitter() for _ in range(X.shape[1])]
    for x, c in zip(X, y.tolist(), strict=True):
        leaf.learn_one(x, c, tree=tree)
        for splitter, value in zip(splitters, x.tolist(), strict=True):
            splitter.update(value, c, 1.0)
    criterion = InfoGainSplitCriterion(0.01)
    ours = {s.feature: s for s in leaf.best_split_suggestions(criterion, tree) if s.feature is not None}
    for j, splitter in enumerate(splitters):
        river = splitter.best_evaluated_split_suggestion(criterion, leaf.stats, j, False)
        assert (river.feature is None) == (j not in ours)
        if river.feature is not None:
            assert ours[j].merit == pytest.approx(river.merit, abs=1e-9) and ours[
                j
            ].split_info == pytest.approx(river.split_info)


def test_compiled_code_judges_and_learns_as_the_arithmetic_of_whole_arrays_does():
    y = np.random.default_rng(0).integers(0, 3, 400)
    X = flow_like_features(y, seed=1)
    leaf = no_statistics(3, X.shape[1])
    for row, (x, c) in enumerate(zip(X, y.tolist(), strict=True)):
        judged = bayes_logs(x, leaf.seen, leaf.bayes_mean, leaf.bayes_std).argmax()
        assert judge_and_take_in(leaf, x, c) == (judged == c)
        mine = X[: row + 1][y[: row + 1] == c]
        assert leaf.seen[c] == len(mine) and np.array_equal(leaf.lowest[c], mine.min(axis=0))
        np.testing.assert_allclose(leaf.mean[c], mine.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(
            leaf.bayes_std[c], np.maximum(mine.round(2).std(axis=0), 0.01 / 6), rtol=1e-4
        )


def test_the_first_splits_are_rivers_own():
    """Further down they part: sums of inherited fractions differ in the last bit, so an attempt comes a row
    sooner or later.
    """
    y = np.random.default_rng(3).integers(0, 3, 6000)
    X = flow_like_features(y, seed=4, separation=4.0)[:, ::7]
    river, ours = HoeffdingTreeClassifier(max_share_to_split=1.0, tau=0.2), HoeffdingTree(tau=0.2)
    for row in np.random.default_rng(0).permutation(y.size):
        river.learn_one(dict(enumerate(X[row].tolist())), int(y[row]))
    ours.fit(X, y, n_classes=3, seed=0)
    pairs = [(ours.tree._root, river._root)]
    for _ in range(2):
        pairs += [
            both
            for a, b in pairs
            for both in zip(a.children, b.children, strict=True)
            if hasattr(a, "threshold")
        ][:2]
    splits = [(a, b) for a, b in pairs if hasattr(a, "threshold")]
    assert len(splits) >= 3
    assert all(a.feature == b.feature and a.threshold == pytest.approx(b.threshold) for a, b in splits)


def test_a_class_seen_once_does_not_win_a_row_of_another_class():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(1e6, 1e4, (50, 20)), np.full((1, 20), 5e8)])
    y = np.array([0] * 50 + [1])
    model = HoeffdingTree()
    model.fit(X, y, n_classes=2, seed=0)
    assert model.frozen.by_bayes.tolist() == [True]
    assert model.scores(np.full((1, 20), 1e6))[0, 0] > 0.999


def test_predicting_does_not_learn():
    X, y, _ = gaussian_problem(n=1000, seed=0)
    model = HoeffdingTree()
    model.fit(X, y, n_classes=2, seed=0)
    assert np.array_equal(model.scores(X), model.scores(X[::-1])[::-1])


def test_another_order_of_rows_gives_another_tree_or_other_scores():
    X, y, _ = gaussian_problem(n=3000, seed=0)
    one, two = HoeffdingTree(), HoeffdingTree()
    one.fit(X, y, n_classes=2, seed=0)
    two.fit(X, y, n_classes=2, seed=1)
    assert not np.array_equal(one.scores(X), two.scores(X))
