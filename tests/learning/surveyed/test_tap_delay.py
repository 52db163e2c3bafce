"""[18]: windows hold a host's last flows in order of time and nothing else, and an order is learned that single flows hide."""

from dataclasses import replace

import numpy as np
import pytest

from iotids.learning.networks.surveyed.sequences.host_windows import NONE, longest_window, window_rows
from iotids.learning.registry import KINDS
from tests.learning.given import training_data

QUICK = {"window": 3, "width": 24, "epochs": 30, "batch_size": 64, "scaling": "standard"}


def flows(host, start_us, group=None, X=None, y=None):
    n = len(host)
    y = np.arange(n) % 2 if y is None else y
    data = training_data(np.zeros((n, 2)) if X is None else X, y, n_classes=2, start_us=np.asarray(start_us))
    group = np.zeros(n, np.int64) if group is None else np.asarray(group)
    return replace(data, group=group, inputs={"src_ip": np.asarray(host)})


def test_windows_by_hand():
    """Rows 0, 2, 4 are of host 7 at times 30, 10, 20; row 1 of another host; row 3 of host 7 in another recording."""
    data = flows([7, 8, 7, 7, 7], [30, 5, 10, 1, 20], group=[0, 0, 0, 1, 0])
    windows = window_rows(data, np.arange(5), 3)
    nothing = NONE
    assert windows.tolist() == [
        [2, 4, 0],
        [nothing, nothing, 1],
        [nothing, nothing, 2],
        [nothing, nothing, 3],
        [nothing, 2, 4],
    ]


def test_a_window_never_crosses_folds_hosts_or_recordings():
    rng = np.random.default_rng(0)
    n = 400
    data = flows(rng.integers(0, 6, n), rng.integers(0, 50, n), group=rng.integers(0, 3, n))
    rows = np.sort(rng.choice(n, 150, replace=False))
    windows = window_rows(data, rows, 4)
    assert (windows[:, -1] == rows).all()
    for row, window in zip(rows, windows, strict=True):
        inside = window[window != NONE]
        assert np.isin(inside, rows).all()
        assert (data.group[inside] == data.group[row]).all()
        assert (data.inputs["src_ip"][inside] == data.inputs["src_ip"][row]).all()
        assert (np.diff(data.start_us[inside]) >= 0).all() and len(set(inside)) == len(inside)
        same = rows[
            (data.group[rows] == data.group[row])
            & (data.inputs["src_ip"][rows] == data.inputs["src_ip"][row])
        ]
        earlier = [r for r in same if (data.start_us[r], r) <= (data.start_us[row], row)]
        assert len(inside) == min(4, len(earlier))


def order_problem(n, seed):
    """The class says whether the host's flow before was larger: nothing that a single flow shows."""
    rng = np.random.default_rng(seed)
    host, X = rng.integers(0, 10, n), rng.normal(size=(n, 2))
    before, y = {}, np.zeros(n, np.int64)
    for i in range(n):
        y[i] = before.get(host[i], 0.0) > 0
        before[host[i]] = X[i, 0]
    return flows(host, np.arange(n), X=X, y=y)


@pytest.mark.parametrize("name", ["tap_delay", "host_recurrent"])
def test_an_order_is_learned_that_single_flows_cannot_show(name):
    kind, train, test = KINDS[name], order_problem(3000, 1), order_problem(1500, 2)
    model = kind.fit(train, kind.settings(QUICK), seed=0)
    with_past = model.score_rows(test, np.arange(1500)).argmax(axis=1)
    alone = model.scores(test.features).argmax(axis=1)
    dense = KINDS["tap_delay"]
    single = dense.fit(train, dense.settings(QUICK | {"window": 1}), seed=0)
    without = single.score_rows(test, np.arange(1500)).argmax(axis=1)
    assert (with_past == test.truth).mean() > 0.93
    assert 0.4 < (without == test.truth).mean() < 0.6
    assert 0.4 < (alone == test.truth).mean() < 0.6


def test_rows_before_the_tested_ones_are_not_looked_at():
    kind, train, test = KINDS["tap_delay"], order_problem(600, 1), order_problem(300, 2)
    model = kind.fit(train, kind.settings(QUICK | {"epochs": 3}), seed=0)
    changed = replace(test, features=test.features + np.where(np.arange(300) < 150, 50.0, 0.0)[:, None])
    rows = np.arange(150, 300)
    assert np.array_equal(model.score_rows(test, rows), model.score_rows(changed, rows))


@pytest.mark.parametrize("name", ["tap_delay", "host_recurrent"])
def test_a_window_longer_than_any_host_s_flows_is_refused(name):
    data = flows([1, 1, 2, 2, 2], np.arange(5))
    assert longest_window(data) == 3
    kind = KINDS[name]
    with pytest.raises(ValueError, match="window is 4 flows.*more than 3"):
        kind.fit(data, kind.settings({"window": 4}), seed=0)
