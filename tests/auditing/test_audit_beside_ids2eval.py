"""Every check of IDS2Eval 0.2.3 has a row in docs/audit.md, and the check of ours that stands in it finds a fault that was
put into an honest table, and none in the honest one.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from iotids.auditing.scorecard import columns, order, rows, sites
from iotids.auditing.scorecard.audit import check_robustness
from iotids.auditing.scorecard.exporters import check_exporter
from iotids.auditing.scorecard.finding import Finding, Worth
from iotids.auditing.scorecard.releases import check_release
from iotids.auditing.scorecard.sample import draw
from iotids.auditing.scorecard.tables import read_labelled
from tests.auditing.honest_table import honest_columns
from tests.auditing.test_scorecard import write_csv

ROOT, N = Path(__file__).parents[2], 600
IDS2EVAL = [
    "dedup_check",
    "label_conflict_check",
    "near_duplicate_class_check",
    "leakage_screen",
    "one_rule_check",
    "feature_auc_ranking_check",
    "identity_column_flag",
    "port_protocol_shortcut_check",
    "temporal_leakage_check",
    "temporal_realism_check",
    "flow_group_leakage_check",
    "row_order_leakage_check",
    "homogeneity_test",
    "resplit_falsification",
    "scenario_holdout_falsification",
    "class_distribution_report",
    "low_cardinality_warning",
    "schema_fingerprint_check",
    "data_integrity_check",
    "synthetic_realism_check",
    "cross_dataset_drift_check",
    "cross_capture_matrix_check",
    "feature_category_ablation_check",
    "artifact_sensitivity_check",
    "result_robustness_check",
    "known_issue_lookup",
    "seed_sensitivity_check",
    "repeated_seed_falsification_check",
]
"""The keys of the section `audit` of its settings that switch a check on."""


def honest():
    """Features and labels."""
    return honest_columns(N)


def with_column(name, of_attacks, of_others):
    """Give a column that tells the classes apart."""
    return lambda f, y: ({**f, name: np.where(y == "Attack", of_attacks, of_others)}, y)


def copied(f, y):
    """Every row three times."""
    return {name: np.tile(values[: N // 3], 3) for name, values in f.items()}, np.tile(y[: N // 3], 3)


def contradicting(f, y):
    """Every row twice, with either label."""
    return {name: np.tile(values[: N // 2], 2) for name, values in f.items()}, np.repeat(
        ["Attack", "BENIGN"], N // 2
    )


def renamed_half(f, y):
    """Half of the attacks are called something else, and are the same vectors."""
    f = {name: np.repeat(values[: N // 2], 2) for name, values in f.items()}
    y = np.repeat(y[: N // 2], 2)
    return f, np.where((y == "Attack") & (np.arange(len(y)) % 2 == 0), "Other", y)


def by_class(f, y):
    """Sorted by class."""
    place = np.argsort(y, kind="stable")
    return {name: values[place] for name, values in f.items()}, y[place]


def one_after_the_other(f, y):
    """Attacks happen after everything else."""
    f, y = by_class(f, y)
    return {**f, "Timestamp": 1.7e9 + np.arange(N)}, y[::-1]


def opposite_sites(f, y):
    """At one site the features mean the opposite of what they mean at the other."""
    site = np.arange(N) % 2
    turned = {name: np.where(site, -f[name], f[name]) for name in ("Tot Fwd Pkts", "Flow IAT Mean")}
    return {**f, **turned, "Source": np.where(site, "north", "south")}, y


def in_groups(f, y):
    """Groups of ten rows that are nearly one row, each of one class whatever its features are."""
    groups, generator = np.arange(N) // 10, np.random.default_rng(1)
    near = {name: generator.normal(0, 100, N // 10)[groups] + generator.normal(0, 0.01, N) for name in f}
    near["Timestamp"], near["Src IP"], near["Group"] = f["Timestamp"], f["Src IP"], groups
    return near, np.where(generator.random(N // 10) < 0.5, "Attack", "BENIGN")[groups]


def few_attacks(f, y):
    """Twenty attacks."""
    kept = np.flatnonzero((y != "Attack") | (np.cumsum(y == "Attack") <= 20))
    return {name: values[kept] for name, values in f.items()}, y[kept]


def impossible(f, y):
    """Durations below zero."""
    return {**f, "Flow Duration": np.where(np.arange(N) % 9, f["Flow Duration"], -1.0)}, y


def few_rows(f, y):
    """Sixty rows, which one split cannot judge."""
    return {name: values[:60] for name, values in f.items()}, y[:60]


def of_cic(f, y):
    """Classes of CIC-IDS2017."""
    return f, np.where(y == "Attack", "DoS Hulk", "PortScan")


PLANTED = {  # by our check's name: the check, and how an honest table is spoilt
    "duplicates": (rows.check_duplicates, copied),
    "label conflicts": (rows.check_conflicts, contradicting),
    "near-duplicate classes": (rows.check_near_duplicates, renamed_half),
    "leakage screen": (columns.check_importance, with_column("Flow Byts/s", 9.0, 1.0)),
    "one rule": (columns.check_one_rule, with_column("Flow Byts/s", 9.0, 1.0)),
    "one feature": (columns.check_one_feature, with_column("Flow Byts/s", 9.0, 1.0)),
    "identity columns": (columns.check_identity, with_column("Src IP", 7, 8)),
    "port and protocol shortcut": (columns.check_ports, with_column("Dst Port", 23, 443)),
    "artefact sensitivity": (columns.check_sensitivity, with_column("Dst Port", 23, 443)),
    "time as a feature": (order.check_time, one_after_the_other),
    "temporal realism": (order.check_temporal_realism, one_after_the_other),
    "row order": (order.check_row_order, by_class),
    "flow groups": (sites.check_groups, in_groups),
    "unseen site": (sites.check_unseen_site, opposite_sites),
    "cross-capture matrix": (sites.check_matrix, opposite_sites),
    "homogeneity": (rows.check_homogeneity, copied),
    "class distribution": (rows.check_classes, few_attacks),
    "near-constant features": (rows.check_constant, with_column("Flow Byts/s", 1.0, 1.0)),
    "data integrity": (rows.check_integrity, impossible),
    "seed sensitivity": (rows.check_seeds, few_rows),
    "known issues of the release": (lambda sample: check_release(sample.table), of_cic),
}
ELSEWHERE = {  # tested by tests of their own, below or in test_scorecard.py
    "exporter fingerprint",
    "ablation by family",
    "result robustness",
    "synthetic against real",
    "other dataset",
    "every intervention",
}
LOUD_WHEN_HONEST = {"seed sensitivity"}  # 600 rows are too few for a stable figure, and the check says so


def sample_of(path, features, labels):
    return draw(read_labelled(write_csv(path, features, labels)), 10 * N, 7)


def documented():
    """(check of IDS2Eval, ours, verdict, evidence) of every row."""
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    table = text.partition("| verdict | evidence |\n")[2].partition("\n\n")[0]
    return re.findall(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$", table, re.MULTILINE)


def test_every_check_of_ids2eval_has_a_row_with_verdict_and_evidence():
    found = documented()
    assert sorted(name for name, *_ in found) == sorted(IDS2EVAL) and len(found) == 28
    assert {verdict for _, _, verdict, _ in found} <= {"same", "better", "not meant for"}
    assert [name for name, _, _, evidence in found if len(evidence) < 10] == []


def test_every_check_of_ours_in_a_row_is_tested_with_a_fault():
    assert {ours for _, ours, _, _ in documented()} == PLANTED.keys() | ELSEWHERE


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_that_was_put_in_is_found(tmp_path, name):
    check, spoil = PLANTED[name]
    found = check(sample_of(tmp_path / "table.csv", *spoil(*honest())))
    assert found.check == name and found.suspicious, found.said


@pytest.mark.parametrize("name", sorted(PLANTED.keys() - LOUD_WHEN_HONEST))
def test_an_honest_table_has_none_of_the_faults(tmp_path, name):
    found = PLANTED[name][0](sample_of(tmp_path / "table.csv", *honest()))
    assert found.check == name and not found.suspicious, found.said


def test_the_exporter_is_named_by_its_columns(tmp_path):
    names = [
        *[
            "TotLen Fwd Pkts",
            "Fwd Pkt Len Max",
            "Flow Byts/s",
            "Flow Pkts/s",
            "Init Fwd Win Byts",
            "Fwd Seg Size Min",
            "Pkt Size Avg",
        ],
        "Src IP",
        "Dst Port",
        "Timestamp",
    ]
    features, labels = honest()
    table = {name: features.get(name, np.arange(N) % 7) for name in names}
    found = check_exporter(read_labelled(write_csv(tmp_path / "t.csv", table, labels)))
    assert found.check == "exporter fingerprint" and "CICFlowMeter 4" in found.said


def test_the_family_that_a_model_lives_by_is_named(tmp_path):
    features, labels = with_column("Flow IAT Mean", 9.0, 1.0)(*honest())
    features["Tot Fwd Pkts"] = np.random.default_rng(3).random(N)
    found = columns.check_families(sample_of(tmp_path / "t.csv", features, labels))
    most = max(found.worth, key=lambda one: one.points)
    own = columns.family_of("Flow IAT Mean")
    assert found.check == "ablation by family" and own in most.intervention and most.low > 20


def test_the_lowest_score_of_any_split_is_the_robust_one():
    worth = Worth("keep groups on one side", 90.0, 60.0, 30.0, 20.0, 40.0, 5)
    none = Worth("test on vectors that training lacks", 90.0, 89.0, 1.0, -1.0, 3.0, 5)
    found = [Finding("flow groups", True, "", {}, (worth,)), Finding("duplicates", False, "", {}, (none,))]
    robust = check_robustness(found)
    assert robust.check == "result robustness" and robust.suspicious and "60.0 at worst" in robust.said
    assert not check_robustness(found[1:]).suspicious


def test_every_intervention_has_an_interval_over_five_splits(tmp_path):
    """What IDS2Eval has one check for, repeated_seed_falsification_check."""
    sample = sample_of(tmp_path / "t.csv", *with_column("Dst Port", 23, 443)(*honest()))
    for check in (columns.check_ports, columns.check_one_feature, order.check_row_order):
        assert all(one.repeats == 5 and one.low <= one.points <= one.high for one in check(sample).worth)
