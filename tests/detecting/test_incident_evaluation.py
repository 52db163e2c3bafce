"""Incidents against the truth: an attack is found on its own host only, late is late, and false ones are counted."""

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.incidents.evaluation import (
    judged_times,
    recorded,
    recordings_of,
    score_for_false_rate,
    score_sites,
    site_rows,
)
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import START_US, flood_records, scan_records
from tests.detecting.test_incidents import capture, judged

SECOND = 1_000_000


def replayed(table, labels, site="home"):
    ends = table.column("start").cast(pa.int64()).to_numpy() + table.column("duration_us").to_numpy()
    return recorded(table, np.array(labels), ends, site=site, benign="BENIGN")


@pytest.fixture
def scan(tmp_path):
    return judged(capture(tmp_path, scan_records(flows=300, seed=1)))


def test_a_scan_that_is_reported_is_found_at_once(scan):
    (site,) = score_sites([replayed(scan, ["SCANNING"] * 300)], 10.0)
    assert (site.recordings, site.found, site.false) == (1, 1, 0)
    assert site.wait_s is not None and site.wait_s < 0.2


def test_an_alarm_on_another_host_does_not_find_the_attack_and_is_false(tmp_path):
    records = scan_records(flows=300, seed=1) + flood_records(flows=300, seed=2)
    table = judged(capture(tmp_path, records), "DOS")
    is_flood = np.array([ip == "10.0.0.66" for ip in table.column("src_ip").to_pylist()])
    only_flood = pa.array(np.where(is_flood, "attack", "benign")).dictionary_encode()
    table = table.set_column(table.schema.get_field_index("verdict"), "verdict", only_flood)
    (site,) = score_sites([replayed(table, np.where(is_flood, "BENIGN", "SCANNING"))], 10.0)
    assert (site.recordings, site.found, site.false, site.wait_s) == (1, 0, 1, None)


def test_a_higher_score_finds_it_later_or_not_at_all(scan):
    one = replayed(scan, ["SCANNING"] * 300)
    waits = [score_sites([one], score)[0].wait_s for score in (10.0, 25.0, 99.0)]
    assert waits[0] < waits[1]
    assert waits[2] is None


def test_the_score_for_a_rate_is_the_lowest_that_keeps_it(tmp_path):
    sizes = (10, 20, 40, 80, 160)
    records = [
        record
        for hour, size in enumerate(sizes)
        for record in scan_records(flows=size, seed=1, start_us=START_US + hour * 3600 * SECOND)
    ]
    table = judged(capture(tmp_path, records))
    one = replayed(table, ["BENIGN"] * table.num_rows)
    a_day = 2.5 / one.days
    score = score_for_false_rate([one], a_day)
    assert score_sites([one], score)[0].false == 2
    assert score_sites([one], score - 1)[0].false == 3
    assert score_sites([one], 0)[0].false == len(sizes)


def test_rates_a_day_are_not_given_for_less_than_an_hour(scan):
    (row, _) = site_rows([replayed(scan, ["BENIGN"] * 300)], 10.0)
    assert row[3] == "1"
    assert row[5] == "–"


def test_flows_without_an_end_are_judged_after_the_idle_timeout(tmp_path):
    flows = flows_from_capture(capture(tmp_path, flood_records(flows=5, seed=1)), "clean")
    assert (judged_times(flows, 120 * SECOND) >= START_US + 120 * SECOND).all()
    reset = flows_from_capture(capture(tmp_path, scan_records(flows=5, seed=1)), "clean")
    assert (judged_times(reset, 120 * SECOND) < START_US + SECOND).all()


def test_captures_of_two_sites_are_apart(tmp_path):
    path = capture(tmp_path, scan_records(flows=50, seed=1))
    flows, table = flows_from_capture(path, "clean"), judged(path)
    both = pa.concat_tables([flows.append_column("source", pa.array([s] * 50)) for s in ("a", "b")])
    both = both.append_column("label", pa.array(["SCANNING"] * 100))
    found = recordings_of(pa.concat_tables([table, table]), both, benign="BENIGN", idle_timeout_s=120.0)
    assert sorted(one.site for one in found) == ["a", "b"]
