"""The zero point of a host's flows moves with the log-odds that they had, and only up."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.measuring.zero_point import DOUBT, FADING_US, LARGEST, PLACES, ZeroPoint, moved_in_table
from iotids.detecting.package.inference import Model
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import flood_records
from tests.packets import write_pcap

SHARE = 0.5


def flows_of(n=300, seed=0, hosts=6):
    """Flows of some hosts in order of their end, and logits of two classes."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, 400_000_000, n))
    table = pa.table(
        {
            "src_ip": [f"10.0.0.{i}" for i in rng.integers(hosts, size=n)],
            "dst_ip": [f"10.0.0.{i}" for i in rng.integers(hosts, size=n)],
            "start_us": ends - 1_000,
            "flow_duration_us": np.full(n, 1_000),
            "flow_number": np.arange(n),
        }
    )
    return table, rng.normal(0.3, 2.0, (n, 2)).astype(np.float32)


def by_hand(log_odds, table):
    """What is taken off the log-odds of each flow."""
    seen, taken = {}, []
    for i, row in enumerate(table.to_pylist()):
        end, means = row["start_us"] + row["flow_duration_us"], []
        for host in (row["src_ip"], row["dst_ip"]):
            flows, total, at = seen.get(host, (0.0, 0.0, end))
            kept = np.exp(-max(end - at, 0) / FADING_US)
            seen[host] = (
                flows * kept + 1,
                total * kept + np.clip(log_odds[i], -LARGEST, LARGEST),
                max(end, at),
            )
            means.append(seen[host][1] / (seen[host][0] + DOUBT))
        taken.append(SHARE * max(0.0, *means))
    return np.array(taken)


def log_odds_of(logits):
    return logits[:, 1].astype(float) - logits[:, 0]


def test_it_moves_as_by_hand():
    table, logits = flows_of()
    moved = ZeroPoint(SHARE, 0).moved(logits, table)
    taken = log_odds_of(logits) - log_odds_of(moved)
    assert taken.max() > 0.01
    assert np.allclose(taken, by_hand(log_odds_of(logits), table), atol=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_values_do_not_depend_on_batches(rows):
    table, logits = flows_of()
    zero = ZeroPoint(SHARE, 0)
    parts = [zero.moved(logits[a : a + rows], table.slice(a, rows)) for a in range(0, len(logits), rows)]
    assert np.array_equal(np.concatenate(parts), ZeroPoint(SHARE, 0).moved(logits, table))


def test_a_table_in_any_order_of_several_captures_gives_the_same():
    (first, one), (second, two) = flows_of(seed=1), flows_of(seed=2)
    wanted = np.concatenate([ZeroPoint(SHARE, 0).moved(o, t) for t, o in ((first, one), (second, two))])
    order = np.random.default_rng(3).permutation(600)
    both = pa.concat_tables([first, second]).append_column("capture", pa.array(["a"] * 300 + ["b"] * 300))
    table, logits = both.take(order), np.concatenate([one, two])[order]
    assert np.array_equal(moved_in_table(logits, table, share=SHARE, benign_index=0), wanted[order])
    assert moved_in_table(logits, table, share=None, benign_index=0) is logits


def test_no_flows_are_no_verdicts(trained, tmp_path):
    table, logits = flows_of()
    assert moved_in_table(logits[:0], table.slice(0, 0), share=SHARE, benign_index=0).shape == (0, 2)
    package = replace(trained, manifest=trained.manifest | {"zero_point_share": 0.5})
    path = write_pcap(tmp_path / "flood.pcap", flood_records(flows=2, seed=1))
    flows = flows_from_capture(path, **package.meter_settings)
    assert Judge(package, Model(package), package_point(package)).judge(flows.slice(0, 0))[0].num_rows == 0


def test_a_flood_with_forged_senders_hides_nothing_elsewhere():
    """100,000 flows/s for longer than the fading: every place takes its share, and moves by about 0.05."""
    zero, n = ZeroPoint(SHARE, 0), 100_000 * 60
    addresses = np.random.default_rng(5).integers(0, PLACES, n)
    zero._flows[:] = np.bincount(addresses, minlength=PLACES)
    zero._sums[:] = LARGEST * zero._flows
    weak = np.array([[0.0, 0.4]])
    moved = [log_odds_of(zero.moved(weak, one_flow(f"10.0.{i}.7", f"10.0.{i}.8", 0)))[0] for i in range(50)]
    assert np.mean(moved) > 0.33 and min(moved) > 0.25


def flood(log_odds, victim="10.0.0.1", n=5_000):
    """A flood of one victim that ends a flow each millisecond."""
    table = pa.table(
        {
            "src_ip": [f"172.16.{i % 50}.1" for i in range(n)],
            "dst_ip": [victim] * n,
            "start_us": np.arange(n) * 1_000,
            "flow_duration_us": np.zeros(n, np.int64),
            "flow_number": np.arange(n),
        }
    )
    return table, np.column_stack([np.zeros(n), np.full(n, log_odds)])


def one_flow(source, target, at_us):
    return pa.table(
        {
            "src_ip": [source],
            "dst_ip": [target],
            "start_us": [at_us],
            "flow_duration_us": [0],
            "flow_number": [9_999],
        }
    )


@pytest.mark.parametrize("log_odds", [0.2, 1.0, 6.0])
def test_a_flood_does_not_hide_itself(log_odds):
    table, logits = flood(log_odds)
    assert (log_odds_of(ZeroPoint(SHARE, 0).moved(logits, table)) > 0).all()


def test_beside_a_flood_it_moves_for_the_victim_alone_and_for_a_while():
    zero, weak = ZeroPoint(SHARE, 0), np.array([[0.0, 0.4]])
    zero.moved(*reversed(flood(3.0)))
    left = lambda *flow: log_odds_of(zero.moved(weak, one_flow(*flow)))[0]  # noqa: E731
    assert left("10.0.0.7", "10.0.0.1", 5_000_000) < 0
    assert left("10.0.0.7", "10.0.0.8", 5_000_000) == pytest.approx(0.4, abs=0.01)
    assert left("10.0.0.9", "10.0.0.1", 900_000_000) > 0.35


def test_ordinary_traffic_moves_nothing():
    table, logits = flood(-3.0)
    assert np.array_equal(ZeroPoint(SHARE, 0).moved(logits, table), logits)


def test_a_clock_that_is_set_back_begins_anew():
    zero = ZeroPoint(SHARE, 0)
    table, logits = flood(3.0)
    zero.moved(logits, table.set_column(2, "start_us", pa.array(np.arange(5_000) * 1_000 + 2_000_000_000)))
    weak = zero.moved(np.array([[0.0, 0.4]]), one_flow("10.0.0.7", "10.0.0.1", 0))
    assert log_odds_of(weak)[0] > 0.39


@pytest.mark.parametrize("rows", [1, 64])
def test_flows_judged_as_they_stream_by_are_those_of_the_finished_capture(trained, tmp_path, rows):
    package = replace(trained, manifest=trained.manifest | {"zero_point_share": 0.5})
    path = write_pcap(tmp_path / "flood.pcap", flood_records(flows=200, seed=999))
    flows = flows_from_capture(path, **package.meter_settings)
    flows = flows.take(
        np.argsort(flows.column("start_us").to_numpy() + flows.column("flow_duration_us").to_numpy())
    )
    judge = Judge(package, Model(package), package_point(package))
    whole, _, _ = judge.judge(flows)
    zero = judge.new_zero_point()
    parts = [judge.judge(flows.slice(a, rows), zero=zero)[0] for a in range(0, flows.num_rows, rows)]
    assert pa.concat_tables(parts).column("attack_log_odds").equals(whole.column("attack_log_odds"))
    alone, _, _ = Judge(trained, Model(trained), package_point(trained)).judge(flows)
    fallen = [a.column("attack_log_odds").to_numpy() for a in (alone, whole)]
    assert (fallen[0] - fallen[1]).max() > 0.3
    assert whole.column("verdict").to_pylist().count("attack") == alone.column("verdict").to_pylist().count(
        "attack"
    )
