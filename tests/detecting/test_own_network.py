"""Calibration keeps the alarms a day, says what it costs, and doubts thin evidence."""

import numpy as np
import pytest

from stages.detecting.inference import Network
from stages.detecting.own_network import KEPT_FLOWS, BenignFlows, calibrate, point_of, read_point, recall_of, write_point
from stages.detecting.package import PackageError
from stages.detecting.verdict_words import ATTACK, UNKNOWN
from stages.detecting.verdicts import Judge, matrix_of, package_point
from stages.flowmeter.flows import flows_from_capture
from tests.detecting.lab import DAY_US, benign_records
from tests.packets import write_pcap


@pytest.fixture(scope="module")
def benign(trained, tmp_path_factory):
    """Features and log-odds of ten days of benign flows, and the judge that gave them."""
    path = write_pcap(tmp_path_factory.mktemp("own") / "own.pcap", benign_records(flows=2000, seed=50, span_us=10 * DAY_US))
    judge = Judge(trained, Network(trained), package_point(trained))
    X = matrix_of(flows_from_capture(path, "clean"), trained.features)
    return X, judge.decide(X).log_odds, judge


def collected(X, log_odds):
    flows = BenignFlows()
    for part in range(0, len(X), 300):
        flows.add(X[part : part + 300], log_odds[part : part + 300])
    return flows


@pytest.mark.parametrize("per_day", [0, 1, 20])
def test_alarms_on_the_calibration_flows_stay_within_the_wish(trained, benign, per_day):
    X, log_odds, _ = benign
    point = calibrate(trained, collected(X, log_odds), days=10.0, max_alarms_per_day=per_day)
    judge = Judge(trained, Network(trained), point_of(point, trained))
    assert (judge.decide(X).code == ATTACK).sum() <= per_day * 10
    assert point["after"]["alarms_per_day"] <= per_day


def test_fewer_alarms_never_cost_less_recall(trained, benign):
    X, log_odds, _ = benign
    recalls = [calibrate(trained, collected(X, log_odds), days=10.0, max_alarms_per_day=n)["recall"]["DOS"] for n in (0, 5, 50, 200)]
    assert recalls == sorted(recalls)


def test_recall_at_the_packages_own_threshold_is_what_the_package_says(trained):
    own = trained.manifest["operating_point"]
    recall = recall_of(trained, own["log_odds"])
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
    point = calibrate(trained, collected(strange, judge.decide(strange).log_odds), days=10.0, max_alarms_per_day=5)
    assert (Judge(trained, Network(trained), point_of(point, trained)).decide(strange).code == UNKNOWN).mean() < 0.05


def test_a_stream_longer_than_memory_is_thinned_evenly():
    flows, n = BenignFlows(), 3 * KEPT_FLOWS
    for start in range(0, n, 50_000):
        flows.add(np.zeros((50_000, 2)), np.arange(start, start + 50_000, dtype=float))
    X, log_odds = flows.kept()
    assert len(X) <= KEPT_FLOWS
    assert flows.share == pytest.approx(len(X) / n)
    assert np.all(np.diff(log_odds) > 0)
    assert log_odds.mean() == pytest.approx(n / 2, rel=0.02)


def test_flows_without_finite_features_do_not_count():
    flows = BenignFlows()
    flows.add(np.array([[1.0], [np.nan], [np.inf]]), np.zeros(3))
    assert len(flows.kept()[0]) == 1


@pytest.mark.parametrize(("n", "days"), [(0, 1.0), (1, 1.0), (500, 0.0)])
def test_no_flows_or_no_time_cannot_be_calibrated(trained, benign, n, days):
    X, log_odds, _ = benign
    with pytest.raises(ValueError, match="too few to set an operating point"):
        calibrate(trained, collected(X[:n], log_odds[:n]), days=days, max_alarms_per_day=1)


def test_a_point_survives_the_way_to_disk_and_back(trained, benign, tmp_path):
    X, log_odds, _ = benign
    point = calibrate(trained, collected(X, log_odds), days=10.0, max_alarms_per_day=5)
    write_point(point, tmp_path / "p.json")
    again, _ = read_point(tmp_path / "p.json", trained)
    direct = point_of(point, trained)
    assert again.log_odds == direct.log_odds
    assert np.array_equal(again.novelty.distances(X), direct.novelty.distances(X))


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", '{"log_odds": "high"}', "\x80 pickle"])
def test_a_file_that_is_no_operating_point_is_refused(trained, tmp_path, content):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(PackageError, match="not an operating point"):
        read_point(tmp_path / "p.json", trained)
