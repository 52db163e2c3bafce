"""Intervals cover what they should, groups count as wholes, and base rates are Bayes' rule."""

import numpy as np
import pytest

from iotids.learning.scores.alarms import expected_alarms
from iotids.learning.scores.comparisons import (
    bootstrap_intervals,
    bootstrap_scores,
    check_same_flows,
    group_confusions,
    percentile_interval,
    scores_of_confusions,
    wilcoxon_signed_rank,
)
from iotids.learning.scores.confusions import averages, confusion_matrix


def predictions(seed, n=900, k=3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    predicted = np.where(rng.random(n) < 0.7, truth, rng.integers(0, k, n))
    return truth, predicted, rng.integers(0, 12, n)


def test_group_confusions_add_up_to_the_whole():
    truth, predicted, group = predictions(0)
    assert np.array_equal(
        group_confusions(truth, predicted, group, 3).sum(axis=0), confusion_matrix(truth, predicted, 3)
    )


FULL, CLASS_ABSENT, ONE_PREDICTED = (
    [[5, 1, 0], [2, 4, 1], [0, 1, 7]],
    [[5, 1, 0], [0, 0, 0], [0, 1, 7]],
    [[4, 0, 0], [3, 0, 0], [0, 0, 0]],
)


@pytest.mark.parametrize("confusion", [FULL, CLASS_ABSENT, ONE_PREDICTED])
def test_scores_of_many_matrices_are_those_of_each(confusion):
    many, one = scores_of_confusions(np.array([confusion, confusion])), averages(np.array(confusion))
    for name, values in many.items():
        assert values == pytest.approx([one[name], one[name]])


def test_the_interval_holds_the_score_and_is_the_same_for_the_same_seed():
    parts = group_confusions(*predictions(1), 3)
    found = bootstrap_intervals(parts, seed=4)["accuracy"]
    assert found.low < found.value < found.high and found.groups == 12
    assert found == bootstrap_intervals(parts, seed=4)["accuracy"]


def test_groups_that_succeed_or_fail_as_a_whole_give_a_wide_interval():
    truth, group = np.zeros(1000, int), np.repeat(np.arange(10), 100)
    by_group, by_flow = (group < 8).astype(int) ^ 1, (np.arange(1000) % 10 >= 8).astype(int)
    wide, narrow = (
        bootstrap_intervals(group_confusions(truth, p, group, 2))["accuracy"] for p in (by_group, by_flow)
    )
    assert wide.value == narrow.value == 0.8
    assert wide.high - wide.low > 0.3 and narrow.high - narrow.low == 0.0


def test_coverage_is_near_the_level():
    """200 samples of 40 groups whose accuracy varies by group: the true mean lies inside about 95 % of the
    intervals.
    """
    rng, inside = np.random.default_rng(2), 0
    for seed in range(200):
        hits = rng.binomial(50, rng.beta(8, 2, 40))
        parts = np.zeros((40, 2, 2), int)
        parts[:, 0, 0], parts[:, 0, 1] = hits, 50 - hits
        found = bootstrap_intervals(parts, seed=seed, resamples=400)["accuracy"]
        inside += found.low <= 0.8 <= found.high
    assert 0.88 <= inside / 200 <= 0.99


def difference(first, second):
    """Interval of the accuracy of the first model minus the second's, both on the same resampled groups."""
    drawn = [bootstrap_scores(parts)["accuracy"] for parts in (first, second)]
    value = [scores_of_confusions(parts.sum(axis=0))["accuracy"] for parts in (first, second)]
    return percentile_interval(float(value[0] - value[1]), drawn[0] - drawn[1], len(first))


def test_a_model_does_not_differ_from_itself():
    parts = group_confusions(*predictions(1), 3)
    found = difference(parts, parts)
    assert found.value == found.low == found.high == 0.0


def test_a_better_model_has_an_interval_above_zero():
    truth, predicted, group = predictions(3)
    better = np.where(np.random.default_rng(0).random(truth.size) < 0.5, truth, predicted)
    assert difference(*(group_confusions(truth, p, group, 3) for p in (better, predicted))).low > 0


def test_models_tested_on_other_flows_are_not_compared():
    truth, predicted, group = predictions(3)
    fewer = group_confusions(truth[:-1], predicted[:-1], group[:-1], 3)
    with pytest.raises(ValueError, match="tested on different flows"):
        check_same_flows(group_confusions(truth, predicted, group, 3), fewer)


def test_one_group_has_no_interval():
    truth, predicted, _ = predictions(0)
    one = group_confusions(truth, predicted, np.zeros(truth.size), 3)
    assert np.isnan(bootstrap_intervals(one)["accuracy"].low)


def test_five_folds_cannot_be_significant_by_wilcoxon():
    assert wilcoxon_signed_rank([0.9, 0.91, 0.92, 0.93, 0.94], [0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(
        0.0625
    )
    assert np.isnan(wilcoxon_signed_rank([0.9, 0.9], [0.9, 0.9]))


def test_precision_at_a_low_base_rate_is_bayes_rule():
    found = expected_alarms(recall=0.99, fpr=0.01, base_rate=1e-3, flows_per_day=100_000)
    assert found.precision == pytest.approx(0.0902, abs=1e-4)
    assert found.false_alarms_per_day == pytest.approx(999.0)
    assert np.isnan(expected_alarms(recall=0.0, fpr=0.0, base_rate=0.5, flows_per_day=10).precision)


def test_a_rate_above_one_is_refused_by_name():
    with pytest.raises(ValueError, match="fpr is 2"):
        expected_alarms(recall=0.5, fpr=2, base_rate=0.1, flows_per_day=1)
