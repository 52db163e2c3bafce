"""Verdicts carry class, probability, place and reasons; what cannot be judged is unknown."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.judging.reasons import Budget, contributions, distinct_rows, fold_rows, occlusions
from iotids.detecting.judging.verdicts import Judge, OperatingPoint, matrix_of, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.running.session import gathered
from iotids.detecting.running.verdict_files import VerdictFile, json_lines
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import benign_records, flood_records, read_verdicts, scan_records
from tests.packets import write_pcap


@pytest.fixture(scope="module")
def judge(trained):
    return Judge(trained, Model(trained), package_point(trained))


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures")
    makers = {"benign": benign_records, "flood": flood_records, "scan": scan_records}
    return {
        name: flows_from_capture(write_pcap(folder / f"{name}.pcap", maker(flows=200, seed=999)), "clean")
        for name, maker in makers.items()
    }


def share(table, column, value):
    return np.mean([v == value for v in table.column(column).to_pylist()])


def test_unseen_captures_of_known_kinds_get_the_right_verdicts(judge, flows):
    benign, flood, scan = (judge.judge(flows[name])[0] for name in ("benign", "flood", "scan"))
    assert share(benign, "verdict", "attack") <= 0.02
    assert share(flood, "class", "DOS") > 0.9
    assert share(scan, "class", "SCANNING") > 0.9


def test_a_verdict_names_the_packets_of_its_flow(judge, flows):
    verdicts = judge.judge(flows["scan"])[0]
    for name in ("capture", "first_packet", "last_packet", "src_ip", "dst_port"):
        assert verdicts.column(name).to_pylist() == flows["scan"].column(name).to_pylist()


def test_probabilities_of_the_classes_add_up_to_one(judge, flows):
    verdicts = judge.judge(flows["benign"])[0]
    total = sum(verdicts.column(f"p_{name}").to_numpy() for name in judge.package.classes)
    assert np.allclose(total, 1.0, atol=1e-5)


def test_every_alarm_has_reasons_and_benign_flows_have_none(judge, flows):
    for table in (judge.judge(flows[name])[0] for name in flows):
        for verdict, reasons in zip(
            table.column("verdict").to_pylist(), table.column("reasons").to_pylist(), strict=True
        ):
            assert bool(reasons) == (verdict != "benign")


def test_a_flow_unlike_training_is_unknown_and_says_which_features_are_strange(judge, flows):
    index = flows["benign"].column_names.index("idle_max_us")
    strange = flows["benign"]
    for name in ("idle_max_us", "idle_mean_us", "idle_std_us", "active_max_us", "urg_flags", "fwd_bytes"):
        strange = strange.set_column(
            strange.column_names.index(name),
            name,
            pa.array(np.full(strange.num_rows, 10**13), strange.schema.field(name).type),
        )
    table = judge.judge(strange)[0]
    assert index >= 0
    assert share(table, "verdict", "unknown") == 1.0
    assert share(table, "class", "UNKNOWN") == 1.0
    assert table.column("probability").null_count == table.num_rows
    assert {reason["feature"] for reason in table.column("reasons").to_pylist()[0]} <= {
        "idle_max_us",
        "idle_mean_us",
        "idle_std_us",
        "active_max_us",
        "urg_flags",
        "fwd_bytes",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_no_number_makes_the_flow_unknown_not_benign(judge, flows, value):
    column = flows["flood"].column_names.index("flow_bytes_per_s")
    broken = flows["flood"].set_column(
        column, "flow_bytes_per_s", pa.array(np.full(flows["flood"].num_rows, value))
    )
    table = judge.judge(broken)[0]
    assert share(table, "unknown_because", "a feature is not a finite number") == 1.0
    assert table.column("reasons").to_pylist()[0][0]["feature"] == "flow_bytes_per_s"
    assert table.column("attack_probability").null_count == table.num_rows


def test_a_lower_threshold_never_loses_an_alarm(trained, judge, flows):
    X = matrix_of(pa.concat_tables(flows.values()), trained.features)
    point = package_point(trained)
    alarms = [
        judge_at.decide(X).code == 1
        for judge_at in (
            Judge(trained, Model(trained), OperatingPoint(t, point.novelty)) for t in (5.0, 0.0, -5.0)
        )
    ]
    assert all((stricter <= laxer).all() for stricter, laxer in pairwise(alarms))


def test_batches_of_any_size_give_the_same_verdicts(judge, flows):
    whole = judge.judge(flows["scan"])[0]
    parts = pa.concat_tables(
        [judge.judge(flows["scan"].slice(start, 7))[0] for start in range(0, flows["scan"].num_rows, 7)]
    )
    assert parts.column("class").to_pylist() == whole.column("class").to_pylist()
    assert np.allclose(parts.column("attack_log_odds"), whole.column("attack_log_odds"), atol=1e-4)


def test_contributions_add_up_to_the_difference_in_score(trained, judge, flows):
    X = matrix_of(flows["scan"], trained.features)[:50]
    direction = np.tile(np.array([-1.0, 0.0, 1.0], np.float32), (50, 1))
    network = Model(trained)
    parts = contributions(network, X, judge.usual, direction)
    difference = (network.logits(X) * direction).sum(axis=1) - (
        network.logits(judge.usual[None]) * direction[:1]
    ).sum()
    assert np.abs(parts.sum(axis=1) - difference).max() < 0.15 * np.abs(difference).max()


class Additive:
    """A model whose score is a weighted sum: every way to explain it gives value times weight."""

    has_gradient = False
    weights = np.array([2.0, -1.0, 0.0, 0.5])

    def logits(self, X):
        score = X @ self.weights
        return np.stack([-score, score], axis=1).astype(np.float32)


def test_occlusion_of_a_weighted_sum_gives_the_weights(monkeypatch):
    monkeypatch.setattr("iotids.detecting.judging.reasons.RUNS_AT_ONCE", 7)
    X, usual = np.random.default_rng(0).standard_normal((9, 4)), np.array([1.0, 2.0, 3.0, 4.0])
    X[0] = usual
    direction = np.tile(np.array([-1.0, 1.0], np.float32), (9, 1))
    parts = occlusions(Additive(), X, usual, direction)
    assert np.allclose(parts, 2.0 * (X - usual) * Additive.weights, atol=1e-4)
    assert not parts[0].any()


def test_equal_flows_are_explained_once_and_different_ones_apart():
    X = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [1.0, 2.0]])
    first, inverse = distinct_rows(X, np.arange(4), np.array([0, 0, 0, 1]))
    assert len(first) == 3
    assert inverse[0] == inverse[1]
    assert len({inverse[0], inverse[2], inverse[3]}) == 3


def test_rows_are_hashed_as_by_hand():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**64, (40, 5), dtype=np.uint64)
    odd, folded = (rng.integers(0, 2**64, n, dtype=np.uint64) for n in (5, 30))
    rows = rng.integers(0, 40, 30)
    by_hand = (bits[rows] ^ (bits[rows] >> np.uint64(29))) @ odd + folded
    fold_rows(bits, rows, odd, folded)
    assert np.array_equal(folded, by_hand)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_every_kind_of_file_holds_every_verdict(judge, flows, tmp_path, suffix):
    table = judge.judge(flows["scan"])[0]
    file = VerdictFile(str(tmp_path / f"v.{suffix}"), judge.schema)
    for start in range(0, table.num_rows, 50):
        file.write(table.slice(start, 50))
    assert not (tmp_path / f"v.{suffix}").exists()
    path = file.close(complete=True)
    assert path == str(tmp_path / f"v.{suffix}")
    ports = table.column("dst_port").to_pylist()
    if suffix == "parquet":
        assert read_verdicts(path).equals(table)
    elif suffix == "csv":
        import pyarrow.csv

        assert pyarrow.csv.read_csv(path).column("dst_port").to_pylist() == ports
    else:
        assert [json.loads(line)["dst_port"] for line in Path(path).read_text().splitlines()] == ports


def test_csv_and_json_lines_are_on_disk_after_every_batch(judge, flows, tmp_path):
    table = judge.judge(flows["scan"])[0]
    for suffix in ("csv", "jsonl"):
        file = VerdictFile(str(tmp_path / f"v.{suffix}"), judge.schema)
        file.write(table)
        assert file.working_path.read_text().count("\n") >= table.num_rows
        file.close(complete=False)


def test_an_incomplete_file_keeps_incomplete_in_its_name(judge, flows, tmp_path):
    file = VerdictFile(str(tmp_path / "v.parquet"), judge.schema)
    file.write(judge.judge(flows["scan"])[0])
    path = file.close(complete=False)
    assert path.endswith("v.incomplete.parquet")
    assert read_verdicts(path).num_rows == flows["scan"].num_rows


def test_json_lines_are_strict_json_also_with_infinite_features(judge, flows):
    column = flows["flood"].column_names.index("flow_bytes_per_s")
    broken = flows["flood"].set_column(
        column, "flow_bytes_per_s", pa.array(np.full(flows["flood"].num_rows, np.inf))
    )

    def refuse(text):
        raise AssertionError(text)

    rows = [
        json.loads(line, parse_constant=refuse) for line in json_lines(judge.judge(broken)[0]).splitlines()
    ]
    assert len(rows) == broken.num_rows


def test_another_ending_is_refused(judge, tmp_path):
    with pytest.raises(ValueError, match=r"written as .parquet, .csv or .jsonl"):
        VerdictFile(str(tmp_path / "v.xlsx"), judge.schema)


def test_a_run_explains_64_alarms_and_then_one_in_4096_flows():
    budget = Budget()
    assert [budget.spend(50), budget.spend(50), budget.spend(50)] == [50, 14, 0]
    budget.earn(4_000)
    assert budget.spend(5) == 0
    budget.earn(4 * 4_096 - 4_000)
    assert budget.spend(5) == 4
    budget.earn(10**9)
    assert budget.spend(10**6) == 64


def test_the_first_flows_are_judged_at_once_and_later_ones_in_large_batches():
    batch = pa.RecordBatch.from_pylist([{"x": 1}] * 10)
    sizes = [table.num_rows for table in gathered(iter([batch] * 100), 300)]
    assert sizes[:4] == [10, 40, 160, 300]
    assert sum(sizes) == 1_000
    assert [table.num_rows for table in gathered(iter([batch] * 3), 1)] == [10, 10, 10]
