"""The last T flows of a flow's initiator, in order of time, within one recording and one side of a fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import TrainingData
from iotids.learning.networks.layers.fitted import (
    BLOCK_ROWS,
    UNSEEN_LOGIT,
    LayerModel,
    read_arrays,
    refusing,
    scaling_of_arrays,
)
from iotids.learning.networks.layers.scaling import Scaling
from iotids.learning.networks.layers.stored import network_of_arrays
from iotids.learning.networks.layers.training import softmax

HOST = "src_ip"  # orders flows, as the recording does; its value reaches no network
NONE = -1  # in a window: the host has no flow so far back


def window_rows(data: TrainingData, rows: np.ndarray, length: int) -> np.ndarray:
    """(m, length) row numbers: for each of the rows the host's flows up to it, oldest first, itself last.

    Only the given rows are looked at, so a window never crosses folds; flows of another recording or host are
    never in it. Flows that start at the same time keep the order of rows.
    """
    host, group = data.inputs[HOST][rows], data.group[rows]
    order = np.lexsort((data.start_us[rows], host, group))
    new = np.ones(len(rows), bool)
    new[1:] = (np.diff(group[order]) != 0) | (np.diff(host[order]) != 0)
    begin = np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))
    window = np.full((len(rows), length), NONE, np.int64)
    for back in range(length):
        place = np.arange(len(rows)) - back
        inside = place >= begin
        window[order[inside], length - 1 - back] = rows[order[place[inside]]]
    return window


def longest_window(data: TrainingData) -> int:
    """Flows of the host that has most in one recording."""
    pairs = np.column_stack([data.group, data.inputs[HOST]])
    return int(np.unique(pairs, axis=0, return_counts=True)[1].max(initial=0))


def check_window(data: TrainingData, length: int) -> None:
    """Refuse windows that no host fills (ValueError)."""
    if length > (longest := longest_window(data)):
        raise ValueError(
            f"window is {length} flows, but no host of the training rows has more than {longest} in a recording; lower window"
        )


class Windows:
    """Rows of windows as inputs of a network, cut when they are asked for: all at once would be `length` times the data.

    Each step has the flow's features and a 1; steps without a flow are all 0.
    """

    def __init__(self, x: np.ndarray, windows: np.ndarray) -> None:
        self.x, self.windows = x, windows
        self.shape = (len(windows), windows.shape[1] * (x.shape[1] + 1))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """(m, length x (d + 1)) float32."""
        window = self.windows[rows]
        there = (window != NONE)[:, :, None]
        steps = np.concatenate([np.where(there, self.x[window], np.float32(0)), there], axis=2)
        flat: np.ndarray = steps.reshape(len(window), -1).astype(np.float32)
        return flat


class WindowModel(LayerModel):
    """A network of windows. A flow that is given alone has no past."""

    def __init__(
        self, scaling: Scaling, network: Any, seen: np.ndarray, trained_by: Any, length: int
    ) -> None:
        super().__init__(scaling, network, seen, trained_by)
        self.length = length

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(n, k), each flow alone."""
        windows = np.full((len(features), self.length), NONE, np.int64)
        windows[:, -1] = np.arange(len(features))
        return self.window_logits(features, windows)

    def window_logits(self, features: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """(m, k) of windows over rows of the features."""
        inputs, parts = Windows(self.scaling(features), windows), [np.zeros((0, self.seen.size))]
        for start in range(0, len(inputs), BLOCK_ROWS):
            block = inputs[slice(start, start + BLOCK_ROWS)]
            parts.append(self.network.forward(block).astype(np.float64))
        return np.where(self.seen, np.concatenate(parts), UNSEEN_LOGIT)

    def score_rows(self, data: TrainingData, rows: np.ndarray) -> np.ndarray:
        """(m, k), each flow with those of its host before it among the rows."""
        return softmax(self.window_logits(data.features, window_rows(data, np.asarray(rows), self.length)))

    def to_onnx(self) -> bytes:
        """None: a graph of one flow's features has no past."""
        raise NotImplementedError("a network of windows has no ONNX form: it looks at a host's earlier flows")

    def arrays(self) -> dict[str, np.ndarray]:
        """With the length."""
        return super().arrays() | {"length": np.array(self.length)}

    @staticmethod
    def load(folder: Path) -> WindowModel:
        """Read model.npz; ValueError where it is damaged."""
        arrays = read_arrays(folder)
        with refusing(folder):
            network, length = network_of_arrays(arrays, "network"), int(arrays["length"])
            return WindowModel(scaling_of_arrays(arrays), network, arrays["seen"], {}, length)
