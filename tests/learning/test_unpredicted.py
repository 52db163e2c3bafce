"""What a model never predicts is counted over the folds that could have shown it, and said wherever its score is."""

import json

import numpy as np

from iotids.learning.scores.runs.cards import card
from iotids.learning.scores.runs.run_files import run_from_plain, run_to_plain
from iotids.learning.scores.unpredicted import Unpredicted, count_unpredicted, unpredicted_words
from iotids.reporting.page import report_page
from iotids.reporting.sections.per_class import unpredicted_markdown, unpredicted_notes
from tests.reporting.made_results import made_content, made_scores, prediction_rows, scored

CLASSES = ("BENIGN", "DOS", "MITM")


def run_without_mitm(splits=("stratified", "grouped")):
    """A run of two folds that calls every MITM flow BENIGN, and DOS likewise in fold 1."""
    import pyarrow as pa

    truth, parts = np.arange(60) % 3, []
    for split in splits:
        for fold in range(2):
            said = np.where(truth == 2, 0, truth)
            said = np.where(said == 1, 0, said) if fold else said
            parts.append(prediction_rows(split, fold, truth, made_scores(truth, said, 3), CLASSES))
    record = {"train_rows": 60, "test_rows": 60, "fit_s": 1.0, "predict_s": 0.1, "untrained_classes": []}
    record |= {"epochs": 1, "best_epoch": {"epoch": 1, "val_accuracy": 0.5, "val_loss": 1.0}}
    folds = {"folds": [record | {"fold": fold} for fold in range(2)]}
    document = {
        "task": "multiclass",
        "model": "dl6",
        "stage": "network",
        "classes": list(CLASSES),
        "features": 70,
    }
    params = {"depth": 6, "width": 8, "batch_size": 8, "epochs": 1, "learning_rate": 0.1, "momentum": 0.0}
    params |= {"decay": 0.0, "dropout": 0.0}
    document |= {"params": params, "splits": dict.fromkeys(splits, folds)}
    return scored(document, pa.concat_tables(parts))


def test_only_folds_that_trained_on_a_class_and_hold_it_count():
    never, absent, found = np.array([[5, 0], [5, 0]]), np.array([[5, 0], [0, 0]]), np.array([[5, 0], [1, 4]])
    trained, untrained = np.array([True, True]), np.array([True, False])
    counted = count_unpredicted(
        [never, never, absent, found, never], [trained] * 4 + [untrained], ("BENIGN", "ATTACK")
    )
    assert counted == [Unpredicted("ATTACK", 2, 3)]
    assert counted[0].words == "ATTACK in 2 of 3 folds"
    assert count_unpredicted([absent], [trained], ("BENIGN", "ATTACK")) == []


def test_wrong_predictions_of_a_class_are_predictions():
    """Never right is another thing than never predicted."""
    assert count_unpredicted([np.array([[0, 5], [5, 0]])], [np.ones(2, bool)], ("BENIGN", "ATTACK")) == []


def test_every_place_of_the_score_says_it():
    run = run_without_mitm()
    words = "never predicts DOS in 1 of 2 folds, MITM in all 2 folds"
    assert unpredicted_words(run.splits["grouped"].unpredicted) == words
    runs = {("multiclass", "dl6"): run}
    assert words in unpredicted_notes(runs, task="multiclass", splits=["grouped"])
    assert "MITM in all 2 folds" in unpredicted_markdown(runs, splits=["grouped"])
    assert card(run)["grouped"]["unpredicted"][1] == {"class": "MITM", "folds": 2, "tested": 2}
    page = report_page(made_content(runs, wanted={"multiclass": "dl6"}))
    assert f"† DL6 {words} (stratified)" in page and "DOS 1/2, MITM 2/2" in page


def test_a_model_that_predicts_everything_gets_no_footnote():
    from tests.reporting.made_results import made_result

    runs = {("binary", "dl4"): made_result("dl4")}
    assert unpredicted_notes(runs, task="binary", splits=["grouped"]) == ""
    assert "Every model predicts every class" in unpredicted_markdown(runs, splits=["grouped"])


def test_a_run_read_from_its_file_is_the_run():
    run = run_without_mitm(("stratified", "environment"))
    again = run_from_plain(json.loads(json.dumps(run_to_plain(run))))
    for split, before in run.splits.items():
        after = again.splits[split]
        assert (after.mean, after.std) == (before.mean, before.std) or before.mean
        np.testing.assert_equal(after.pooled, before.pooled)
        np.testing.assert_equal(after.folds, before.folds)
        assert after.intervals == before.intervals and after.unpredicted == before.unpredicted
        assert after.confusion.tolist() == before.confusion.tolist() and after.figure == before.figure
    assert (again.task, again.model, again.stage, again.classes) == ("multiclass", "dl6", "network", CLASSES)
