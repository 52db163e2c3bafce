"""[16] for real: nodes that are processes over loopback train what nodes in one process train; a killed one is survived and said."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from iotids.learning.networks.surveyed.fog.coordinator import FogTraining, run_epochs
from iotids.learning.registry import KINDS
from tests.learning.surveyed.test_fog import fitted, problem, weights

distributed = pytest.importorskip("distributed")

SMALL = {"hidden": "12-8", "nodes": 3, "batch_size": 100, "epochs": 3}


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["epoch", "step"])
def test_processes_train_the_same_parameters_to_the_last_bit(exchange):
    data = problem()
    here, there = (
        fitted(data, processes=processes, exchange=exchange, **SMALL) for processes in (False, True)
    )
    assert np.array_equal(weights(here), weights(there))
    same = [key for key in here.facts() if key not in ("fit_s",)]
    assert {key: here.facts()[key] for key in same} == {key: there.facts()[key] for key in same}
    assert there.facts()["exchanged_bytes"] > 0


@pytest.mark.slow
def test_a_killed_node_is_survived_and_said():
    from iotids.learning.networks.surveyed.fog.processes import nodes_in_processes

    data = problem()
    kind = KINDS["fog"]
    settings = kind.settings(SMALL | {"processes": True, "epochs": 4})
    network = kind.network(data.features.shape[1], 2, settings)
    x = data.features.astype(np.float32)
    parts = [(x[node::3], data.truth[node::3], settings, np.random.default_rng(node)) for node in range(3)]
    done = FogTraining()
    with (
        nodes_in_processes(network.spec(), network.arrays(), parts) as nodes,
        pytest.warns(UserWarning) as said,
    ):
        for epoch in run_epochs(nodes, network, settings, done):
            if epoch == 1:
                os.kill(nodes.ask("process_id")[1], signal.SIGKILL)
    assert done.lost_nodes == [1]
    assert len(done.losses) == 4 and done.losses[-1] < done.losses[0]
    assert nodes.rows == [320, 320]
    assert any(
        "process of node 2 ended" in str(one.message) and "without its 320 flows" in str(one.message)
        for one in said
    )
