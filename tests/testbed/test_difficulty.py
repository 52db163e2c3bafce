"""How hard the sample is: no single feature gives the classes away, and no model is perfect."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def features(full_sample) -> tuple[np.ndarray, np.ndarray]:
    """Return the model's features (infinite values as 0) and the classes of the flows that the paper takes
    from each source.
    """
    table = full_sample.flows
    rows = np.column_stack([table.column(name).to_numpy().astype(float) for name in MODEL_FEATURE_NAMES])
    source, label = (np.array(table.column(name).to_pylist()) for name in ("source", "label"))
    taken = (source == "D1") | (source == "D3") | (label != "BENIGN")
    return np.nan_to_num(rows[taken], nan=0.0, posinf=0.0, neginf=0.0), label[taken]


def test_best_single_split_of_one_feature_separates_attack_from_benign_badly(features):
    rows, label = features
    stump = DecisionTreeClassifier(max_depth=1, class_weight="balanced", random_state=0)
    scores = [
        balanced_accuracy_score(
            label == "BENIGN", stump.fit(column[:, None], label == "BENIGN").predict(column[:, None])
        )
        for column in rows.T
    ]
    assert max(scores) < 0.88


@pytest.mark.parametrize("category", ["DOS", "MITM", "MIRAI", "SCANNING"])
def test_best_single_split_of_one_feature_finds_no_class(features, category):
    rows, label = features
    stump = DecisionTreeClassifier(max_depth=1, class_weight="balanced", random_state=0)
    scores = [
        balanced_accuracy_score(
            label == category, stump.fit(column[:, None], label == category).predict(column[:, None])
        )
        for column in rows.T
    ]
    assert max(scores) < 0.92


def test_strong_model_is_good_but_not_perfect(features):
    rows, label = features
    train, test = train_test_split(np.arange(len(label)), test_size=0.3, stratify=label, random_state=0)
    model = HistGradientBoostingClassifier(
        max_iter=40, learning_rate=0.15, l2_regularization=1.0, random_state=0
    )
    told, true = model.fit(rows[train], label[train]).predict(rows[test]), label[test]
    assert 0.95 < accuracy_score(true, told) < 0.995
    assert 0.965 < accuracy_score(true == "BENIGN", told == "BENIGN") < 0.997
    mitm_f = f1_score(true == "MITM", told == "MITM")
    assert 0.3 < mitm_f < 0.97
