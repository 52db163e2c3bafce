"""Scores against hand-checked numbers, scikit-learn's, and the rules for absent classes."""

import numpy as np
import pytest
from sklearn import metrics

from iotids.learning.scores.confusions import averages, confusion_matrix
from iotids.learning.scores.judged import capture_weights, judge
from iotids.learning.scores.metrics import METRICS, find_metric
from iotids.learning.scores.scores import (
    mean_and_std,
    per_class,
    score_fold,
    score_predictions,
)

CLASSES = ("BENIGN", "DOS", "SCAN")


def random_predictions(seed, n=400, k=3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    scores = rng.dirichlet(np.ones(k), n)
    scores[np.arange(n), truth] += rng.random(n)
    # coarse scores make many ties on purpose
    scores = np.round(scores / scores.sum(axis=1, keepdims=True), 2)
    return truth, scores


def test_hand_checked_two_class_numbers():
    truth = np.array([0, 0, 0, 0, 1, 1])
    attack = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.9])
    got = score_predictions(truth, np.column_stack([1 - attack, attack]), ("BENIGN", "ATTACK"))
    assert got["accuracy"] == pytest.approx(4 / 6)
    assert got["precision_macro"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert got["recall_macro"] == got["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert got["precision_weighted"] == pytest.approx((4 * 3 / 4 + 2 * 1 / 2) / 6)
    assert got["roc_auc"] == got["detection_roc_auc"] == pytest.approx(7 / 8)
    assert got["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)
    assert got["fpr_at_recall_90"] == pytest.approx(1 / 4)
    assert got["recall_at_fpr_1e-2"] == pytest.approx(1 / 2)
    assert got["brier"] == pytest.approx(2 * np.mean((attack - truth) ** 2))
    assert got["rows"] == 6 and got["classes_scored"] == 2


def test_one_vs_rest_accuracy_counts_true_negatives_of_every_class():
    confusion = np.array([[5, 1, 0], [2, 4, 0], [0, 1, 7]])
    wanted = [
        (confusion.sum() - confusion[c].sum() - confusion[:, c].sum() + 2 * confusion[c, c]) / confusion.sum()
        for c in range(3)
    ]
    assert averages(confusion)["accuracy_ovr"] == pytest.approx(np.mean(wanted))


@pytest.mark.parametrize("seed", range(5))
def test_averages_agree_with_scikit_learn(seed):
    truth, scores = random_predictions(seed)
    predicted = scores.argmax(axis=1)
    got = score_predictions(truth, scores, CLASSES)
    for average in ("micro", "macro", "weighted"):
        wanted = metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        assert [got[f"{name}_{average}"] for name in ("precision", "recall", "f1")] == pytest.approx(
            wanted[:3]
        )
    assert got["mcc"] == pytest.approx(metrics.matthews_corrcoef(truth, predicted))
    assert got["roc_auc"] == pytest.approx(
        np.mean([metrics.roc_auc_score(truth == c, scores[:, c]) for c in range(3)])
    )
    assert got["pr_auc"] == pytest.approx(
        np.mean([metrics.average_precision_score(truth == c, scores[:, c]) for c in range(3)])
    )
    fpr, recall, _ = metrics.roc_curve(truth != 0, -scores[:, 0], drop_intermediate=False)
    assert got["fpr_at_recall_95"] == pytest.approx(fpr[recall >= 0.95].min())
    assert got["recall_at_fpr_1e-2"] == pytest.approx(recall[fpr <= 0.01].max())


def test_half_scores_are_elementwise_counts_as_keras_prints_them():
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.1, 0.1, 0.8], [0.6, 0.1, 0.3]])
    got = score_predictions(truth, scores, CLASSES)
    assert got["precision_half"] == pytest.approx(2 / 3)
    assert got["recall_half"] == pytest.approx(2 / 4)
    assert got["accuracy_half"] == pytest.approx(1 - 3 / 12)


def test_a_class_absent_from_the_truth_is_left_out_of_averages_and_counted():
    truth = np.array([0, 0, 1, 1])
    scores = np.eye(3)[[0, 2, 1, 1]]
    got = score_predictions(truth, scores, CLASSES)
    assert got["classes_scored"] == 2
    assert got["recall_macro"] == pytest.approx(0.75)
    assert got["precision_macro"] == pytest.approx(1.0)
    assert np.isnan(per_class(truth, scores, CLASSES)["SCAN"]["recall"])


def test_a_present_class_that_is_never_predicted_has_precision_zero():
    got = per_class(np.array([0, 1]), np.eye(3)[[0, 0]], CLASSES)
    assert got["DOS"]["precision"] == 0.0 and got["DOS"]["f1"] == 0.0


def test_detection_scores_are_nan_without_attacks():
    got = score_predictions(np.zeros(4, int), np.full((4, 3), 1 / 3), CLASSES)
    assert (
        np.isnan(got["fpr_at_recall_90"])
        and np.isnan(got["recall_at_fpr_1e-2"])
        and np.isnan(got["detection_roc_auc"])
    )


def test_no_rows_give_nan_and_no_error():
    got = score_predictions(np.zeros(0, int), np.zeros((0, 3)), CLASSES)
    assert got["rows"] == 0 and np.isnan(got["accuracy"]) and np.isnan(got["ece"])


def test_order_of_rows_changes_no_score():
    truth, scores = random_predictions(3)
    order = np.random.default_rng(0).permutation(truth.size)
    assert score_predictions(truth, scores, CLASSES) == pytest.approx(
        score_predictions(truth[order], scores[order], CLASSES)
    )


def test_the_benign_class_may_stand_anywhere():
    truth, scores = random_predictions(4)
    moved = score_predictions(
        (truth + 1) % 3, np.roll(scores, 1, axis=1), ("SCAN", "BENIGN", "DOS"), benign="BENIGN"
    )
    assert moved["detection_roc_auc"] == pytest.approx(
        score_predictions(truth, scores, CLASSES)["detection_roc_auc"]
    )


def test_rows_of_a_class_that_was_not_trained_are_counted_but_not_scored():
    truth = np.array([0, 0, 1, 2, 2])
    scores = np.eye(3)[[0, 0, 1, 0, 1]]
    got = score_fold(truth, scores, CLASSES, trained=np.array([True, True, False]))
    assert got["accuracy"] == 1.0 and got["untestable_rows"] == 2 and got["rows"] == 3


def test_perfectly_calibrated_scores_have_no_calibration_error():
    truth = np.repeat([0, 1], [75, 25])
    got = score_predictions(truth, np.tile([0.75, 0.25], (100, 1)), ("BENIGN", "ATTACK"))
    assert got["ece"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (np.array([0, 1]), np.zeros((2, 2)), "want \\(2, 3\\)"),
        (np.array([0, 3]), np.zeros((2, 3)), "class numbers 0 to 3"),
        (np.array([0, 1]), np.array([[0, 1, 0], [0, np.nan, 0]]), "row 1 for class DOS is nan"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_by_name(truth, scores, message):
    with pytest.raises(ValueError, match=message):
        score_predictions(truth, scores, CLASSES)


def test_mean_over_folds_leaves_nan_out():
    mean, std = mean_and_std([{"a": 1.0, "b": np.nan}, {"a": 3.0, "b": 5.0}])
    assert mean == {"a": 2.0, "b": 5.0}
    assert std["a"] == pytest.approx(2**0.5) and np.isnan(std["b"])


def test_confusion_rows_are_truth():
    assert confusion_matrix(np.array([0, 0, 1]), np.array([1, 0, 1]), 2).tolist() == [[1, 1], [0, 1]]


SITUATIONS = {
    "no rows": np.zeros(0, int),
    "one benign row": np.array([0]),
    "benign only": np.zeros(30, int),
    "one attack only": np.ones(30, int),
    "two attacks, no benign": np.repeat([1, 2], 15),
    "all classes": np.arange(30) % 3,
}
SCORES = {
    "ties": lambda n: np.tile([0.5, 0.25, 0.25], (n, 1)),
    "coarse": lambda n: np.round(np.random.default_rng(5).dirichlet(np.ones(3), n), 1),
    "fine": lambda n: np.random.default_rng(6).dirichlet(np.ones(3), n),
}
NEEDS_BOTH = ("roc_auc", "pr_auc", "detection_roc_auc", "fpr_at_recall", "recall_at_fpr")


def one_vs_rest(truth, scores, figure, weight):
    """Mean of a scikit-learn ranking figure over the classes that have rows on both sides; NaN without any."""
    known = [c for c in range(3) if 0 < np.count_nonzero(truth == c) < truth.size]
    values = [figure(truth == c, scores[:, c], sample_weight=weight) for c in known]
    return np.mean(values) if values else np.nan


def by_scikit_learn(truth, scores, weight):
    """What scikit-learn says of the metrics that it has; NaN where a figure has no meaning."""
    if not truth.size:
        return {}
    said, present = scores.argmax(axis=1), np.unique(truth)
    found = {"accuracy": metrics.accuracy_score(truth, said, sample_weight=weight)}
    for average in ("macro", "weighted"):
        figures = metrics.precision_recall_fscore_support(
            truth, said, labels=present, average=average, zero_division=0, sample_weight=weight
        )
        found |= dict(
            zip([f"{name}_{average}" for name in ("precision", "recall", "f1")], figures, strict=False)
        )
    found["balanced_accuracy"] = found["recall_macro"]
    found["mcc"] = metrics.matthews_corrcoef(truth, said, sample_weight=weight)
    found["roc_auc"] = one_vs_rest(truth, scores, metrics.roc_auc_score, weight)
    found["pr_auc"] = one_vs_rest(truth, scores, metrics.average_precision_score, weight)
    attack = truth != 0
    found["detection_roc_auc"] = (
        metrics.roc_auc_score(attack, -scores[:, 0], sample_weight=weight)
        if 0 < attack.sum() < truth.size
        else np.nan
    )
    squared = ((scores - np.eye(3)[truth]) ** 2).sum(axis=1)
    found["brier"] = np.average(squared, weights=weight)
    return found


@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "captures"])
@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.filterwarnings("ignore")
def test_every_metric_is_scikit_learns_or_undefined_by_its_own_rule(situation, kind, weighted):
    truth = SITUATIONS[situation]
    scores = SCORES[kind](truth.size)
    weight = capture_weights(np.arange(truth.size) // 7) if weighted and truth.size else None
    got = score_predictions(truth, scores, CLASSES, weight=weight)
    assert list(got) == list(METRICS)
    assert {name: got[name] for name in by_scikit_learn(truth, scores, weight)} == pytest.approx(
        by_scikit_learn(truth, scores, weight), nan_ok=True
    )
    has_both = {"detection": 0 < (truth != 0).sum() < truth.size, "any": np.unique(truth).size > 1}
    for name, value in got.items():
        if name in ("rows", "classes_scored", "untestable_rows"):
            assert value == {"rows": truth.size, "classes_scored": np.unique(truth).size}.get(name, 0)
        elif not truth.size:
            assert np.isnan(value), name
        elif name.startswith(NEEDS_BOTH):
            assert np.isnan(value) != has_both["any" if name in ("roc_auc", "pr_auc") else "detection"], name
        else:
            low, high = (-1.0, 1.0) if name in ("mcc", "accuracy_ovr") else (0.0, 2.0)
            assert low <= value <= high, name


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_refuses_nan_and_says_when_it_is_undefined(name):
    with pytest.raises(ValueError, match="1 scores are not finite"):
        find_metric(name).of(judge(np.array([0, 1]), np.array([[1, 0, 0], [0, np.nan, 0]]), CLASSES))
    assert find_metric(name).undefined in ("no rows", "not both a positive and a negative row", "never")


def test_average_precision_has_no_meaning_without_negatives():
    """A fold of one attack class alone: its ranking would be perfect whatever the scores are."""
    got = score_predictions(np.ones(5, int), np.tile([0.9, 0.1], (5, 1)), ("BENIGN", "ATTACK"))
    assert got["accuracy"] == 0.0 and np.isnan(got["pr_auc"]) and np.isnan(got["roc_auc"])
    assert np.isnan(
        per_class(np.ones(5, int), np.tile([0.9, 0.1], (5, 1)), ("BENIGN", "ATTACK"))["ATTACK"]["pr_auc"]
    )


def test_captures_of_unequal_size_weigh_the_same_when_asked():
    """A flood of 90 flows all found, and a capture of 10 flows all missed: 0.9 over flows, 0.5 over captures."""
    truth, capture = np.ones(100, int), np.repeat([0, 1], [90, 10])
    scores = np.eye(2)[np.repeat([1, 0], [90, 10])]
    flows = score_predictions(truth, scores, ("BENIGN", "ATTACK"))
    captures = score_predictions(truth, scores, ("BENIGN", "ATTACK"), weight=capture_weights(capture))
    assert (flows["accuracy"], captures["accuracy"]) == (0.9, pytest.approx(0.5))
    assert captures["rows"] == 100


def test_weights_that_are_all_the_same_change_nothing():
    truth, scores = random_predictions(8)
    plain, weighted = (
        score_predictions(truth, scores, CLASSES, weight=w) for w in (None, np.full(truth.size, 3.0))
    )
    assert weighted == pytest.approx(plain)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match="no metric 'f2'; known are rows, classes_scored, accuracy"):
        find_metric("f2")
