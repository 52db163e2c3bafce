"""What a device does again and again is ordinary here; what it did once, or does far more of, still alarms."""

import json

import numpy as np
import pytest

from iotids.detecting.calibrating.calibration_run import COMPLETE, DOUBTFUL, calibrate_on
from iotids.detecting.calibrating.learn_habits import Done, Ends, done_once, fit_habits
from iotids.detecting.calibrating.site_file import read_point
from iotids.detecting.judging.verdicts import Judge
from iotids.detecting.ordinary.devices import OUTSIDE, device_names, name_device, shared_hardware
from iotids.detecting.ordinary.habits import (
    HABIT_COLUMNS,
    Habits,
    acts_of,
    habits_from_plain,
    levels_of,
    numbers,
)
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import PackageError
from iotids.detecting.running.sources import open_capture
from iotids.detecting.running.stop import Stop
from iotids.flowmeter.columns.groups import CONTEXT
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import DAY_US, METER, START_US, benign_records, scan_records
from tests.packets import write_pcap

HOUR_US = 3_600_000_000
WITH_CONTEXT = METER | {"columns": (CONTEXT,)}


@pytest.mark.parametrize(
    ("address", "hardware", "name"),
    [
        ("192.168.1.7", "8c:85:90:b3:e6:d9", "8c:85:90:b3:e6:d9"),  # as its maker made it
        ("192.168.1.7", "", "192.168.1.7"),  # Linux cooked: no hardware address
        ("192.168.1.7", "00:00:00:00:00:00", "192.168.1.7"),
        ("172.30.0.14", "02:42:ac:1e:00:0b", "172.30.0.14"),  # of a container, another one tomorrow
        ("192.168.1.7", "da:a1:19:00:00:01", "192.168.1.7"),  # randomised by a telephone
        ("8.209.66.141", "8c:85:90:b3:e6:d9", OUTSIDE),  # that is the router's
        ("239.255.255.250", "01:00:5e:7f:ff:fa", "239.255.255.250"),
        ("fe80::1", "8c:85:90:b3:e6:d9", "8c:85:90:b3:e6:d9"),
        ("2a00:1450::5", "8c:85:90:b3:e6:d9", OUTSIDE),
        ("", "8c:85:90:b3:e6:d9", "8c:85:90:b3:e6:d9"),  # ARP and the like
    ],
)
def test_a_device_has_the_name_that_it_keeps(address, hardware, name):
    assert name_device(address, hardware) == name


def test_hardware_of_a_router_is_no_device_and_one_with_another_address_tomorrow_is():
    router, plug = "8c:85:90:b3:e6:d9", "00:17:88:24:76:ff"
    ends = [(0, f"10.0.0.{i}", router) for i in range(3)] + [(r, f"10.0.0.{50 + r}", plug) for r in range(9)]
    shared = shared_hardware(ends)
    assert shared == {router}
    assert device_names([("10.0.0.1", router), ("10.0.0.99", plug)], shared) == ["10.0.0.1", plug]


def scanned(folder, name, **how):
    """A capture of a port scan, and its flows with context."""
    path = write_pcap(folder / name, scan_records(**how))
    return path, flows_from_capture(path, **WITH_CONTEXT)


def test_the_same_again_is_ordinary_and_ten_times_as_much_is_not(tmp_path):
    _, small = scanned(tmp_path, "small.pcap", flows=40, seed=1)
    _, again = scanned(tmp_path, "again.pcap", flows=40, seed=2)
    _, large = scanned(tmp_path, "large.pcap", flows=400, seed=3)
    habits = habits_of(small)
    assert habits.are_ordinary(again).all()
    assert not habits.are_ordinary(large)[100:].any()  # the first ones are as few as ever


def habits_of(flows):
    acts, ends, zero = acts_of(flows), Ends(), np.zeros(flows.num_rows, np.int64)
    names, of, shared = (ends.number(acts.ends, 0), ends.devices())[1]
    device, peer = of[acts.device], of[acts.peer]
    key = numbers(device, peer, acts.service)
    return fit_habits(Done(names, shared, key, device, acts.levels, zero, zero, zero, zero > 0))


def test_levels_are_logarithms_of_counts_and_twice_the_shares(tmp_path):
    flows = scanned(tmp_path, "small.pcap", flows=5, seed=1)[1]
    levels = levels_of(flows)
    assert levels.shape == (flows.num_rows, len(HABIT_COLUMNS))
    for j, name in enumerate(HABIT_COLUMNS):
        values = flows.column(name).to_numpy().astype(float)
        wanted = 2 * values if name.endswith("share") else np.log2(1 + values)
        assert np.allclose(levels[:, j], wanted, atol=1e-5), name


def done(*episodes):
    """Flows of one device and service: (recording, start in hours, level, is alarm)."""
    recording, hours, level, alarm = (np.array(values) for values in zip(*episodes, strict=True))
    start = (hours * HOUR_US).astype(np.int64)
    levels = np.repeat(level[:, None], len(HABIT_COLUMNS), axis=1).astype(np.float32)
    zero = np.zeros(len(episodes), np.int64)
    return Done(
        ["a"], frozenset(), zero, zero, levels, start, start + 1_000_000, recording, alarm.astype(bool)
    )


@pytest.mark.parametrize(
    ("episodes", "once"),
    [
        ([(0, 1, 3.0, True), (0, 5, 3.0, True)], [False, False]),  # twice in one recording
        ([(0, 1, 3.0, True), (1, 1, 3.0, True)], [False, False]),  # in two recordings
        ([(0, 1, 3.0, True), (0, 1.05, 3.0, True)], [True, True]),  # within ten minutes is one episode
        ([(0, 1, 3.0, True), (0, 5, 8.0, True)], [False, True]),  # the second is far more than the first
        ([(0, 1, 8.0, True), (0, 5, 3.0, False)], [True, False]),
        ([(0, 1, 8.0, True), (0, 1.001, 8.0, False), (0, 5, 3.0, False)], [True, True, False]),  # missed flows too
        ([(0, 1, 8.0, False), (0, 5, 3.0, False)], [False, False]),  # no alarm: learnt as it is
    ],
)  # fmt: skip
def test_an_alarm_is_learnt_if_the_device_did_the_same_at_another_time(episodes, once):
    assert done_once(done(*episodes)).tolist() == once


def calibrated(package, folder, captures, out="site.json"):
    """Exit code, operating point and content of a site file."""
    stop = Stop()
    code = calibrate_on(
        package,
        [str(path) for path in captures],
        lambda path: open_capture(path, WITH_CONTEXT, stop),
        max_alarms_per_day=None,
        out=folder / out,
        show=lambda _: None,
    )
    return code, *read_point(folder / out, package)


def recording(folder, name, *, seed, start_us, scan_at_us=None, flows=60):
    """A day of benign traffic, in which one host may scan another."""
    records = benign_records(flows=300, seed=seed, start_us=start_us)
    if scan_at_us is not None:
        records += scan_records(flows=flows, seed=seed, start_us=start_us + scan_at_us)
    return write_pcap(folder / name, sorted(records, key=lambda record: record.time_us))


def alarms_of(package, point, flows):
    return (
        np.array(Judge(package, Model(package), point).judge(flows)[0].column("verdict").to_pylist())
        == "attack"
    )


def test_a_scan_of_every_day_is_withheld_and_one_of_another_host_or_of_more_ports_alarms(trained, tmp_path):
    days = [
        recording(tmp_path, f"{d}.pcap", seed=d, start_us=START_US + d * DAY_US, scan_at_us=HOUR_US)
        for d in range(3)
    ]
    _, point, content = calibrated(trained, tmp_path, days)
    assert content["not_learnt"] == []
    assert content["incidents_per_day"]["before"] > 0.9
    assert content["incidents_per_day"]["left_out"] == 0
    same = scanned(tmp_path, "same.pcap", flows=60, seed=9, start_us=START_US + 9 * DAY_US)[1]
    more = scanned(tmp_path, "more.pcap", flows=600, seed=9, start_us=START_US + 9 * DAY_US)[1]
    assert not alarms_of(trained, point, same).any()
    assert alarms_of(trained, point, more)[200:].mean() > 0.9
    other = same.set_column(same.schema.get_field_index("src_ip"), "src_ip", [["10.0.0.78"] * same.num_rows])
    assert alarms_of(trained, point, other).mean() > 0.9


def test_an_attack_in_the_benign_recording_is_named_and_not_learnt(trained, tmp_path, capsys):
    days = [
        recording(tmp_path, "0.pcap", seed=0, start_us=START_US),
        recording(tmp_path, "1.pcap", seed=1, start_us=START_US + DAY_US, scan_at_us=5 * HOUR_US, flows=250),
        recording(tmp_path, "2.pcap", seed=2, start_us=START_US + 2 * DAY_US),
    ]
    code, point, content = calibrated(trained, tmp_path, days)
    assert code == DOUBTFUL
    assert "not learnt as ordinary and will alarm: 10.0.0.77 scans 10.0.0.200" in capsys.readouterr().err
    assert len(content["not_learnt"]) == 1
    again = scanned(tmp_path, "again.pcap", flows=250, seed=9)[1]
    assert alarms_of(trained, point, again).mean() > 0.9


def test_a_recording_without_alarms_of_the_same_services_every_day_is_learnt_without_doubt(trained, tmp_path):
    days = [recording(tmp_path, f"{d}.pcap", seed=d, start_us=START_US + d * DAY_US) for d in range(4)]
    code, _, content = calibrated(trained, tmp_path, days)
    assert code == COMPLETE, content["doubts"]
    assert content["new_share"] < 0.05


def test_a_recording_too_short_to_know_what_is_ordinary_is_doubted(trained, tmp_path):
    records = benign_records(flows=12, seed=1, span_us=60_000_000)
    code, _, content = calibrated(trained, tmp_path, [write_pcap(tmp_path / "short.pcap", records)])
    assert code == DOUBTFUL
    assert any("too short to know what is ordinary here" in doubt for doubt in content["doubts"])


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ["x"]},
        {"habits": [[0, 0, 6, 80, 5]]},
        {"habits": [[7, 0, 6, 80, 5, *[1.0] * len(HABIT_COLUMNS)]]},
        {"habits": [[0, 0, 6, -80, 5, *[1.0] * len(HABIT_COLUMNS)]]},
        {"habits": [[0, 0, 6, 80, 5, *["a"] * len(HABIT_COLUMNS)]]},
        {"margin": float("inf")},
        {"devices": 3},
    ],
)
def test_habits_that_cannot_be_are_refused(trained, tmp_path, change):
    plain = Habits(
        ["a"], np.zeros(0, np.int64), np.zeros((0, len(HABIT_COLUMNS)), np.float32), np.zeros(0, np.int64)
    ).to_plain()
    assert habits_from_plain(plain).key.size == 0
    with pytest.raises((ValueError, TypeError, KeyError)):
        habits_from_plain(plain | change)


def test_a_site_file_with_broken_habits_is_refused_in_one_line(trained, tmp_path):
    calibrated(trained, tmp_path, [recording(tmp_path, "0.pcap", seed=0, start_us=START_US)])
    content = json.loads((tmp_path / "site.json").read_text())
    content["habits"]["devices"] = []
    (tmp_path / "broken.json").write_text(json.dumps(content))
    with pytest.raises(PackageError, match="not an operating point"):
        read_point(tmp_path / "broken.json", trained)
