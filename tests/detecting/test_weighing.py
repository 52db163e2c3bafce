"""Shares of verdicts and the ranking of a detector, counted in flows and in captures."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from iotids.detecting.calibrating.evaluate import markdown
from iotids.detecting.calibrating.weighing import (
    RANKING_COLUMNS,
    VERDICT_COLUMNS,
    ranking_rows,
    verdict_rows,
)
from iotids.detecting.judging.verdict_words import ATTACK, UNKNOWN


def test_a_large_capture_decides_over_flows_and_counts_once_over_captures():
    """A flood of 90 flows found as DOS, and captures of 5 flows: one unknown, one benign."""
    label, capture = np.repeat("DOS", 100), np.repeat(["flood", "a", "b"], [90, 5, 5])
    code = np.repeat([ATTACK, UNKNOWN, 0], [90, 5, 5])
    rows = list(verdict_rows(label, capture, code, np.repeat(["DOS", "DOS", "BENIGN"], [90, 5, 5])))
    assert rows[0] == ("DOS", "flows", 100, *map(pytest.approx, (0.9, 0.05, 0.05, 0.9)))
    third = pytest.approx(1 / 3)
    assert rows[1] == ("DOS", "captures", 3, third, third, third, third)
    assert markdown(VERDICT_COLUMNS, iter(rows)).splitlines()[2].startswith("| DOS | flows | 100 | 90.00% |")


def test_the_ranking_is_scikit_learns_with_the_weights_of_captures():
    rng = np.random.default_rng(4)
    attack, odds = rng.random(400) < 0.4, rng.normal(size=400)
    capture = np.repeat(["x", "y", "z"], [350, 30, 20])
    odds = odds + np.where(capture == "x", 2.0 * attack, -1.0 * attack)
    site = np.where(capture == "z", "east", "west")
    rows = {row[0]: row for row in ranking_rows(attack, odds, site, capture)}
    weight = np.repeat([1 / 350, 1 / 30, 1 / 20], [350, 30, 20])
    assert rows["all"][1:3] == (400, 3)
    assert rows["all"][3] == pytest.approx(roc_auc_score(attack, odds))
    assert rows["all"][4] == pytest.approx(roc_auc_score(attack, odds, sample_weight=weight))
    assert rows["all"][3] - rows["all"][4] > 0.1
    assert rows["east"][3:] == pytest.approx([roc_auc_score(attack[380:], odds[380:])] * 2)
    assert markdown(RANKING_COLUMNS, iter([rows["all"]])).endswith(f"{rows['all'][4]:.3f} |")


def test_a_site_with_one_kind_of_flow_has_no_ranking_and_lost_log_odds_rank_lowest():
    attack = np.array([False, False, True, True])
    odds = np.array([0.1, 0.2, np.nan, 0.3])
    site, capture = np.array(["a", "a", "b", "b"]), np.array(["1", "1", "2", "3"])
    rows = {row[0]: row for row in ranking_rows(attack, odds, site, capture)}
    assert math.isnan(rows["a"][3]) and math.isnan(rows["b"][4])
    assert rows["all"][3] == pytest.approx(0.5)  # one attack above both benign flows, one below both
    assert "–" in markdown(RANKING_COLUMNS, iter([rows["a"]]))
