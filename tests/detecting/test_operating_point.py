"""Temperature and threshold do what they promise."""

import numpy as np
import pytest

from iotids.detecting.judging.operating_point import (
    attack_log_odds,
    decide,
    fit_temperature,
    log_loss,
    log_scores,
    probabilities,
    recall_at,
    threshold_for_alarms,
)
from iotids.learning.scores.calibration import calibration_error


def overconfident(n=40_000, factor=3.0, seed=0):
    """Logits that are `factor` times what they should be: the truth is drawn from the right ones."""
    rng = np.random.default_rng(seed)
    right = rng.standard_normal((n, 4)) * 1.5
    shares = probabilities(right, 1.0)
    truth = (rng.random(n)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    return right * factor, truth


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_a_known_overconfidence(factor):
    logits, truth = overconfident(factor=factor)
    assert fit_temperature(logits, truth) == pytest.approx(factor, rel=0.03)


def test_the_fitted_temperature_has_the_least_log_loss_of_its_neighbours():
    logits, truth = overconfident()
    t = fit_temperature(logits, truth)
    assert log_loss(logits, truth, t) <= min(log_loss(logits, truth, t * f) for f in (0.97, 1.03))


def test_calibration_error_falls():
    logits, truth = overconfident()
    before, after = (
        calibration_error(truth, probabilities(logits, t)) for t in (1.0, fit_temperature(logits, truth))
    )
    assert after < 0.02 < before


def test_no_rows_cannot_be_calibrated():
    with pytest.raises(ValueError, match="no out-of-fold predictions"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, int))


def test_stored_scores_come_back_as_probabilities():
    scores = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]], np.float32)
    assert np.allclose(probabilities(log_scores(scores), 1.0), scores, atol=1e-6)


def test_log_odds_are_those_of_all_attacks_together():
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert np.allclose(attack_log_odds(np.log(shares), 1.0, 0), np.log((1 - shares[:, 0]) / shares[:, 0]))


def test_two_certain_alarms_are_still_told_apart():
    odds = attack_log_odds(np.array([[0.0, 60.0], [0.0, 80.0]]), 1.0, 0)
    assert odds.tolist() == [60.0, 80.0]


@pytest.mark.parametrize("allowed", [0, 1, 5, 99, 100, 1000])
def test_the_threshold_lets_at_most_the_allowed_alarms_through_and_as_many_as_it_can(allowed):
    scores = np.random.default_rng(1).permutation(100).astype(float)
    assert int((scores >= threshold_for_alarms(scores, allowed)).sum()) == min(allowed, 100)


def test_tied_scores_alarm_together_or_not_at_all():
    scores = np.array([5.0, 5.0, 5.0, 1.0])
    assert int((scores >= threshold_for_alarms(scores, 2)).sum()) == 0


def test_an_attack_gets_its_likeliest_attack_class_even_where_benign_is_likelier():
    logits = np.log(np.array([[0.6, 0.3, 0.1]]))
    called, _ = decide(logits, temperature=1.0, benign_index=0, threshold=np.log(0.3))
    assert called.tolist() == [1]


def test_below_the_threshold_everything_is_benign():
    logits = np.log(np.array([[0.3, 0.6, 0.1]]))
    called, _ = decide(logits, temperature=1.0, benign_index=0, threshold=3.0)
    assert called.tolist() == [0]


def test_the_cost_of_a_threshold_is_counted_per_class():
    odds, truth = np.array([0.0, 2.0, 3.0, 1.0, 5.0]), np.array([0, 0, 1, 1, 2])
    cost = recall_at(odds, truth, ["B", "X", "Y"], 0, 2.0)
    assert cost == {
        "false_alarm_share": 0.5,
        "benign_flows": 2,
        "recall": pytest.approx(2 / 3),
        "recall_per_class": {"X": 0.5, "Y": 1.0},
    }


def test_a_class_that_the_model_does_not_find_is_no_name_for_an_attack():
    logits = np.log(np.array([[0.1, 0.3, 0.6], [0.8, 0.05, 0.15]]))
    settings = {"temperature": 1.0, "benign_index": 0, "threshold": 0.0}
    called, odds = decide(logits, **settings, unnamed=[2])
    assert called.tolist() == [1, 0]
    assert odds[0] == pytest.approx(np.log(0.9 / 0.1))  # it counts as an attack all the same
    assert decide(logits, **settings, unnamed=[1, 2])[0].tolist() == [2, 0]  # no other name is left
