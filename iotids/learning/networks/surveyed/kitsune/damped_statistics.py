"""Kitsune's damped statistics, over flows: mean and spread of what a host and a pair of hosts did, old flows fading."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.contract import TrainingData

HOSTS = ("src_ip", "dst_ip")
DECAYS_PER_S = (5.0, 3.0, 1.0, 0.1, 0.01)  # Mirsky et al. 2018, Sec. V-C
MEASURED = ("fwd_bytes", "bwd_bytes", "fwd_packets", "bwd_packets")  # of a flow; packets' sizes in the work
STREAMS = ("initiator", "pair")
N_STATISTICS = len(STREAMS) * len(DECAYS_PER_S) * (1 + 2 * len(MEASURED))


def damped_statistics(data: TrainingData, rows: np.ndarray) -> np.ndarray:
    """(m, N_STATISTICS) of the rows, in their order: weight, mean and standard deviation per stream and decay.

    A flow counts 2^(-decay x seconds since it started); the flow itself counts 1. Only flows of the rows and of the same
    recording are looked at, in order of start.

    Source: Mirsky et al. 2018, table I.
    """
    columns = [MODEL_FEATURE_NAMES.index(name) for name in MEASURED]
    values = np.log1p(np.abs(data.features[rows][:, columns]))
    keys = [data.group[rows], *(data.inputs[name][rows] for name in HOSTS)]
    start_s = data.start_us[rows] / 1e6
    order = np.argsort(start_s, kind="stable")
    streams = [_stream(keys[:2], order, start_s, values), _stream(keys, order, start_s, values)]
    return np.concatenate(streams, axis=1)


def statistics_alone(features: np.ndarray) -> np.ndarray:
    """(n, N_STATISTICS) of flows without a past: weight 1, their own values as means, no spread."""
    columns = [MODEL_FEATURE_NAMES.index(name) for name in MEASURED]
    values = np.log1p(np.abs(features[:, columns]))
    one = np.concatenate([np.ones((len(values), 1)), values, np.zeros_like(values)], axis=1)
    return np.tile(one, len(STREAMS) * len(DECAYS_PER_S))


def _stream(keys: list[np.ndarray], order: np.ndarray, start_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(m, decays x (1 + 2 x measured)); flows with equal keys are one stream."""
    number = np.unique(np.column_stack(keys), axis=0, return_inverse=True)[1].ravel()
    decays = np.array(DECAYS_PER_S)
    m, n = values.shape
    weight = np.zeros((number.max(initial=-1) + 1, decays.size))
    total, squares = np.zeros((*weight.shape, n)), np.zeros((*weight.shape, n))
    last = np.full(len(weight), -np.inf)
    found = np.empty((m, decays.size, 1 + 2 * n))
    for row in order:
        s, x = number[row], values[row]
        fade = np.exp2(-decays * (start_s[row] - last[s]))
        last[s] = start_s[row]
        weight[s] = weight[s] * fade + 1
        total[s] = total[s] * fade[:, None] + x
        squares[s] = squares[s] * fade[:, None] + x * x
        mean = total[s] / weight[s][:, None]
        found[row, :, 0], found[row, :, 1 : 1 + n] = weight[s], mean
        found[row, :, 1 + n :] = np.sqrt(np.maximum(squares[s] / weight[s][:, None] - mean * mean, 0))
    return found.reshape(m, -1)
