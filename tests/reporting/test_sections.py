"""The sections of the report beside Table III: every figure against one worked out here."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from iotids.learning.scores.comparisons import bootstrap_intervals
from iotids.learning.scores.pairs import compare_runs, pairs, pairs_csv, read_pairs
from iotids.learning.scores.runs.tables import folds_csv, scores_csv
from iotids.learning.scores.scores import score_predictions
from iotids.learning.scores.significance import corrected_t_test
from iotids.reporting.sections.calibration_table import calibration_markdown, reliability_csv
from iotids.reporting.sections.costs import costs, costs_markdown
from iotids.reporting.sections.false_alarms import false_alarms_csv, false_alarms_markdown
from iotids.reporting.sections.headline import headline_markdown
from iotids.reporting.sections.orders import orders_markdown, prequential_markdown
from iotids.reporting.sections.pairwise import matrix, standings_markdown
from iotids.reporting.sections.unseen import unseen_markdown
from tests.reporting.made_results import BINARY, made_result, made_run
from tests.reporting.made_results import scored as score_made

SPLITS = ("stratified", "grouped", "environment")
QUALITY = {"dl4": 0.95, "naive_bayes": 0.7, "majority": 0.55}


@pytest.fixture(scope="module")
def results():
    return {
        ("binary", model): made_result(model, quality=q, splits=SPLITS, seed=i)
        for i, (model, q) in enumerate(QUALITY.items())
    }


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


def cells(markdown):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in markdown.strip().splitlines()
        if "---" not in line
    ]


def test_pooled_scores_are_those_of_all_predictions_together(results):
    _, predictions = made_run("dl4", quality=0.95, splits=SPLITS, seed=0)
    part = predictions.to_pandas().query("split == 'grouped'")
    by_hand = score_predictions(
        part["truth"].to_numpy(), part[["score_BENIGN", "score_ATTACK"]].to_numpy(), BINARY, benign="BENIGN"
    )
    scored = results["binary", "dl4"].splits["grouped"]
    assert {name: scored.pooled[name] for name in by_hand} == pytest.approx(by_hand)
    assert scored.by_group.shape == (20, 2, 2) and np.array_equal(
        scored.by_group.sum(axis=0), scored.confusion
    )


def test_intervals_hold_the_pooled_score_and_widen_when_recordings_differ(results):
    scored = results["binary", "dl4"].splits["grouped"]
    sure = scored.intervals["f1_macro"]
    assert (
        sure.value == pytest.approx(scored.pooled["f1_macro"])
        and sure.low < sure.value < sure.high
        and sure.groups == 20
    )
    one_recording_is_all_wrong = scored.by_group.copy()
    one_recording_is_all_wrong[:4] = one_recording_is_all_wrong[:4, :, ::-1]
    unequal = bootstrap_intervals(one_recording_is_all_wrong)["f1_macro"]
    assert unequal.high - unequal.low > 2 * (sure.high - sure.low)


def test_the_headline_names_every_model_best_first_and_gives_no_mean_over_unseen_sites(results):
    header, *rows = cells(headline_markdown(results, task="binary", splits=SPLITS))
    assert header[1::2] == ["stratified: macro F", "grouped: macro F", "unseen site: macro F"]
    assert [row[0] for row in rows] == ["DL4", "NB", "majority class"]
    assert "±" in rows[0][1] and "±" in rows[0][3] and rows[0][5].startswith("(") and "±" not in rows[0][5]
    mine = results["binary", "dl4"].splits["grouped"]
    assert rows[0][4] == f"{mine.by_capture['f1_macro']:.4f}" != f"{mine.pooled['f1_macro']:.4f}"


def test_a_headline_of_unseen_sites_alone_is_ranked_by_them(results):
    _, *rows = cells(headline_markdown(results, task="binary", splits=SPLITS[-1:]))
    assert len(rows) == 3
    assert all(row[1].startswith("(") for row in rows)


def test_every_pair_is_tested_once_and_holm_counts_the_pairs(results):
    found = pairs(list(results.values()), "grouped")
    assert [(pair.model, pair.other) for pair in found] == [
        ("dl4", "naive_bayes"),
        ("dl4", "majority"),
        ("naive_bayes", "majority"),
    ]
    first, second = (results["binary", model].splits["grouped"] for model in ("dl4", "naive_bayes"))
    folds = [[fold["f1_macro"] for fold in scored.folds] for scored in (first, second)]
    difference, p = corrected_t_test(*folds, test_share=0.25)
    assert (found[0].difference, found[0].t_p) == pytest.approx((difference, p))
    smallest = min(found, key=lambda pair: pair.t_p)
    assert smallest.t_p_holm == pytest.approx(3 * smallest.t_p)
    assert found[0].differs and found[0].low95 > 0
    assert {pair.wilcoxon_p for pair in found} == {0.0625} and min(
        pair.wilcoxon_p_holm for pair in found
    ) > 0.05  # the least five folds can give
    assert read_pairs(pairs_csv({("binary", "grouped"): found})) == {("binary", "grouped"): found}
    assert list(compare_runs(results)) == [("binary", "stratified"), ("binary", "grouped")]


def test_the_matrix_of_pairs_is_antisymmetric_and_standings_count_all_others(results):
    found = pairs(list(results.values()), "grouped")
    models = [model for _, model in results]
    difference, apart = matrix(models, found)
    assert np.isnan(np.diag(difference)).all() and np.allclose(
        np.triu(difference, 1), -np.tril(difference, -1).T
    )
    assert np.array_equal(apart, apart.T)
    rows = cells(standings_markdown(models, {"grouped": found}, {"grouped": "grouped"}))[1:]
    assert [sum(map(int, row[1:])) for row in rows] == [2, 2, 2]
    assert rows[0] == ["DL4", "2", "0", "0"]


def test_models_tested_on_different_flows_are_not_compared(results):
    other = made_result("dl5", quality=0.9, splits=SPLITS, n=150)
    with pytest.raises(ValueError, match="tested on different flows"):
        pairs([results["binary", "dl4"], other], "grouped")


def test_false_alarms_follow_from_rate_base_rate_and_traffic(results):
    fpr = results["binary", "naive_bayes"].splits["grouped"].mean["fpr_at_recall_95"]
    found = [
        row
        for row in lines(false_alarms_csv(results))
        if (row["model"], row["split"], row["recall"]) == ("naive_bayes", "grouped", "0.95")
    ]
    one = next(row for row in found if row["base_rate"] == "0.001")
    assert float(one["false_alarms_per_day"]) == pytest.approx(0.999 * fpr * 100_000)
    assert float(one["precision"]) == pytest.approx(0.001 * 0.95 / (0.001 * 0.95 + 0.999 * fpr))
    header, *rows = cells(false_alarms_markdown(results, task="binary", split="grouped"))
    assert header[1:4] == [f"FPR at recall {level}" for level in ("0.90", "0.95", "0.99")]
    assert header[4:7] == [f"recall at FPR {level}" for level in ("0.01", "0.001", "0.0001")]
    assert [row[0] for row in rows] == sorted(
        (row[0] for row in rows), key=lambda name: float(next(r[2] for r in rows if r[0] == name))
    )
    assert f"{0.999 * fpr * 100_000:,.0f}" in {row[7] for row in rows}


def test_the_points_of_the_reliability_plot_add_up_to_the_calibration_error(results):
    rows = [
        row
        for row in lines(reliability_csv(results))
        if (row["model"], row["split"]) == ("naive_bayes", "grouped")
    ]
    flows = np.array([int(row["flows"]) for row in rows])
    gap = np.array([abs(float(row["accuracy"]) - float(row["confidence_mean"])) for row in rows])
    assert flows.sum() == 1000
    assert (gap * flows).sum() / 1000 == pytest.approx(
        results["binary", "naive_bayes"].splits["grouped"].pooled["ece"]
    )
    assert (
        cells(calibration_markdown(results, task="binary", splits=["stratified", "grouped"]))[1][0] == "DL4"
    )


def test_costs_are_means_over_folds_and_flows(results):
    fit_s, predict_s, us_per_flow, size_kib = costs(results["binary", "dl4"].splits["grouped"])
    assert (fit_s, predict_s, us_per_flow) == pytest.approx((2.0, 0.001, 5.0))
    assert np.isnan(size_kib) and "–" in costs_markdown(results, task="binary", split="grouped")


def test_streaming_models_show_their_orders_and_keep_the_run_in_time_apart(results):
    assert orders_markdown(results) == prequential_markdown(results) == ""
    scored = results["binary", "dl4"].splits["grouped"]
    spread = replace(scored, repeat_std={"accuracy": 0.0123, "f1_macro": 0.0456})
    run = {"metrics": scored.pooled, "window_accuracy": [0.5] * 5 + [0.8] * 40 + [1.0] * 5}
    tree = replace(results["binary", "dl4"], model="vfdt", splits={"grouped": spread}, prequential=run)
    orders, in_time = (
        orders_markdown({("binary", "vfdt"): tree}),
        prequential_markdown({("binary", "vfdt"): tree}),
    )
    assert "0.0123" in orders and "0.0456" in orders and "Weka's HT" in orders
    assert (
        cells(in_time.split("\n\n")[1])[1][-2:] == ["0.5000", "1.0000"] and "must not be compared" in in_time
    )


def test_each_site_left_out_has_a_row_and_all_flows_together_follow(results):
    header, *rows = cells(unseen_markdown(list(results.values()), "environment"))
    assert header[2:] == ["DL4", "NB", "majority class"] and [row[0] for row in rows[:5]] == [
        "N0",
        "N1",
        "N2",
        "N3",
        "N4",
    ]
    scored = results["binary", "dl4"].splits["environment"]
    assert rows[1][2] == f"{scored.folds[1]['accuracy']:.4f}"
    assert {row[0]: row[2] for row in rows[5:]}["all: macro F"] == f"{scored.pooled['f1_macro']:.4f}"


def test_flows_that_nobody_can_name_are_counted_and_stay_out_of_the_pooled_scores():
    document, predictions = made_run("dl4", quality=0.9, splits=("environment",))
    document["splits"]["environment"]["folds"][0]["untrained_classes"] = ["ATTACK"]
    result = score_made(document, predictions)
    scored = result.splits["environment"]
    lost = int(scored.folds[0]["untestable_rows"])
    assert (
        0 < lost < 200
        and scored.pooled["rows"] == 1000 - lost == scored.by_group.sum()
        and scored.confusion.sum() == 1000
    )
    assert cells(unseen_markdown([result], "environment"))[1][1] == f"{200 - lost} + {lost}"


def test_figures_of_one_number_are_pooled_where_sites_are_left_out(results):
    scored = results["binary", "naive_bayes"].splits
    assert scored["environment"].value("f1_macro") == scored["environment"].pooled["f1_macro"]
    assert scored["environment"].mean == {} and np.isnan(scored["environment"].spread("f1_macro"))
    assert scored["grouped"].value("f1_macro") == scored["grouped"].mean["f1_macro"]


def test_long_tables_hold_every_score_of_every_fold(results):
    folds, scores = lines(folds_csv(results)), lines(scores_csv(results))
    scored = results["binary", "dl4"].splits["grouped"]
    mine = [row for row in folds if (row["model"], row["split"]) == ("dl4", "grouped")]
    assert [row["fold"] for row in mine] == [f"N{i}" for i in range(5)]
    assert [float(row["mcc"]) for row in mine] == pytest.approx([fold["mcc"] for fold in scored.folds])
    one = next(
        row for row in scores if (row["model"], row["split"], row["score"]) == ("dl4", "grouped", "mcc")
    )
    assert [float(one[name]) for name in ("value", "std", "pooled")] == pytest.approx(
        [scored.mean["mcc"], scored.std["mcc"], scored.pooled["mcc"]]
    )
