"""The scorecard finds a fault that was put into a table, says what it is worth, and is red only where that matters."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from iotids.auditing.scorecard import columns, order, rows, sites
from iotids.auditing.scorecard.audit import audit_table
from iotids.auditing.scorecard.card import SCHEMA, card_document, card_html, card_markdown, write_card
from iotids.auditing.scorecard.doubts import CLUES, doubts_of
from iotids.auditing.scorecard.exporters import check_exporter
from iotids.auditing.scorecard.finding import CLEAR, NOTED, RED, RULE, Finding, Worth
from iotids.auditing.scorecard.refits import split_by_groups, worth_of
from iotids.auditing.scorecard.releases import check_release, recognise
from iotids.auditing.scorecard.sample import draw
from iotids.auditing.scorecard.tables import read_labelled
from tests.auditing.honest_table import honest_columns

N = 1200


def write_csv(path, columns_of_it, label, name="Label"):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns_of_it, name])
        writer.writerows(zip(*columns_of_it.values(), label, strict=True))
    return path


@pytest.fixture
def honest(tmp_path):
    """A path, and the features and labels of an honest table without addresses and times."""
    columns, labels = honest_columns(N)
    features = {name: values for name, values in columns.items() if name not in ("Src IP", "Timestamp")}
    return tmp_path / "table.csv", features, labels


def sample_of(path):
    return draw(read_labelled(path), 10 * N, 7)


def test_an_honest_table_has_no_red_finding(honest):
    table = read_labelled(write_csv(*honest))
    card = audit_table(table, honest[0], sample_rows=N, seed=7)
    assert [one.check for one in card.findings if one.status == RED] == []
    assert card.verdict == "no finding matters"
    assert len({one.check for one in card.findings}) == len(card.findings) == 28


def test_a_port_that_gives_the_class_away_is_red_with_its_points(honest):
    path, features, label = honest
    features["Dst Port"] = np.where(label == "Attack", 23, features["Dst Port"] % 1000 + 1024)
    sample = sample_of(write_csv(path, features, label))
    found = columns.check_ports(sample)
    assert found.status == RED and found.worth[0].low > 5
    assert "Dst Port" in columns.check_one_feature(sample).said
    rule = columns.check_one_rule(sample)
    assert rule.details["feature"] == "Dst Port" and rule.details["p"] < 0.05
    assert columns.check_sensitivity(sample).suspicious


def test_copies_are_red_where_memory_scores_and_noted_where_it_does_not(honest):
    """Random labels with every row five times: without copies nothing is left but chance."""
    path, features, label = honest
    few = {name: np.repeat(np.asarray(values)[: N // 5], 5) for name, values in features.items()}
    noise = np.random.default_rng(1).permutation(label[: N // 5])
    memory = rows.check_duplicates(sample_of(write_csv(path, few, np.repeat(noise, 5))))
    assert memory.status == RED and memory.worth[0].before > 90 > 70 > memory.worth[0].after
    assert memory.details["copies_share"] == pytest.approx(0.8)
    twice = {name: np.concatenate([values, np.asarray(values)[:30]]) for name, values in features.items()}
    harmless = rows.check_duplicates(sample_of(write_csv(path, twice, np.concatenate([label, label[:30]]))))
    assert harmless.status == NOTED


def test_contradicting_labels_are_counted(honest):
    path, features, label = honest
    twice = {name: np.concatenate([values, np.asarray(values)[:100]]) for name, values in features.items()}
    other = np.where(label[:100] == "Attack", "BENIGN", "Attack")
    found = rows.check_conflicts(sample_of(write_csv(path, twice, np.concatenate([label, other]))))
    assert found.details["share"] == pytest.approx(200 / (N + 100))
    assert found.details["best_possible_accuracy"] == pytest.approx(1 - 100 / (N + 100))


def test_contradicting_rows_are_worth_what_a_model_gains_without_them(honest):
    """Features that separate the classes, but for a third of the rows that occur once with each label."""
    path, features, label = honest
    features["Tot Fwd Pkts"] = np.where(label == "Attack", 100.0, 1.0) + np.arange(N) / 10_000
    twice = {name: np.concatenate([values, np.asarray(values)[:400]]) for name, values in features.items()}
    other = np.where(label[:400] == "Attack", "BENIGN", "Attack")
    found = rows.check_conflicts(sample_of(write_csv(path, twice, np.concatenate([label, other]))))
    assert found.status == RED and found.worth[0].points > 10 and found.worth[0].after > 95


def test_copies_across_the_split_are_worth_what_is_lost_on_rows_that_training_lacks(honest):
    path, features, label = honest
    few = {name: np.repeat(np.asarray(values)[: N // 3], 3) for name, values in features.items()}
    noise = np.random.default_rng(1).permutation(label[: N // 3])
    (worth,) = rows.check_homogeneity(sample_of(write_csv(path, few, np.repeat(noise, 3)))).worth
    assert worth.before > 85 > 70 > worth.after and worth.material


def test_a_rare_class_is_worth_what_equal_weights_gain(honest):
    path, features, label = honest
    kept = np.flatnonzero((label == "BENIGN") | (np.arange(N) % 20 == 0))
    rare = {name: np.asarray(values)[kept] for name, values in features.items()}
    found = rows.check_classes(sample_of(write_csv(path, rare, label[kept])))
    assert found.suspicious and found.worth[0].intervention == "weigh every class the same"
    assert found.worth[0].points == pytest.approx(found.worth[0].after - found.worth[0].before)


def test_only_facts_and_controls_have_no_intervention(honest):
    path, features, label = honest
    more = {"Src IP": np.arange(N) % 7, "Dst IP": np.arange(N) % 5, "Source": np.arange(N) % 3, **features}
    card = audit_table(read_labelled(write_csv(path, more, label)), path, sample_rows=600, seed=7)
    without = {one.check for one in card.findings if one.suspicious is not None and not one.worth}
    assert without <= FACTS_AND_CONTROLS | {
        "duplicates",
        "label conflicts",
        "data integrity",
        "near-constant features",
        "near-duplicate classes",
    }


FACTS_AND_CONTROLS = {
    "exporter fingerprint",
    "known issues of the release",
    "further labels",
    "seed sensitivity",
    "shuffled labels",
    "result robustness",
}  # the five named above have one where there is something to remove


def test_the_rule_of_the_colours_is_part_of_every_card(honest):
    card = audit_table(read_labelled(write_csv(*honest)), honest[0], sample_rows=300, seed=7)
    document = card_document(card, "1")
    assert document["rule"] == SCHEMA["properties"]["rule"]["const"] == RULE
    for one in card.findings:
        material = any(worth.low > document["material_points"] for worth in one.worth)
        wanted = {None: "not applicable", False: CLEAR, True: RED if material else NOTED}[one.suspicious]
        assert one.status == wanted


def test_issues_that_were_not_compared_with_their_source_say_so(honest):
    path, features, label = honest
    table = read_labelled(write_csv(path.with_name("n_baiot.csv"), features, label))
    assert "N-BaIoT" in (said := check_release(table).said) and "not compared with the source" in said
    known = np.where(label == "Attack", "DoS Hulk", "PortScan")
    assert "not compared" not in check_release(read_labelled(write_csv(path, features, known))).said


def test_a_class_that_copies_another_is_named_and_worth_what_merging_them_gains(honest):
    path, features, label = honest
    attack = np.flatnonzero(label == "Attack")
    both = {name: np.concatenate([values, np.asarray(values)[attack]]) for name, values in features.items()}
    names = np.concatenate([label, np.full(len(attack), "Attack2")])
    found = rows.check_near_duplicates(sample_of(write_csv(path, both, names)))
    assert found.details["pairs"]["Attack/Attack2"] > 0.9
    assert found.status == RED and found.worth[0].points > 5


def test_a_file_sorted_by_class_is_noticed_and_a_shuffled_one_is_not(honest):
    path, features, label = honest
    by_class = np.argsort(label, kind="stable")
    sorted_ = {name: np.asarray(values)[by_class] for name, values in features.items()}
    assert order.check_row_order(sample_of(write_csv(path, sorted_, label[by_class]))).status == RED
    assert order.check_row_order(sample_of(write_csv(path, features, label))).status == CLEAR


def test_classes_that_happen_one_after_the_other_are_noticed(honest):
    path, features, label = honest
    start = np.where(label == "Attack", 50_000, 0) + np.arange(N)
    stamps = [f"2017-07-03 {s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in start]
    sample = sample_of(write_csv(path, {"Timestamp": stamps, **features}, label))
    assert set(order.check_temporal_realism(sample).details["alone"]) == {"Attack", "BENIGN"}
    assert order.check_time(sample).status == RED


def test_sites_with_opposite_meaning_cost_everything_when_unseen(honest):
    path, features, label = honest
    site = np.arange(N) % 3
    features["Tot Fwd Pkts"] = np.where(
        label == "Attack", 10 * site, 10 * ((site + 1) % 3)
    ) + np.random.default_rng(3).random(N)
    sample = sample_of(write_csv(path, {"Source": [f"D{s}" for s in site], **features, "Size": site}, label))
    assert sites.check_unseen_site(sample).status == RED
    found = sites.check_matrix(sample)
    matrix = found.details["matrix"]
    assert matrix["D0"]["D0"] > 90 > matrix["D0"]["D1"]
    worst = min(value for site, row in matrix.items() for other, value in row.items() if other != site)
    assert f"{worst:.1f} at worst" in found.said


def test_a_site_of_one_class_is_left_out_and_tested_too(honest):
    """One site has both classes, two have one each and other features: what is learnt at one says nothing there."""
    path, features, label = honest
    rng = np.random.default_rng(3)
    site = np.where(np.arange(N) % 2 == 0, 0, np.where(label == "Attack", 1, 2))
    features["Tot Fwd Pkts"] = np.where((label == "Attack") == (site == 0), 10, 0) + rng.random(N)
    columns = {
        "Source": [f"D{s}" for s in site],
        "Tot Fwd Pkts": features["Tot Fwd Pkts"],
        "Size": rng.random(N),
    }
    sample = sample_of(write_csv(path, columns, label))
    unseen, matrix = sites.check_unseen_site(sample), sites.check_matrix(sample)
    assert unseen.status == matrix.status == RED
    assert "2 of 3 sites have one class only" in unseen.said
    assert list(matrix.details["matrix"]) == ["D0"] and matrix.details["matrix"]["D0"]["D1"] < 10


def test_sites_that_share_no_class_cannot_be_left_out(honest):
    path, features, label = honest
    sample = sample_of(write_csv(path, {"Source": np.where(label == "Attack", "A", "B"), **features}, label))
    assert sites.check_unseen_site(sample).status == sites.check_matrix(sample).status == "not applicable"


def test_groups_are_never_on_both_sides():
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 40, 2000)
    split = split_by_groups(groups % 3, groups, 1)
    assert not set(groups[split.train]) & set(groups[split.test])
    assert 0.2 < len(split.test) / 2000 < 0.45


def test_addresses_are_worth_what_a_model_gains_from_them(honest):
    path, features, label = honest
    hosts = np.where(label == "Attack", "10.0.0.1", "10.0.0.2")
    sample = sample_of(write_csv(path, {"Src IP": hosts, **features}, label))
    found = columns.check_identity(sample)
    assert found.status == RED and found.worth[0].points > 10
    assert "Src IP" not in sample.table.features


def test_no_second_column_of_places_or_times_is_shown_to_a_model(honest):
    path, features, label = honest
    places = {
        name: np.arange(N)
        for name in ("group", "capture", "source", "device", "start_us", "time", "src_ip", "saddr")
    }
    table = read_labelled(write_csv(path, {**places, **features}, label))
    assert set(table.features) == set(features)
    assert table.other_labels == ()


def test_impossible_values_are_counted(honest):
    path, features, label = honest
    features["Flow Duration"] = features["Flow Duration"].astype(object)
    features["Flow Duration"][:4] = ["", "Infinity", -1, "NaN"]
    found = rows.check_integrity(sample_of(write_csv(path, features, label)))
    assert found.details == {"Flow Duration": {"empty": 2, "infinite": 1, "negative": 1}}


def test_an_interval_covers_no_effect_where_differences_cancel():
    worth = worth_of("x", [90, 90, 90], [89, 91, 90], np.array([1.0, -1.0, 0.0]), 0.43)
    assert worth.points == 0 and worth.low < 0 < worth.high and not worth.material
    # t(2) = 4.303, sd = 1, corrected by 1/3 + 0.43
    assert worth.high == pytest.approx(4.303 * (1 / 3 + 0.43) ** 0.5)


def test_a_finding_is_red_only_if_its_whole_interval_matters():
    worth = Worth("drop", 90, 80, 10, 2, 18, 5)
    assert Finding("c", True, "", {}, (worth,)).status == RED
    assert Finding("c", True, "", {}, (replace(worth, low=0.5),)).status == NOTED
    assert Finding("c", False, "", {}, (worth,)).status == CLEAR


def test_a_small_table_without_a_red_finding_is_doubtful_and_not_clean(tmp_path):
    features, label = honest_columns(289)
    features = {name: values for name, values in features.items() if name != "Src IP"}
    path = write_csv(tmp_path / "t.csv", features, label)
    card = audit_table(read_labelled(path), path, sample_rows=1000, seed=7)
    assert set(CLUES) <= {finding.check for finding in card.findings}
    (few,) = card.doubts
    assert few.startswith("289 rows are too few to see what a finding is worth")
    assert card.verdict == "doubtful: no finding can be shown to matter, but 1 doubt"
    for text in (card_html(card, "1"), card_markdown(card, "1"), *card_document(card, "1")["doubts"]):
        assert few in text
    assert card_html(card, "1").index("too few") < card_html(card, "1").index("A forest scores")


def test_doubts_come_from_wide_intervals_and_from_clues_that_no_effect_shows():
    narrow, wide = Worth("drop", 90, 90, 0, -1, 1, 5), Worth("drop", 90, 90, 0, -8, 8, 5)
    clue = Finding("time as a feature", True, "", {"balanced_accuracy": 0.984}, (narrow,))
    assert doubts_of([clue], 289)[0].startswith(
        "time as a feature: it alone has a balanced accuracy of 0.984"
    )
    assert doubts_of([replace(clue, worth=(replace(narrow, low=2, high=3),))], 289) == ()  # red: said already
    assert doubts_of([replace(clue, suspicious=False)], 289) == ()
    assert "± 8 points" in doubts_of([replace(clue, suspicious=False, worth=(wide,))], 289)[0]
    of_two_tables = replace(clue, check="synthetic against real")
    assert doubts_of([of_two_tables], 289) == ()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("../shared/captures/tables/IoTID20_sample_5rows_86cols.csv", "CICFlowMeter 4"),
        ("../shared/captures/tables/cic_0.01km.first2of3.csv", "CICFlowMeter 3"),
    ],
)
def test_published_tables_are_recognised(name, wanted, request):
    path = request.config.rootpath / name
    if not path.is_file():
        pytest.skip("the published tables are not here")
    assert wanted in check_exporter(read_labelled(path, label="Cat" if "IoTID20" in name else None)).said


def test_iotid20_is_recognised_by_its_columns_and_cic_ids2017_by_its_classes(honest):
    path, features, label = honest
    table = read_labelled(write_csv(path, {**features, "Cat": label, "Sub_Cat": label}, label))
    assert [release.name for release, _ in recognise(table)] == ["IoTID20"]
    assert table.other_labels == ("Cat", "Sub_Cat") and "Cat" not in table.features
    common = read_labelled(write_csv(path, features, np.where(label == "Attack", "MIRAI", "DOS")))
    assert recognise(common) == []
    renamed = np.where(label == "Attack", "DoS Hulk", "PortScan")
    assert [r.name for r, how in recognise(read_labelled(write_csv(path, features, renamed)))] == [
        "CIC-IDS2017"
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f, y: (f, y, "Verdict"), "Name it with --label"),
        (lambda f, y: (f, np.full(N, "BENIGN"), "Label"), "1 distinct values"),
        (lambda f, y: (f, np.full(N, ""), "Label"), "none of 1,200 rows has a label"),
        (lambda f, y: (f, np.full(N, " - "), "Label"), "1 distinct values"),
        (lambda f, y: (f, np.arange(N), "Label"), "1,200 distinct values"),
        (lambda f, y: ({"Src IP": f["Dst Port"]}, y, "Label"), "no column with numbers"),
    ],
)
def test_a_table_that_cannot_be_audited_is_refused_with_what_to_do(honest, change, said):
    path, features, label = honest
    features, label, name = change(features, label)
    with pytest.raises(ValueError, match=said):
        read_labelled(write_csv(path, features, label, name))


def test_the_command_audits_a_csv_and_its_json_fits_the_schema(honest, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    write_csv(*honest)
    command = [sys.executable, "-m", "iotids", "audit", str(honest[0]), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "scorecard.json").read_text())
    jsonschema.validate(document, json.loads((tmp_path / "out" / "scorecard.schema.json").read_text()))
    assert document["rows"] == N
    page = (tmp_path / "out" / "scorecard.html").read_text()
    assert "no finding matters" in page and "src=" not in page
    assert "sha256:" in (tmp_path / "out" / "CITATION.cff").read_text()


def test_the_command_refuses_what_is_no_table(tmp_path):
    (tmp_path / "x.parquet").write_text("no parquet")
    for name in ("x.parquet", "gone.csv"):
        command = [sys.executable, "-m", "iotids", "audit", str(tmp_path / name), "-o", str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (
            done.returncode == (2 if name == "gone.csv" else 1)
            and "Traceback" not in done.stderr
            and name in done.stderr
        )


def test_a_second_table_is_compared_by_shared_features_and_classes(honest, tmp_path):
    path, features, label = honest
    table = read_labelled(write_csv(path, features, label))
    moved = {name: np.asarray(values) + 1000 for name, values in features.items()}
    other = read_labelled(write_csv(tmp_path / "other.csv", moved, label))
    real, drift = sites.check_reference(draw(table, N, 7), draw(other, N, 7))
    assert real.suspicious and drift.status == RED
    same, none = sites.check_reference(draw(table, N, 7), draw(table, N, 8))
    assert not same.suspicious and none.status == CLEAR


def test_the_schema_names_every_key_of_the_document(honest, tmp_path):
    table = read_labelled(write_csv(*honest))
    card = audit_table(table, honest[0], sample_rows=300, seed=7)
    assert set(SCHEMA["required"]) <= set(card_document(card, "1"))
    write_card(card, "1", tmp_path / "out")
    assert "| red |" not in (tmp_path / "out" / "scorecard.md").read_text()
