"""The dataset oracle, single features, the source probe, smells and timeouts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from iotids.auditing.feature_quality import (
    find_correlated,
    find_equal,
    find_impossible,
    find_near_constant,
    rank_correlations,
)
from iotids.auditing.shortcuts import dataset_oracle, ranking_area, separability
from iotids.auditing.source_probe import probe_sources
from iotids.auditing.timeouts import timeout_effect
from iotids.truth.integrating.table2 import PAPER

CLASSES = ["BENIGN", "DOS", "MIRAI", "MITM", "SCANNING"]
RNG = np.random.default_rng(1)


def test_oracle_on_the_papers_table_is_right_for_99_58_and_99_97_percent() -> None:
    scores = dataset_oracle(PAPER, CLASSES, "BENIGN")
    assert round(100 * scores["multiclass_oracle"], 2) == 99.58
    assert round(100 * scores["binary_oracle"], 2) == 99.97
    assert round(100 * scores["binary_majority"], 2) == 75.74


def test_oracle_without_a_link_between_source_and_class_is_the_majority() -> None:
    scores = dataset_oracle(
        {"a": {"BENIGN": 60, "DOS": 40}, "b": {"BENIGN": 6, "DOS": 4}}, ["BENIGN", "DOS"], "BENIGN"
    )
    assert scores["multiclass_oracle"] == scores["multiclass_majority"] == 0.6


def test_feature_that_is_the_class_separates_perfectly() -> None:
    codes = np.array([0, 1, 2] * 50)
    assert separability(codes.astype(float), codes, 3) == 1.0


def test_constant_feature_separates_like_chance() -> None:
    assert separability(np.ones(300), np.array([0, 1, 2] * 100), 3) == pytest.approx(1 / 3)


def test_unrelated_feature_separates_hardly_better_than_chance() -> None:
    codes = RNG.integers(0, 2, 50_000)
    assert 0.5 <= separability(RNG.normal(size=50_000), codes, 2) < 0.53


def test_rare_class_counts_as_much_as_a_common_one() -> None:
    codes = np.array([0] * 9_990 + [1] * 10)
    assert separability(np.where(codes == 1, 5.0, 1.0), codes, 2) == 1.0


@pytest.mark.parametrize("ties", [False, True])
def test_ranking_area_is_that_of_scikit_learn_whichever_way_round(ties: bool) -> None:
    values = RNG.normal(size=500)
    is_attack = values + RNG.normal(size=500) > 0
    values = np.round(values) if ties else values
    expected = roc_auc_score(is_attack, values)
    assert ranking_area(values, is_attack) == pytest.approx(max(expected, 1 - expected))
    assert ranking_area(-values, is_attack) == pytest.approx(ranking_area(values, is_attack))


def test_probe_finds_a_source_that_marks_its_flows_and_not_one_that_does_not() -> None:
    sources = RNG.integers(0, 2, 4_000)
    groups = sources * 10 + RNG.integers(0, 10, 4_000)
    marked = probe_sources(
        {"ttl": sources + 0.1 * RNG.normal(size=4_000), "noise": RNG.normal(size=4_000)},
        sources,
        ["a", "b"],
        groups,
        seed=1,
    )
    blind = probe_sources({"noise": RNG.normal(size=4_000)}, sources, ["a", "b"], groups, seed=1)
    assert marked is not None and blind is not None
    assert marked["balanced_accuracy"]["1"] > 0.99
    assert marked["relied_on"][0] == "ttl"
    assert abs(blind["balanced_accuracy"]["10"] - 0.5) < 0.05


def test_probe_keeps_groups_on_one_side() -> None:
    sources = np.array([0, 1] * 1_000)
    groups = np.arange(2_000) // 100 * 2 + sources
    memory = probe_sources({"group": groups.astype(float)}, sources, ["a", "b"], groups, seed=1)
    assert memory is not None
    assert memory["train_rows"] == memory["test_rows"] == 1_000
    assert memory["balanced_accuracy"]["10"] < 0.9


def test_one_source_cannot_be_probed() -> None:
    assert probe_sources({"x": np.ones(5)}, np.zeros(5, int), ["a"], np.zeros(5, int), seed=1) is None


def test_near_constant_equal_and_correlated_features_are_named() -> None:
    x = RNG.normal(size=1_000)
    features = {
        "x": x,
        "same": x * (1 + 1e-12),
        "square": np.exp(x),
        "other": RNG.normal(size=1_000),
        "flag": np.r_[np.ones(3), np.zeros(997)],
    }
    assert find_near_constant(features, 0.99) == {"flag": {"value": 0.0, "share": 0.997, "distinct": 2}}
    assert find_equal(features) == [["x", "same"]]
    assert find_correlated(*rank_correlations(features), 0.98) == [["x", "same", "square"]]


def test_impossible_values_are_counted() -> None:
    found = find_impossible(
        {
            "idle_max_us": np.array([0.0, 1.5e15]),
            "flow_iat_min_us": np.array([-5.0, 1.0]),
            "fwd_bytes": np.array([1e15]),
        }
    )
    assert found["idle_max_us"]["absolute_time"] == 1
    assert found["flow_iat_min_us"]["negative"] == 1
    assert "fwd_bytes" not in found


def test_timeout_effect_counts_connections_cut_into_rows() -> None:
    (effect,) = timeout_effect(
        sources=np.zeros(4, int),
        names=["a"],
        connections=np.array([7, 7, 7, 8]),
        starts_us=np.array([0, 120_500_000, 500_000_000, 0]),
        durations_us=np.array([120_000_000, 10, 0, 0]),
        packets=np.array([5, 2, 1, 1]),
    )
    assert (effect["flows"], effect["connections"]) == (4, 2)
    assert effect["continued_share"] == 0.5
    assert effect["continued_within_1s_share"] == 0.25
    assert effect["one_packet_share"] == 0.5
