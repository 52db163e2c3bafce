"""Table III and what stands beside it: every cell from stored predictions, the paper's figure in every row it
has.
"""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from iotids.reporting.expected import (
    check_classes,
    check_complete,
    confusion_models,
    figure_depth,
    run_folders,
)
from iotids.reporting.page import FILES, headline, readme_tables, report_page, shared_protocols
from iotids.reporting.results import score_run
from iotids.reporting.sections.epochs import best_epoch_markdown
from iotids.reporting.sections.pairwise import pairs
from iotids.reporting.sections.paper_averages import explain_rows, predicted_accuracy
from iotids.reporting.sections.per_class import per_class_rows
from iotids.reporting.sections.table3 import baselines_markdown, paper_rows, table3_csv, table3_markdown
from iotids.reporting.summary import summary
from iotids.writing.markdown import csv_table, markdown_table, number
from tests.reporting.made_results import BINARY, made_flows, made_result, run_folder_content

PAPER = json.loads((Path(__file__).parents[2] / "iotids/reporting/paper_table3.json").read_text())


@pytest.fixture(scope="module")
def results():
    made = {
        "dl4": 0.97,
        "dl7": 0.96,
        "hoeffding_tree": 0.9,
        "naive_bayes": 0.7,
        "hist_gradient_boosting": 0.99,
    }
    qualities = {model: {"stratified": q, "grouped": q - 0.1} for model, q in made.items()}
    return {
        ("binary", model): made_result(model, quality=q, seed=i)
        for i, (model, q) in enumerate(qualities.items())
    }


def cells(markdown):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in markdown.strip().splitlines()
        if "---" not in line
    ]


def test_every_row_of_the_papers_table_is_kept():
    assert [len(PAPER[task]) for task in ("binary", "multiclass")] == [6, 6]
    assert PAPER["multiclass"]["dl6"] == [0.9973, 0.9886, 0.9867, 0.9877]
    assert PAPER["binary"]["naive_bayes"] == [0.8723, 0.877, 0.872, 0.859]


def test_table3_shows_the_paper_then_every_split_in_the_papers_order(results):
    rows = cells(table3_markdown(results, PAPER, protocols=["stratified", "grouped"]))
    assert rows[0] == ["Alg.", "", "Binary Acc.", "Binary P", "Binary R", "Binary F"]
    assert [row[0] for row in rows[1::3]] == ["**HT**", "**NB**", "**DL4**", "**DL7**"]
    assert [row[1] for row in rows[1:4]] == ["paper", "stratified", "grouped"]
    assert rows[7][2:] == ["0.9968", "0.9935", "0.9935", "0.9350*"]
    mine = results["binary", "dl4"].protocols["stratified"]
    assert rows[8][2] == f"{mine.mean['accuracy']:.4f} ± {mine.std['accuracy']:.4f}"
    assert rows[8][5] == f"{mine.mean['f1_weighted']:.4f} ± {mine.std['f1_weighted']:.4f}"


def test_mean_and_spread_are_those_of_the_folds_recomputed_by_hand(results):
    scored = results["binary", "dl4"].protocols["grouped"]
    accuracy = [fold["accuracy"] for fold in scored.folds]
    assert scored.mean["accuracy"] == pytest.approx(np.mean(accuracy))
    assert scored.std["accuracy"] == pytest.approx(np.std(accuracy, ddof=1))
    assert scored.confusion.sum() == 5 * 200
    assert np.trace(scored.confusion) / 1000 == pytest.approx(np.mean(accuracy))


def test_networks_of_other_depths_stand_below_the_papers(results):
    more = results | {("binary", "dl9"): results["binary", "dl4"]}
    assert paper_rows(more, PAPER) == ["hoeffding_tree", "naive_bayes", "dl4", "dl7", "dl9"]


def test_baselines_stand_best_first_under_the_last_split(results):
    rows = cells(baselines_markdown(results, task="binary", protocols=["stratified", "grouped"]))
    assert [row[0] for row in rows[1:]] == ["gradient boosting", "DL4", "DL7", "HT", "NB"]
    assert rows[1][-2:] == ["2.0", "5.0"]


def test_the_csv_has_the_papers_figure_only_beside_the_average_it_is_shown_with(results):
    rows = list(csv.DictReader(io.StringIO(table3_csv(results, PAPER))))
    shown = [row for row in rows if row["model"] == "dl7" and row["split"] == "stratified" and row["paper"]]
    assert {row["score"]: row["paper"] for row in shown} == {
        "accuracy": "0.9975",
        "precision_weighted": "0.9937",
        "recall_weighted": "0.9937",
        "f1_weighted": "0.9937",
    }


def test_predictions_that_lack_rows_are_refused_by_fold():
    document, predictions = run_folder_content("dl4", quality=0.9)
    with pytest.raises(
        ValueError, match="binary-dl4, split grouped, fold 4: 199 predictions for 200 test rows"
    ):
        score_run(
            document,
            predictions.slice(0, predictions.num_rows - 1),
            protocols=["grouped"],
            benign="BENIGN",
            flows=made_flows(document),
        )
    with pytest.raises(ValueError, match="binary-dl4 has no results for the split temporal"):
        score_run(document, predictions, protocols=["temporal"], benign="BENIGN", flows=made_flows(document))


def test_rows_of_classes_no_model_could_learn_are_left_out_of_the_scores():
    document, predictions = run_folder_content("dl4", quality=0.9)
    for fold in document["protocols"]["grouped"]["folds"]:
        fold["untrained_classes"] = ["ATTACK"]
    scored = score_run(
        document, predictions, protocols=["grouped"], benign="BENIGN", flows=made_flows(document)
    ).protocols["grouped"]
    assert all(fold["untestable_rows"] > 0 and fold["classes_scored"] == 1 for fold in scored.folds)


def test_a_missing_run_is_named_with_the_command_that_makes_it(tmp_path):
    runs = run_folders(
        ("binary",), (4, 5), ("naive_bayes",), network=tmp_path / "network", baseline=tmp_path / "baseline"
    )
    assert list(runs) == [("binary", "dl4"), ("binary", "dl5"), ("binary", "naive_bayes")]
    with pytest.raises(
        FileNotFoundError, match=r"no results \(folds.json\) in .*network/binary-5: run `dvc repro`"
    ):
        check_complete(
            runs, {("binary", "dl4"): True, ("binary", "dl5"): False, ("binary", "naive_bayes"): True}
        )


def test_a_run_of_other_classes_is_refused_by_name():
    check_classes("out/network/multiclass-4", ["BENIGN", "DOS"], ("BENIGN", "DOS"))
    with pytest.raises(
        ValueError,
        match=r"out/network/multiclass-4 was trained on the classes BENIGN, DOS, but data.classes ask for BENIGN, MITM",
    ):
        check_classes("out/network/multiclass-4", ["BENIGN", "DOS"], ("BENIGN", "MITM"))


@pytest.mark.parametrize(
    ("depths", "wanted", "chosen"), [((4, 5, 6, 7), 6, 6), ((4, 5), 7, 5), ((6, 8), 7, 8)]
)
def test_the_figure_shows_the_papers_depth_or_the_nearest(depths, wanted, chosen):
    assert figure_depth(depths, wanted) == chosen


def test_accuracy_from_precision_and_recall_agrees_with_a_counted_example():
    """1,000 rows, 240 benign, 10 benign missed, 10 attacks called benign: R and P of benign are 230 / 240."""
    ratio = 230 / 240
    known = {"precision": ratio, "recall": ratio, "n_classes": 2, "benign_share": 0.24}
    assert predicted_accuracy("benign class", **known) == pytest.approx(0.98)
    assert predicted_accuracy("weighted or micro", **known | {"recall": 0.98}) == 0.98
    five = {"precision": 0.98, "recall": 0.98, "n_classes": 5, "benign_share": 0.24}
    assert (
        predicted_accuracy("one-vs-rest", **five)
        == predicted_accuracy("threshold 0.5", **five)
        == pytest.approx(1 - 40 / 5000)
    )


def test_which_average_the_paper_printed():
    told = {
        (row["task"], row["model"]): row["nearest"] if row["explained"] else None
        for row in explain_rows(PAPER)
    }
    assert {told["binary", m] for m in ("dl4", "dl5", "dl6")} == {"benign class"}
    assert {
        told[task, m] for task in ("binary", "multiclass") for m in ("hoeffding_tree", "naive_bayes")
    } == {"weighted or micro"}
    assert told["multiclass", "dl4"] == "one-vs-rest"
    assert told["binary", "dl7"] is told["multiclass", "dl6"] is None


def test_per_class_rows_count_every_flow_once(results):
    rows = per_class_rows(results["binary", "dl4"])
    assert [row[3] for row in rows] == [*BINARY, *BINARY]
    assert sum(row[7] for row in rows if row[2] == "grouped") == 1000


def test_metrics_are_few_and_have_the_same_names_whatever_depth_was_run(results):
    of_dl4 = summary(results, {"binary": "dl4"}, protocols=["stratified", "grouped"])
    of_dl7 = summary(results, {"binary": "dl7"}, protocols=["stratified", "grouped"])
    assert list(of_dl4["binary"]) == list(of_dl7["binary"]) == ["stratified", "grouped"]
    assert set(of_dl4["binary"]["grouped"]) == {"acc", "f1"}
    assert of_dl4 != of_dl7


def test_the_page_answers_the_questions_and_names_the_data(results):
    protocols = {"binary": ["stratified", "grouped"]}
    compared = {("binary", p): pairs(list(results.values()), p) for p in protocols["binary"]}
    page = report_page(
        results, PAPER, compared, data_name="generated", protocols=protocols, figure_models={"binary": "dl7"}
    )
    for asked in (
        "Does depth matter?",
        "Does the network beat HT and NB?",
        "Does it beat trees?",
        "Does it survive another split?",
    ):
        assert asked in page
    assert "data set `generated`" in page
    assert "better than HT" in page and "worse than gradient boosting" in page
    assert "macro F falls by" in page
    assert "nan" not in page
    asked = (
        "How many false alarms?",
        "Do the scores mean what they say?",
        "What does it cost?",
        "Does it work on a network that it has not seen?",
    )
    assert all(f"## {question}" in page for question in asked)
    assert (
        page.index("## Headline")
        < page.index("## In plain words")
        < page.index("## Table III")
        < page.index("## How many false alarms?")
    )
    for name in FILES:
        assert f"({name})" in page


def test_best_epoch_stands_beside_the_last(results):
    rows = cells(
        best_epoch_markdown({("binary", "dl4"): results["binary", "dl4"]}, protocols=["stratified"]).split(
            "\n\n"
        )[1]
    )
    mean = results["binary", "dl4"].protocols["stratified"].mean["accuracy"]
    assert rows[1] == ["binary", "DL4", "stratified", "3", f"{mean:.4f}", "2", f"{mean + 0.001:.4f}"]


def test_the_readme_block_holds_table3_and_every_model(results):
    block = readme_tables(
        results, PAPER, data_name="generated", protocols={"binary": ["stratified", "grouped"]}
    )
    assert "**DL7**" in block and "gradient boosting" in block


def test_tables_of_all_tasks_show_the_splits_that_all_tasks_have():
    both = {"binary": ["stratified", "attack", "grouped"], "multiclass": ["stratified", "grouped"]}
    assert shared_protocols(both) == ["stratified", "grouped"]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (["stratified", "dedup", "grouped"], ["stratified", "grouped"]),
        (["stratified", "temporal", "environment"], ["stratified", "temporal"]),
        (["stratified"], ["stratified"]),
    ],
)
def test_pictures_and_readme_show_the_papers_split_and_the_grouped_one(asked, shown):
    assert headline(asked) == shown


def test_markdown_numbers_and_csv_gaps():
    assert number(0.98712, 0.0012) == "0.9871 ± 0.0012"
    assert number(0.98712, float("nan")) == "0.9871"
    assert number(float("nan")) == number(None) == "–"
    assert markdown_table(["a", "b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |\n"
    assert csv_table(["a", "b"], [[1, None], [float("nan"), "x"]]) == "a,b\n1,\n,x\n"


def test_confusion_is_drawn_for_networks_ht_nb_and_boosting():
    asked = ["dl4", "hoeffding_tree", "majority", "hist_gradient_boosting"]
    assert confusion_models(asked) == ["dl4", "hoeffding_tree", "hist_gradient_boosting"]
