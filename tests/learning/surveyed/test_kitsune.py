"""Damped statistics are their formula; a detector that saw benign flows only ranks another behaviour above them."""

from dataclasses import replace

import numpy as np
import pytest

from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.networks.surveyed.kitsune.damped_statistics import (
    DECAYS_PER_S,
    MEASURED,
    N_STATISTICS,
    damped_statistics,
    statistics_alone,
)
from iotids.learning.networks.surveyed.kitsune.kind import alike_columns
from iotids.learning.registry import KINDS
from tests.learning.given import training_data

COLUMNS = [MODEL_FEATURE_NAMES.index(name) for name in MEASURED]


def flows(values, host, start_s, truth=None):
    """Flows to one responder; all four measured features have the value e^v - 1."""
    n = len(values)
    X = np.zeros((n, 70))
    X[:, COLUMNS] = np.expm1(np.asarray(values, float))[:, None]
    data = training_data(X, np.zeros(n) if truth is None else truth, n_classes=2)
    start_us = (np.asarray(start_s) * 1e6).astype(np.int64)
    return replace(data, start_us=start_us, inputs={"src_ip": np.asarray(host), "dst_ip": np.zeros(n, int)})


def test_statistics_by_hand():
    """Host 1 has flows of 2 and 4 a second apart: with decay 1 the first counts 1/2, so the mean is 10/3."""
    data = flows([4, 9, 2], host=[1, 2, 1], start_s=[1, 1, 0])
    found = damped_statistics(data, np.arange(3)).reshape(3, 2, len(DECAYS_PER_S), 9)
    decay_one = found[0, 0, DECAYS_PER_S.index(1.0)]
    mean = (4 + 0.5 * 2) / 1.5
    spread = np.sqrt((16 + 0.5 * 4) / 1.5 - mean**2)
    assert decay_one == pytest.approx([1.5, *[mean] * 4, *[spread] * 4])
    assert found[1, 0, 0] == pytest.approx([1, *[9] * 4, *[0] * 4])


def test_only_the_rows_are_looked_at():
    data = flows([4, 9, 2], host=[1, 1, 1], start_s=[1, 0.5, 0])
    assert damped_statistics(data, np.array([0, 2])) == pytest.approx(
        damped_statistics(data.take(np.array([0, 2])), np.arange(2))
    )
    assert damped_statistics(data, np.array([0])) == pytest.approx(statistics_alone(data.features[:1]))


def test_another_recording_is_another_stream():
    data = flows([4, 2], host=[1, 1], start_s=[1, 0])
    data = replace(data, group=np.array([0, 1]))
    assert damped_statistics(data, np.arange(2)) == pytest.approx(statistics_alone(data.features))


def test_columns_that_go_together_are_one_group_of_bounded_size():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 400, 1))
    x = np.hstack([first + 0.1 * rng.normal(size=(400, 4)), second + 0.1 * rng.normal(size=(400, 3))])
    assert [list(group) for group in alike_columns(x, 5)] == [[0, 1, 2, 3], [4, 5, 6]]
    assert max(len(group) for group in alike_columns(x, 2)) <= 2


def test_an_attack_never_seen_is_ranked_above_benign_flows():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    n = 1500
    truth = (np.arange(n) >= 1000).astype(int) * (rng.random(n) < 0.5)
    values = np.where(truth, rng.normal(9, 0.3, n), rng.normal(5, 0.5, n))
    host = np.where(truth, 9, rng.integers(0, 4, n))
    data = flows(values, host, np.arange(n) * 0.5, truth)
    kind = KINDS["kitsune"]
    model = kind.fit(data.take(np.arange(1000)), kind.settings({"epochs": 4}), seed=0)
    scores = model.score_rows(data, np.arange(1000, n))
    assert model.errors(np.zeros((3, N_STATISTICS))).shape == (3,)
    assert scores[:, 1].max() == 0  # no attack in training: nothing is said of classes
    both = kind.fit(data.take(np.arange(1200)), kind.settings({"epochs": 4}), seed=0)
    scores = both.score_rows(data, np.arange(1200, n))
    assert roc_auc_score(data.truth[1200:], scores[:, 1]) > 0.98


def test_without_benign_flows_there_is_nothing_to_learn():
    data = flows([1, 2, 3], [1, 1, 1], [0, 1, 2], truth=[1, 1, 1])
    kind = KINDS["kitsune"]
    with pytest.raises(ValueError, match="no training row of any class but C1; kitsune learns from C0 alone"):
        kind.fit(data, kind.settings({}), seed=0)
