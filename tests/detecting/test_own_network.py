"""Calibration keeps the alarms a day, says what it costs, and doubts thin evidence."""

import numpy as np
import pytest

from iotids.detecting.calibrating.benign_flows import KEPT_FLOWS, BenignFlows
from iotids.detecting.calibrating.calibration import _doubts, calibrate, left_out_groups
from iotids.detecting.calibrating.site_file import describe_point, point_of, read_point, write_point
from iotids.detecting.judging.recall import recall_at_threshold
from iotids.detecting.judging.verdict_words import ATTACK, UNKNOWN
from iotids.detecting.judging.verdicts import Judge, matrix_of, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import PackageError
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import DAY_US, benign_records
from tests.packets import write_pcap


@pytest.fixture(scope="module")
def benign(trained, tmp_path_factory):
    """Features and log-odds of ten days of benign flows, and the judge that gave them."""
    path = write_pcap(
        tmp_path_factory.mktemp("own") / "own.pcap", benign_records(flows=2000, seed=50, span_us=10 * DAY_US)
    )
    judge = Judge(trained, Model(trained), package_point(trained))
    X = matrix_of(flows_from_capture(path, "clean"), trained.features)
    return X, judge.decide(X).log_odds, judge


def collected(*recordings, days=10.0):
    """(features, log-odds) of each recording, as `detect --calibrate` hands them over."""
    flows = BenignFlows()
    for X, log_odds in recordings:
        flows.begin_recording()
        for part in range(0, len(X), 300):
            flows.add(X[part : part + 300], log_odds[part : part + 300])
        flows.end_recording(days)
    return flows


def familiar(judge, X):
    """Flows that are like training ones."""
    return X[judge.decide(X).familiarity <= 1.0]


@pytest.mark.parametrize("per_day", [0, 1, 20])
def test_alarms_on_the_calibration_flows_stay_within_the_wish(trained, benign, per_day):
    X, log_odds, _ = benign
    point = calibrate(trained, collected((X, log_odds)), max_alarms_per_day=per_day)
    judge = Judge(trained, Model(trained), point_of(point, trained))
    assert (judge.decide(X).code == ATTACK).sum() <= per_day * 10
    assert point["after"]["alarms_per_day"] <= per_day


def test_fewer_alarms_never_cost_less_recall(trained, benign):
    X, log_odds, _ = benign
    recalls = [
        calibrate(trained, collected((X, log_odds)), max_alarms_per_day=n)["recall"]["DOS"]
        for n in (0, 5, 50, 200)
    ]
    assert recalls == sorted(recalls)


def test_recall_at_the_packages_own_threshold_is_what_the_package_says(trained):
    own = trained.manifest["operating_point"]
    recall = recall_at_threshold(trained.reference["log_odds_quantiles"], own["log_odds"])
    assert recall["BENIGN"] == pytest.approx(own["measured"]["false_alarm_share"], abs=0.01)
    for name, value in own["measured"]["recall_per_class"].items():
        assert recall[name] == pytest.approx(value, abs=0.02)


def test_benign_flows_unlike_training_become_familiar(trained, benign):
    X, _, judge = benign
    strange = X.copy()
    strange[:, trained.features.index("fwd_init_window_bytes")] += 3.0
    strange[:, trained.features.index("idle_max_us")] += 1e9
    strange[:, trained.features.index("idle_mean_us")] += 1e9
    assert (judge.decide(strange).code == UNKNOWN).mean() > 0.9
    point = calibrate(trained, collected((strange, judge.decide(strange).log_odds)), max_alarms_per_day=5)
    assert (
        Judge(trained, Model(trained), point_of(point, trained)).decide(strange).code == UNKNOWN
    ).mean() < 0.05


def test_a_stream_longer_than_memory_is_thinned_evenly():
    flows, n = BenignFlows(), 3 * KEPT_FLOWS
    for start in range(0, n, 50_000):
        if start % (n // 2) == 0:
            flows.begin_recording()
        flows.add(np.zeros((50_000, 2)), np.arange(start, start + 50_000, dtype=float))
    X, log_odds, recording = flows.kept()
    assert np.array_equal(recording, log_odds // (n // 2))
    assert len(X) <= KEPT_FLOWS
    assert flows.share == pytest.approx(len(X) / n)
    assert np.all(np.diff(log_odds) > 0)
    assert log_odds.mean() == pytest.approx(n / 2, rel=0.02)


def test_flows_without_finite_features_do_not_count():
    flows = BenignFlows()
    flows.begin_recording()
    flows.add(np.array([[1.0], [np.nan], [np.inf]]), np.zeros(3))
    assert len(flows.kept()[0]) == 1


@pytest.mark.parametrize(("n", "days"), [(0, 1.0), (1, 1.0), (500, 0.0)])
def test_no_flows_or_no_time_cannot_be_calibrated(trained, benign, n, days):
    X, log_odds, _ = benign
    with pytest.raises(ValueError, match="too few to set an operating point"):
        calibrate(trained, collected((X[:n], log_odds[:n]), days=days), max_alarms_per_day=1)


def test_a_point_survives_the_way_to_disk_and_back(trained, benign, tmp_path):
    X, log_odds, _ = benign
    point = calibrate(trained, collected((X, log_odds)), max_alarms_per_day=5)
    write_point(point, tmp_path / "p.json")
    again, _ = read_point(tmp_path / "p.json", trained)
    direct = point_of(point, trained)
    assert again.log_odds == direct.log_odds
    assert np.array_equal(again.own.prototypes, direct.own.prototypes)
    assert again.own.below_log_odds == direct.own.below_log_odds


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", '{"log_odds": "high"}', "\x80 pickle"])
def test_a_file_that_is_no_operating_point_is_refused(trained, tmp_path, content):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(PackageError, match="not an operating point"):
        read_point(tmp_path / "p.json", trained)


def test_recordings_that_differ_are_doubted_with_the_rate_that_left_out_ones_have(trained, benign):
    X, _, judge = benign
    X = familiar(judge, X)
    quiet, loud = np.full(len(X), -20.0), np.linspace(20.0, 30.0, len(X))
    point = calibrate(trained, collected((X, quiet), (X, loud)), max_alarms_per_day=1)
    assert point["left_out"]["alarms_per_day"] > 10
    assert point["after"]["alarms_per_day"] <= 1
    assert any("recordings that were left out raise" in doubt for doubt in point["doubts"])


def test_a_threshold_below_the_packages_own_is_taken_only_where_left_out_recordings_bear_it_out(
    trained, benign
):
    X, _, judge = benign
    X, own = familiar(judge, X), trained.manifest["operating_point"]["log_odds"]
    alike = np.random.default_rng(0).uniform(own - 20, own - 10, len(X))
    assert calibrate(trained, collected((X, alike), (X, alike[::-1])), max_alarms_per_day=1)["log_odds"] < own
    higher = alike + 5.0  # below the package's threshold, above all of the other recording
    assert calibrate(trained, collected((X, alike), (X, higher)), max_alarms_per_day=1)["log_odds"] == own
    assert (
        calibrate(trained, collected((X, alike), days=0.01), max_alarms_per_day=1)["log_odds"] == own
    )  # too short to show anything


@pytest.mark.parametrize("per_day", [0, 1, 100])
def test_a_calibration_never_makes_an_attack_of_a_flow_that_was_unknown(trained, benign, per_day):
    X, _, judge = benign
    strange = X.copy()
    strange[:, trained.features.index("idle_max_us")] += 1e9
    strange[:, trained.features.index("idle_mean_us")] += 1e9
    before = judge.decide(strange)
    point = calibrate(trained, collected((strange, before.log_odds)), max_alarms_per_day=per_day)
    after = Judge(trained, Model(trained), point_of(point, trained)).decide(strange)
    assert (before.code == UNKNOWN).any()
    assert not (after.code[before.code == UNKNOWN] == ATTACK).any()


def test_every_recording_is_left_out_once_and_a_single_one_in_pieces_of_time():
    group, days = left_out_groups(np.repeat(np.arange(7), 10), [1.0] * 7)
    assert len(set(group.tolist())) == 5
    assert days.sum() == 7
    assert all(len(set(group[10 * r : 10 * r + 10].tolist())) == 1 for r in range(7))
    group, days = left_out_groups(np.zeros(100, int), [2.0])
    assert np.all(np.diff(group) >= 0)
    assert np.bincount(group).tolist() == [20] * 5
    assert days.sum() == pytest.approx(2.0)


def said_of(days):
    """What is printed of a calibration on so many days of traffic with one alarm."""
    rates = {"alarms_per_day": 1 / days, "false_alarm_share": 0.5, "unknown_share": 0.25}
    recall = {"BENIGN": 0.243, "DOS": 0.9}
    point = dict.fromkeys(("before", "after", "left_out"), rates) | dict.fromkeys(
        ("recall", "recall_before"), recall
    )
    point |= {"benign_flows": 2, "recordings": 1, "days": days, "attack_probability": 0.5, "log_odds": 0.0}
    point |= {
        "habits": {"habits": ["h"], "devices": ["d"]},
        "incidents_per_day": {"before": 2 / days, "left_out": 0.0},
    }
    return describe_point(point, "BENIGN")


def test_of_less_than_an_hour_no_rate_a_day_is_said():
    said = said_of(10 / 86_400)
    assert "2 benign flows of 10 s in 1 recording; less than an hour, so no rates a day" in said
    assert "a day (" not in said and "alarms a day" not in said and "incidents a day" not in said
    assert "false incidents: 2 before, 0 with what the other recordings teach" in said
    said = said_of(1 / 24)
    assert "before: 50.000% of flows called attacks, 24 alarms a day" in said
    assert "false incidents a day: 48 before, 0 with" in said


def test_benign_flows_that_are_called_attacks_are_no_flows_that_are_found():
    found, false = said_of(1.0).splitlines()[-2:]
    assert found == "found of the labelled out-of-fold flows: DOS 90.0% (before 90.0%)"
    assert false == "false alarms on those of class BENIGN 24.3% (before 24.3%)"


def test_a_doubt_about_seconds_of_traffic_has_no_rate_a_day():
    (doubt,) = _doubts(0.0, 10 / 86_400, 2.0, {"too_many": False})
    assert doubt == (
        "10 s of traffic cannot show a rate of 2 alarms a day (it allows 0); the threshold was not lowered; 1.5 days would do"
    )
