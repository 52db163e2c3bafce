"""Training for unseen sites: what the weights, the probe, the ranks, the figures and the nested choice do."""

import numpy as np
import pytest

from iotids.learning.baselines.site_trees import site_class_weights
from iotids.learning.transfer.nested import leave_site_out, nested_choice
from iotids.learning.transfer.normalising import SiteRanks
from iotids.learning.transfer.probe import probe_inputs
from iotids.learning.transfer.unseen_scores import area_under_roc, macro_f_elsewhere, score_unseen


def four_sites(n=400, seed=1):
    """Sites A to D with both classes in equal parts."""
    rng = np.random.default_rng(seed)
    sites = np.repeat(list("ABCD"), n)
    labels = np.where(rng.random(4 * n) < 0.5, "BENIGN", "DOS")
    return rng, sites, labels


def nearest_mean(X, labels):
    """A classifier as simple as one can be, as a Fit over row numbers."""

    def fit(rows):
        attack = labels[rows] != "BENIGN"
        up, down = X[rows][attack].mean(axis=0), X[rows][~attack].mean(axis=0)

        def predict(others):
            far = ((X[others] - down) ** 2).sum(axis=1) - ((X[others] - up) ** 2).sum(axis=1)
            return 1 / (1 + np.exp(-np.clip(far, -30, 30)))

        return predict

    return fit


def test_every_site_and_class_weighs_the_same_whatever_its_rows():
    sites = np.array(["A"] * 100 + ["A"] * 5 + ["B"] * 10 + ["B"] * 40 + ["B"] * 1)
    labels = np.array(["BENIGN"] * 100 + ["DOS"] * 5 + ["BENIGN"] * 10 + ["DOS"] * 40 + ["SCANNING"])
    weights = site_class_weights(sites, labels, benign="BENIGN")

    def total(site, label):
        return weights[(sites == site) & (labels == label)].sum()

    assert total("A", "BENIGN") == pytest.approx(total("B", "BENIGN"))
    assert total("A", "DOS") == pytest.approx(total("B", "DOS")) == pytest.approx(total("B", "SCANNING"))
    assert weights[labels == "BENIGN"].sum() == pytest.approx(weights[labels != "BENIGN"].sum())
    assert weights.mean() == pytest.approx(1)


def test_weights_without_any_attack_are_those_of_the_sites():
    weights = site_class_weights(np.array(["A", "A", "B"]), np.array(["BENIGN"] * 3), benign="BENIGN")
    assert weights.tolist() == pytest.approx([0.75, 0.75, 1.5])


def test_weights_of_no_rows_are_refused():
    with pytest.raises(ValueError, match="wanted are equal ones with rows"):
        site_class_weights(np.array([]), np.array([]), benign="BENIGN")


def test_an_input_that_tells_the_site_and_not_the_class_is_dropped():
    rng, sites, labels = four_sites()
    attack = labels != "BENIGN"
    of_site = np.searchsorted(list("ABCD"), sites) + 0.1 * rng.random(len(sites))
    of_class = attack + 0.5 * rng.standard_normal(len(sites))
    neither = rng.random(len(sites))
    both = of_site + 10 * attack
    found = probe_inputs(np.column_stack([of_site, of_class, neither, both]), sites, attack)
    assert found.site[[0, 3]] == pytest.approx(1)
    assert found.attack[[1, 3]].min() > 0.6
    assert found.attack[[0, 2]].max() < 0.15
    assert found.kept(site_at_most=0.6, attack_at_least=0.3).tolist() == [False, True, True, True]


def test_an_input_that_points_the_other_way_on_another_site_tells_nothing_of_the_class():
    _, sites, labels = four_sites()
    attack = labels != "BENIGN"
    sign = np.where(np.isin(sites, ["A", "B"]), 1, -1)
    assert probe_inputs((sign * attack)[:, None], sites, attack).attack[0] == 0


def test_the_probe_of_one_site_without_attacks_finds_nothing():
    found = probe_inputs(np.arange(5.0)[:, None], np.array(["A"] * 5), np.zeros(5, bool))
    assert (found.site[0], found.attack[0]) == (0, 0)


def test_ranks_do_not_change_when_a_site_counts_in_other_units():
    rng = np.random.default_rng(4)
    traffic, flows = rng.lognormal(size=(500, 3)), rng.lognormal(size=(50, 3))
    plain = SiteRanks(traffic).transform(flows)
    assert plain == pytest.approx(SiteRanks(1000 * traffic).transform(1000 * flows), abs=0.011)
    assert np.abs(SiteRanks(traffic).transform(traffic).mean(axis=0) - 0.5).max() < 0.01


def test_a_constant_input_ranks_in_the_middle():
    assert SiteRanks(np.zeros((9, 1))).transform(np.zeros((1, 1)))[0, 0] == pytest.approx(0.5)


def test_ranks_of_a_site_without_traffic_are_refused():
    with pytest.raises(ValueError, match="without traffic has no ranks"):
        SiteRanks(np.empty((0, 2)))


def test_cells_count_alike_whatever_their_flows():
    sites = np.array(["A"] * 90 + ["A"] * 10 + ["B"] * 20)
    labels = np.array(["BENIGN"] * 90 + ["DOS"] * 10 + ["BENIGN"] * 20)
    scores = np.array([0.1] * 90 + [0.9] * 10 + [0.9] * 20)
    found = score_unseen(sites, labels, scores, benign="BENIGN")
    assert (found.benign, found.attacks, found.balanced) == (0.5, 1, 0.75)
    assert found.aucs == {"A": 1}


def test_equal_scores_rank_like_chance():
    assert area_under_roc(np.array([0.5, 0.5]), np.array([0.5])) == 0.5
    assert area_under_roc(np.array([2.0, 0.0]), np.array([1.0])) == 0.5


def test_a_class_of_one_site_does_not_count_in_the_macro_figure():
    sites = np.array(["A", "A", "B", "B", "B"])
    labels = np.array(["BENIGN", "DOS", "BENIGN", "DOS", "MITM"])
    assert macro_f_elsewhere(
        sites, labels, np.array(["BENIGN", "DOS", "BENIGN", "DOS", "BENIGN"])
    ) == pytest.approx((0.8 + 1) / 2)


def test_no_site_is_scored_by_a_model_that_has_seen_it():
    sites = np.repeat(list("ABC"), 3)
    seen = []

    def fit(rows):
        here = set(sites[rows])
        return lambda others: seen.append((here, set(sites[others]))) or np.zeros(len(others))

    nested_choice(sites, {"one": fit, "other": fit}, lambda rows, scores: 0.0)
    assert len(seen) == 2 * (2 * 3 + 3)
    assert not any(learnt & judged for learnt, judged in seen)


def test_the_choice_for_a_site_does_not_depend_on_its_labels():
    rng, sites, labels = four_sites(60)
    X = (labels != "BENIGN")[:, None] + rng.standard_normal((len(sites), 2))
    judged = []

    def judge(rows, scores):
        judged.append((set(sites[rows]), np.isnan(scores).any()))
        return score_unseen(sites[rows], labels[rows], scores, benign="BENIGN").balanced

    found = nested_choice(
        sites, {"good": nearest_mean(X, labels), "blind": nearest_mean(0 * X, labels)}, judge
    )
    assert set(found.choices.values()) == {"good"}
    assert all(len(here) == 3 and not has_nan for here, has_nan in judged)


def test_shuffled_labels_score_like_chance_on_an_unseen_site():
    rng, sites, labels = four_sites(1000)
    X = (labels != "BENIGN")[:, None] + rng.standard_normal((len(sites), 3))
    for shown, low, high in ((labels, 0.8, 1), (rng.permutation(labels), 0.42, 0.58)):
        found = score_unseen(sites, shown, leave_site_out(sites, nearest_mean(X, shown)), benign="BENIGN")
        assert low <= found.auc_within <= high
        assert low - 0.1 <= found.balanced <= high


@pytest.mark.parametrize(("sites", "many"), [("A", 0), ("AB", 1)])
def test_too_few_sites_are_refused(sites, many):
    fit = nearest_mean(np.zeros((2, 1)), np.array(["BENIGN", "DOS"]))
    with pytest.raises(ValueError, match=f"{len(sites)} sites?[;,]"):
        if many:
            nested_choice(np.array(list(sites)), {"one": fit}, lambda rows, scores: 0.0)
        else:
            leave_site_out(np.array(list(sites)), fit)
