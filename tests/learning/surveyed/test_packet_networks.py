"""Networks over packets learn an order of packets; the hybrid joins what each of its three inputs shows alone."""

from dataclasses import replace

import numpy as np
import pytest

from iotids.flowmeter.columns.schema import SEQUENCE_PACKETS
from iotids.learning.networks.surveyed.sequences.packet_steps import CHANNELS, packet_steps
from iotids.learning.registry import KINDS, check_packable
from tests.learning.given import training_data


def sequences(bytes_, n=None):
    n = len(bytes_) if n is None else n
    zeros = np.zeros((n, SEQUENCE_PACKETS), np.int64)
    return {"sequence_bytes": np.asarray(bytes_), "sequence_iat_us": zeros, "sequence_flags": zeros.copy()}


def test_steps_by_hand():
    """Two packets: 99 bytes forth with SYN and ACK, then after e - 1 microseconds an empty one."""
    given = sequences(np.zeros((1, SEQUENCE_PACKETS), np.int64))
    given["sequence_bytes"][0, 0], given["sequence_flags"][0, 0] = -99, 2 + 16
    given["sequence_iat_us"] = np.zeros((1, SEQUENCE_PACKETS))
    given["sequence_iat_us"][0, 1] = 60e6
    steps = packet_steps(given).reshape(SEQUENCE_PACKETS, CHANNELS)
    assert steps[0] == pytest.approx([-np.log(100) / np.log(1501), 0, 0, 1, 0, 0, 1, 0, 0, 0, 1])
    assert steps[1] == pytest.approx([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    assert (steps[2:] == 0).all()


def order_problem(n, seed):
    """Ten packets of one size; the class says which way the two in a row go that go the same way first."""
    rng = np.random.default_rng(seed)
    y, bytes_ = rng.integers(0, 2, n), np.zeros((n, SEQUENCE_PACKETS), np.int64)
    forth, back = [500, -500, 500, 500, -500, -500], [500, -500, -500, 500, 500, -500]
    for i in range(n):
        start = rng.integers(0, 5)
        bytes_[i, start : start + 6] = forth if y[i] else back
    data = training_data(rng.normal(size=(n, 70)), y, n_classes=2)
    return replace(data, inputs=sequences(bytes_))


@pytest.mark.parametrize("layers", ["convolution", "lstm", "gru"])
def test_an_order_of_packets_is_learned(layers):
    kind, train, test = KINDS["packet_network"], order_problem(800, 1), order_problem(400, 2)
    settings = kind.settings(
        {"layers": layers, "width": 16, "dense": 16, "epochs": 25, "batch_size": 32, "learning_rate": 0.01}
    )
    scores = kind.fit(train, settings, seed=0).score_rows(test, np.arange(400))
    assert (scores.argmax(axis=1) == test.truth).mean() > 0.95


@pytest.mark.parametrize("shown_by", ["sequence", "statistics", "context"])
def test_the_hybrid_learns_from_each_of_its_inputs(shown_by):
    kind, rng = KINDS["hybrid"], np.random.default_rng(3)
    n, d = 700, len(kind.feature_names)
    y, X = rng.integers(0, 2, n), rng.normal(size=(n, d))
    bytes_ = rng.integers(1, 400, (n, SEQUENCE_PACKETS))
    if shown_by == "sequence":
        bytes_ = bytes_ * np.where(y, 1, -1)[:, None]
    else:
        X[:, slice(5, 9) if shown_by == "statistics" else slice(d - 4, d)] += 5 * y[:, None]
    data = replace(training_data(X, y, n_classes=2), inputs=sequences(bytes_))
    settings = kind.settings(
        {"sequence": 8, "branch": 16, "joined": 16, "epochs": 12, "batch_size": 32} | {"learning_rate": 0.005}
    )
    train, test = np.arange(500), np.arange(500, n)
    scores = kind.fit(data.take(train), settings, seed=0).score_rows(data, test)
    assert (scores.argmax(axis=1) == y[test]).mean() > 0.93


def test_packets_cannot_be_had_from_features_and_the_check_says_that_nothing_exports():
    data = order_problem(60, 1)
    kind = KINDS["packet_network"]
    model = kind.fit(data, kind.settings({"epochs": 1}), seed=0)
    with pytest.raises(ValueError, match="wants the columns sequence_"):
        model.scores(data.features)
    with pytest.raises(ValueError, match="packet_network.*no ONNX form"):
        check_packable("packet_network")


def test_unknown_layers_are_refused():
    with pytest.raises(ValueError, match="layers is 'transformer'; known are convolution, lstm, gru"):
        KINDS["packet_network"].settings({"layers": "transformer"})
