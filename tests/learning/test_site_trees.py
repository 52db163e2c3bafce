"""Trees for other sites: what they see, how cells are drawn, and that a site's habits do not decide."""

from dataclasses import replace

import numpy as np
import pytest

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.groups import features_of
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.baselines.site_trees import draw_cells
from iotids.learning.contract import TrainingData, find_kind
from iotids.learning.registry import KINDS
from iotids.learning.runs.onnx_model import OnnxModel


def test_groups_of_features_are_joined_in_the_order_given():
    assert features_of(["context", "flow"]) == (*CONTEXT_NAMES, *MODEL_FEATURE_NAMES)
    assert len(MODEL_FEATURE_NAMES) == 70 and len(CONTEXT_NAMES) == 104


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["flow", "colour"], "unknown group of features colour; known are flow, context"),
        (["flow", "flow"], "named twice: flow, flow"),
    ],
)
def test_a_group_that_is_unknown_or_named_twice_is_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        features_of(groups)


def test_every_class_of_every_site_gives_the_same_number_and_small_ones_all_they_have():
    site = np.repeat([0, 0, 1], [1000, 10, 400])
    truth = np.repeat([0, 1, 0], [1000, 10, 400])
    rows = draw_cells(site, truth, np.zeros(1410, int), per_cell=50, seed=3)
    counts = {
        cell: int(((site[rows] == cell[0]) & (truth[rows] == cell[1])).sum())
        for cell in [(0, 0), (0, 1), (1, 0)]
    }
    assert counts == {(0, 0): 50, (0, 1): 10, (1, 0): 50}
    assert np.array_equal(rows, np.unique(rows))


def test_a_recording_is_drawn_from_by_the_root_of_its_size():
    group = np.repeat([0, 1], [10_000, 100])  # chances 100 to 10 in all
    rows = np.concatenate(
        [draw_cells(np.zeros(10_100), np.zeros(10_100), group, per_cell=50, seed=seed) for seed in range(40)]
    )
    assert (group[rows] == 1).mean() == pytest.approx(10 / 110, abs=0.02)


def sites(*, n, seed, which):
    """Sites with habits of their own in 100 columns; an attack is a large value of the first column."""
    rng = np.random.default_rng(seed)
    site = rng.choice(which, n)
    truth = rng.integers(0, 2, n)
    habits = np.random.default_rng(9).normal(0, 3, (10, 104))
    X = rng.normal(size=(n, 104)) + habits[site]
    X[:, :4] = rng.normal(size=(n, 4)) + 3.0 * truth[:, None]
    zeros = np.zeros(n, np.int64)
    return TrainingData(X, truth, ("BENIGN", "ATTACK"), "BENIGN", zeros, zeros, site)


def test_what_holds_on_every_site_is_found_on_one_that_training_has_not_seen():
    kind = find_kind("site_trees", KINDS)
    model = kind.fit(
        sites(n=3000, seed=1, which=[0, 1, 2, 3, 4]), kind.settings({"min_samples_leaf": 20}), seed=0
    )
    unseen = sites(n=2000, seed=2, which=[7])
    right = model.scores(unseen.features).argmax(axis=1) == unseen.truth
    assert right.mean() > 0.95


def both_groups(data):
    """The same flows, with the 70 columns of the flow before those of the context."""
    flow = np.random.default_rng(0).normal(size=(len(data.truth), 70))
    return replace(data, features=np.hstack([flow, data.features]))


def test_trees_come_from_several_draws_and_say_so_in_onnx_too():
    kind = find_kind("site_forests", KINDS)
    settings = kind.settings(
        {"n_estimators": 12, "draws": 3, "per_cell": 50, "context_leaf": 5, "both_leaf": 5}
    )
    data = both_groups(sites(n=2000, seed=1, which=[0, 1, 2]))
    model = kind.fit(data, settings, seed=0)
    assert len(model.pipeline[-1].estimators_) == 24
    same = OnnxModel(model.to_onnx()).scores(data.features[:200])
    assert np.allclose(same, model.scores(data.features[:200]), atol=1e-6)
    with pytest.raises(ValueError, match="12 trees are not equally many from each of 5 draws"):
        kind.settings({"n_estimators": 12, "draws": 5})


def test_two_forests_without_the_columns_of_the_flow_are_refused():
    kind = find_kind("site_forests", KINDS)
    with pytest.raises(
        ValueError, match=r"104 columns; site_forests wants the 70 of the flow .*integrate.features"
    ):
        kind.fit(sites(n=200, seed=1, which=[0, 1]), kind.settings({}), seed=0)
