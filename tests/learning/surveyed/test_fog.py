"""[16]: equal shares with full exchange are central training; what is exchanged is counted; bad shares are refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from iotids.learning.networks.surveyed.fog.coordinator import averaged
from iotids.learning.networks.surveyed.fog.shares import missing_classes, node_shares
from iotids.learning.registry import KINDS
from tests.learning.generated_flows import gaussian_problem
from tests.learning.given import training_data

PLAIN = {"hidden": "12-8", "optimiser": "sgd", "learning_rate": 0.1, "epochs": 20, "exchange": "step"}


def fitted(data, **settings):
    kind = KINDS["fog"]
    return kind.fit(data, kind.settings(settings), seed=3)


def weights(model):
    return np.concatenate([value.ravel() for value in model.network.arrays().values()])


def problem(n=960, seed=1):
    X, y, _ = gaussian_problem(n=n, seed=seed)
    y[: n // 2], y[n // 2 :] = 0, 1
    X[:, 0] += 3 * y
    return training_data(X, y, n_classes=2)


@pytest.mark.parametrize("nodes", [2, 4, 8, 16])
def test_equal_shares_with_full_exchange_are_central_training(nodes):
    data = problem()
    central = fitted(data, nodes=1, batch_size=960, **PLAIN)
    fog = fitted(data, nodes=nodes, batch_size=960 // nodes, **PLAIN)
    assert weights(fog) == pytest.approx(weights(central), abs=2e-5)
    assert not np.allclose(
        weights(central), weights(fitted(data, nodes=1, batch_size=960, **PLAIN | {"epochs": 1})), atol=1e-3
    )


def test_rounds_and_bytes_are_those_sent():
    data = problem()
    parameters = (6 * 12 + 12) + (12 * 8 + 8) + (8 * 2 + 2)
    by_epoch = fitted(data, nodes=4, batch_size=60, **PLAIN | {"exchange": "epoch"}).facts()
    assert by_epoch["exchange_rounds"] == 20
    assert by_epoch["exchanged_bytes"] == 20 * 4 * 2 * 4 * parameters
    assert fitted(data, nodes=4, batch_size=60, **PLAIN).facts()["exchange_rounds"] == 20 * 4
    assert fitted(data, nodes=1, batch_size=60, **PLAIN).facts()["exchanged_bytes"] == 0


def test_the_mean_of_parameters_by_hand():
    arrays = [{"w": np.array([1.0, 2.0], np.float32)}, {"w": np.array([5.0, 6.0], np.float32)}]
    assert averaged(arrays, [3, 1])["w"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("how", ["random", "site"])
@pytest.mark.parametrize("nodes", [1, 2, 3, 16])
def test_every_flow_has_one_node_and_shares_are_equal(how, nodes):
    data = replace(problem(n=500), source=np.arange(500) % 5)
    shares = node_shares(data, nodes, how, np.random.default_rng(0))
    assert sorted(np.concatenate(shares)) == list(range(500))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_random_shares_have_every_class_and_shares_by_site_are_sites():
    data = problem(n=400)
    data = replace(data, source=data.truth.copy())  # the site tells the class
    rng = np.random.default_rng(0)
    assert missing_classes(data, node_shares(data, 4, "random", rng)) == [[], [], [], []]
    assert missing_classes(data, node_shares(data, 2, "site", rng)) == [["C1"], ["C0"]]


def test_a_node_without_a_class_is_said_and_the_others_teach_it():
    data = problem()
    data = replace(data, source=data.truth.copy())
    model = fitted(data, nodes=2, batch_size=64, shares="site", **PLAIN)
    assert model.facts()["node_missing_classes"] == [["C1"], ["C0"]]
    assert (model.scores(data.features).argmax(axis=1) == data.truth).mean() > 0.8


def test_a_class_with_fewer_flows_than_nodes_is_refused_by_name():
    X, y, _ = gaussian_problem(n=100, seed=1)
    y[:] = 0
    y[:3] = 1
    with pytest.raises(ValueError, match="class C1 has 3 training flows for 4 nodes"):
        fitted(training_data(X, y, n_classes=2), nodes=4, **PLAIN)


def test_more_nodes_than_flows_are_refused():
    X, y, _ = gaussian_problem(n=10, seed=1)
    with pytest.raises(ValueError, match="node 11 of 16 gets no flow"):
        fitted(training_data(X, y, n_classes=2), nodes=16, shares="site", **PLAIN)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes": 0}, "nodes is 0"),
        ({"shares": "house"}, "shares is 'house'; known are random, site"),
        ({"exchange": "day"}, "exchange is 'day'; known are step, epoch"),
        ({"hidden": "9-x"}, "hidden is '9-x'"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        KINDS["fog"].settings(settings)
