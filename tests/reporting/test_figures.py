"""Curves, confusion lines and pictures."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest

from iotids.learning.scores.pairs import pairs
from iotids.reporting.figures.architecture import layers_of_keras
from iotids.reporting.figures.confusion import confusion_csv
from iotids.reporting.figures.curves import curves_csv, curves_of
from iotids.reporting.figures.matrices import pairwise_figure, unseen_figure
from iotids.reporting.figures.plots import comparison_figure, confusion_figure, curves_figure, save_png
from iotids.reporting.figures.reliability import reliability_figure
from iotids.reporting.sections.pairwise import matrix
from iotids.reporting.sections.unseen import unseen_matrix
from tests.reporting.made_results import made_history, made_result


def test_curves_are_mean_and_sample_spread_over_folds():
    curves = curves_of(made_history(), "grouped")
    assert curves.epochs.tolist() == [1, 2, 3] and curves.n_folds == 5
    np.testing.assert_allclose(curves.mean["val_loss"], [0.3, 0.55, 0.8])
    np.testing.assert_allclose(curves.std["train_accuracy"], np.std([0, 0.025, 0.05, 0.075, 0.1], ddof=1))


def test_a_fold_that_stopped_early_leaves_the_mean_of_the_others():
    history = made_history(splits=("stratified",), n_folds=2)
    curves = curves_of(
        history.filter(~(np.array(history["fold"]) == 1) | (np.array(history["epoch"]) < 3)), "stratified"
    )
    assert curves.mean["val_loss"].tolist() == [0.2625, 0.5125, 0.75]
    assert np.isnan(curves.std["val_loss"][-1])


def test_the_csv_has_one_line_per_epoch_and_the_columns_dvc_plots_name():
    both = [curves_of(made_history(), split) for split in ("stratified", "grouped")]
    rows = list(csv.DictReader(io.StringIO(curves_csv(both))))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {
        "train_accuracy",
        "val_accuracy",
        "train_loss",
        "val_loss",
        "val_accuracy_std",
        "grouped_val_accuracy",
    } <= set(rows[0])


def test_an_unknown_split_has_no_curves():
    with pytest.raises(ValueError, match="no epoch of the split temporal"):
        curves_of(made_history(), "temporal")


def test_every_pair_of_classes_has_a_line_with_its_share_of_the_true_class():
    confusion = np.array([[995, 4, 1], [0, 2, 1], [0, 0, 0]])
    rows = list(csv.reader(io.StringIO(confusion_csv(confusion, ("a", "b", "c"), "DL4"))))
    assert rows[0] == ["model", "actual", "predicted", "per_mille"]
    assert [(actual, predicted, int(share)) for _, actual, predicted, share in rows[1:]] == [
        ("a", "a", 995),
        ("a", "b", 4),
        ("a", "c", 1),
        ("b", "a", 0),
        ("b", "b", 667),
        ("b", "c", 333),
        ("c", "a", 0),
        ("c", "b", 0),
        ("c", "c", 0),
    ]
    assert {row[0] for row in rows[1:]} == {"DL4"}


def test_the_same_figures_give_the_same_bytes(tmp_path):
    results = [made_result("dl4", quality=0.9), made_result("naive_bayes", quality=0.7)]
    matrices = [[(r.model, r.splits[p].confusion) for p in r.splits] for r in results]
    curves = [curves_of(made_history(), split) for split in ("stratified", "grouped")]
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        save_png(curves_figure(curves, "curves"), tmp_path / name / "curves.png")
        save_png(
            confusion_figure(matrices, ("BENIGN", "ATTACK"), "confusion"), tmp_path / name / "confusion.png"
        )
        save_png(
            comparison_figure(results, ["stratified", "grouped"], "models", "f1_macro"),
            tmp_path / name / "models.png",
        )
        difference, apart = matrix(["dl4", "naive_bayes"], pairs(results, "grouped"))
        save_png(
            pairwise_figure([("grouped", difference, apart)], ["DL4", "NB"], "pairs"),
            tmp_path / name / "pairs.png",
        )
        reliable = [(r.model, [(p, r.splits[p].reliability) for p in r.splits]) for r in results]
        save_png(reliability_figure(reliable, "reliability"), tmp_path / name / "reliability.png")
        save_png(
            unseen_figure(*unseen_matrix(results, "grouped")[:1], ["DL4", "NB"], list("abcde"), "unseen"),
            tmp_path / name / "unseen.png",
        )
    for picture in (
        "curves.png",
        "confusion.png",
        "models.png",
        "pairs.png",
        "reliability.png",
        "unseen.png",
    ):
        first, second = ((tmp_path / name / picture).read_bytes() for name in ("first", "second"))
        assert first == second and first.startswith(b"\x89PNG") and len(first) > 10_000


def test_the_accuracy_axis_begins_where_the_curves_are():
    curves = curves_of(made_history(), "stratified")
    figure = curves_figure([curves], "curves")
    low, high = figure.axes[0].get_ylim()
    assert 0.2 < low < 0.3 + 0.05 and 0.8 < high < 1.0


def test_a_network_on_logarithms_is_drawn_with_one_box_for_them():
    layers = [("InputLayer", {"batch_shape": [None, 70]}), ("Absolute", {}), ("Sign", {}), ("Log1p", {}), ("Multiply", {}),
              ("BatchNormalization", {}), ("Dense", {"units": 8, "activation": "relu"}), ("Dropout", {"rate": 0.0}),
              ("Dense", {"units": 5, "activation": "softmax"})]  # fmt: skip
    config = {"config": {"layers": [{"class_name": kind, "config": given} for kind, given in layers]}}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    drawn = layers_of_keras(file.getvalue())
    assert [(layer.title, layer.learned) for layer in drawn] == [
        ("70 features", 0),
        ("signed logarithm", 0),
        ("batch normalisation", 140),
        ("8 neurons, relu", 71 * 8),
        ("5 neurons, softmax", 45),
    ]
