"""Table III and what stands beside it: every cell from stored predictions, the paper's figure in every row it
has.
"""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from iotids.learning.scores.runs.expected import check_classes, check_complete, run_folders
from iotids.learning.scores.runs.summary import summary
from iotids.learning.scores.runs.tables import per_class_csv
from iotids.reporting.page import FILES, report_page
from iotids.reporting.results_page import figure_models
from iotids.reporting.sections.epochs import best_epoch_markdown
from iotids.reporting.sections.paper_averages import explain_rows, predicted_accuracy
from iotids.reporting.sections.table3 import baselines_markdown, paper_rows, table3_csv, table3_markdown
from iotids.writing.markdown import csv_table, markdown_table, number
from tests.reporting.made_results import BINARY, PAPER, made_content, made_result, made_run
from tests.reporting.made_results import scored as score_made


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
    rows = cells(table3_markdown(results, PAPER, splits=["stratified", "grouped"]))
    assert rows[0] == ["Alg.", "", "Binary Acc.", "Binary P", "Binary R", "Binary F"]
    assert [row[0] for row in rows[1::3]] == ["**HT**", "**NB**", "**DL4**", "**DL7**"]
    assert [row[1] for row in rows[1:4]] == ["paper", "stratified", "grouped"]
    assert rows[7][2:] == ["0.9968", "0.9935", "0.9935", "0.9350*"]
    mine = results["binary", "dl4"].splits["stratified"]
    assert rows[8][2] == f"{mine.mean['accuracy']:.4f} ± {mine.std['accuracy']:.4f}"
    assert rows[8][5] == f"{mine.mean['f1_weighted']:.4f} ± {mine.std['f1_weighted']:.4f}"


def test_mean_and_spread_are_those_of_the_folds_recomputed_by_hand(results):
    scored = results["binary", "dl4"].splits["grouped"]
    accuracy = [fold["accuracy"] for fold in scored.folds]
    assert scored.mean["accuracy"] == pytest.approx(np.mean(accuracy))
    assert scored.std["accuracy"] == pytest.approx(np.std(accuracy, ddof=1))
    assert scored.confusion.sum() == 5 * 200
    assert np.trace(scored.confusion) / 1000 == pytest.approx(np.mean(accuracy))


def test_networks_of_other_depths_stand_below_the_papers(results):
    more = results | {("binary", "dl9"): results["binary", "dl4"]}
    assert paper_rows(more, PAPER) == ["hoeffding_tree", "naive_bayes", "dl4", "dl7", "dl9"]


def test_baselines_stand_best_first_under_the_last_split(results):
    rows = cells(baselines_markdown(results, task="binary", splits=["stratified", "grouped"]))
    assert [row[0] for row in rows[1:]] == ["gradient boosting", "DL4", "DL7", "HT", "NB"]
    assert rows[1][-3:] == ["–", "2.0", "5.0"]


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
    document, predictions = made_run("dl4", quality=0.9)
    with pytest.raises(
        ValueError, match="binary-dl4, split grouped, fold 4: 199 predictions for 200 test rows"
    ):
        score_made(document, predictions.slice(0, predictions.num_rows - 1), splits=["grouped"])
    with pytest.raises(ValueError, match="binary-dl4 has no results for the split temporal"):
        score_made(document, predictions, splits=["temporal"])


def test_rows_of_classes_no_model_could_learn_are_left_out_of_the_scores():
    document, predictions = made_run("dl4", quality=0.9)
    for fold in document["splits"]["grouped"]["folds"]:
        fold["untrained_classes"] = ["ATTACK"]
    scored = score_made(document, predictions).splits["grouped"]
    assert all(fold["untestable_rows"] > 0 and fold["classes_scored"] == 1 for fold in scored.folds)


def test_a_missing_run_is_named_with_the_command_that_makes_it(tmp_path):
    runs = run_folders(
        ("binary",),
        {"network": ("dl4", "dl5"), "baseline": ("naive_bayes",)},
        {name: tmp_path / name for name in ("network", "baseline")},
    )
    assert list(runs) == [("binary", "dl4"), ("binary", "dl5"), ("binary", "naive_bayes")]
    with pytest.raises(
        FileNotFoundError, match=r"no results \(folds.json\) in .*network/binary-dl5: run `dvc repro`"
    ):
        check_complete(
            runs, {("binary", "dl4"): True, ("binary", "dl5"): False, ("binary", "naive_bayes"): True}
        )


def test_a_run_of_other_classes_is_refused_by_name():
    check_classes("out/network/multiclass-dl4", ["BENIGN", "DOS"], ("BENIGN", "DOS"))
    with pytest.raises(
        ValueError,
        match=r"out/network/multiclass-dl4 was trained on the classes BENIGN, DOS, but data.classes ask for BENIGN, MITM",
    ):
        check_classes("out/network/multiclass-dl4", ["BENIGN", "DOS"], ("BENIGN", "MITM"))


@pytest.mark.parametrize(
    ("ran", "wanted", "chosen"),
    [(("dl4", "dl6", "dl7"), "dl6", "dl6"), (("dl4", "dl5"), "dl7", "dl5"), (("dl8",), "dl7", "dl8")],
)
def test_the_figure_shows_the_papers_network_or_the_last_that_ran(ran, wanted, chosen):
    drawable = [("binary", model) for model in ran]
    assert figure_models(drawable, {"binary": wanted, "multiclass": "dl6"}) == {"binary": chosen}


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
    found = {
        (row["task"], row["model"]): row["nearest"] if row["explained"] else None
        for row in explain_rows(PAPER)
    }
    assert {found["binary", m] for m in ("dl4", "dl5", "dl6")} == {"benign class"}
    assert {
        found[task, m] for task in ("binary", "multiclass") for m in ("hoeffding_tree", "naive_bayes")
    } == {"weighted or micro"}
    assert found["multiclass", "dl4"] == "one-vs-rest"
    assert found["binary", "dl7"] is found["multiclass", "dl6"] is None


def test_per_class_rows_count_every_flow_once(results):
    rows = list(csv.DictReader(io.StringIO(per_class_csv(results))))
    mine = [row for row in rows if (row["model"], row["split"]) == ("dl4", "grouped")]
    assert [row["class"] for row in mine] == list(BINARY)
    assert sum(int(row["support"]) for row in mine) == sum(int(row["predicted"]) for row in mine) == 1000


def test_metrics_name_their_model_and_the_best_baseline(results):
    tree = summary(results)["binary"]["grouped"]
    assert list(tree) == ["DL4", "DL7", "best_baseline"]
    value = results["binary", "dl7"].splits["grouped"].value("f1_macro")
    assert tree["DL7"]["f1_macro"] == pytest.approx(value, abs=5e-5)
    assert tree["best_baseline"]["model"] == "gradient boosting"


@pytest.mark.parametrize(
    ("model", "key"),
    [("dl_sensible", "dl_sensible"), ("my_net", "my_net"), ("gru-2", "gru-2"), ("dl12", "DL12")],
)
def test_the_key_of_a_model_in_metrics_is_one_plain_word(results, model, key):
    network = replace(results["binary", "dl4"], model=model)
    tree = summary({("binary", model): network, **results})
    keys = [name for splits in tree.values() for models in splits.values() for name in models]
    assert key in keys and all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in keys)


def test_the_page_answers_the_questions_and_names_the_data(results):
    page = report_page(made_content(results))
    for asked in (
        "Does depth matter?",
        "Does the network beat HT and NB?",
        "Does it beat trees?",
        "Does it survive another split?",
    ):
        assert asked in page
    assert "data set `simulated`" in page
    assert "better than HT" in page and "worse than gradient boosting" in page
    assert "macro F falls by" in page
    assert "nan" not in page
    asked = (
        "How many false alarms?",
        "Do the scores mean what they say?",
        "What does it cost?",
        "Does it work at a site that it has not seen?",
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
        best_epoch_markdown({("binary", "dl4"): results["binary", "dl4"]}, splits=["stratified"]).split(
            "\n\n"
        )[1]
    )
    mean = results["binary", "dl4"].splits["stratified"].mean["accuracy"]
    assert rows[1] == ["binary", "DL4", "stratified", "3", f"{mean:.4f}", "2", f"{mean + 0.001:.4f}"]


def test_a_network_that_tests_nothing_before_its_last_epoch_has_no_best_one(results):
    scored = results["binary", "dl4"].splits["stratified"]
    plain = [
        {key: value for key, value in record.items() if key not in ("epochs", "best_epoch")}
        for record in scored.records
    ]
    bare = replace(results["binary", "dl4"], splits={"stratified": replace(scored, records=plain)})
    text = best_epoch_markdown({("binary", "idcvae"): bare}, splits=["stratified"])
    assert "IDCVAE" not in text.upper()


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (["stratified", "dedup", "grouped"], ["stratified", "grouped"]),
        (["stratified", "temporal", "environment"], ["stratified", "temporal"]),
        (["stratified"], ["stratified"]),
    ],
)
def test_pictures_show_the_papers_split_and_the_grouped_one(asked, shown):
    content = made_content({("binary", "majority"): made_result("majority", splits=asked)})
    assert content.both == shown


def test_tables_of_all_tasks_show_the_splits_that_all_tasks_have():
    made = {"binary": ["stratified", "attack", "grouped"], "multiclass": ["stratified", "grouped"]}
    runs = {(task, "majority"): made_result("majority", task=task, splits=s) for task, s in made.items()}
    assert made_content(runs).shared == ["stratified", "grouped"]


def test_markdown_numbers_and_csv_gaps():
    assert number(0.98712, 0.0012) == "0.9871 ± 0.0012"
    assert number(0.98712, float("nan")) == "0.9871"
    assert number(float("nan")) == number(None) == "–"
    assert markdown_table(["a", "b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |\n"
    assert csv_table(["a", "b"], [[1, None], [float("nan"), "x"]]) == "a,b\n1,\n,x\n"
