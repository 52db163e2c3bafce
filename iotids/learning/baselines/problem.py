"""What the folds of a baseline run share, and the list of fits to do: one per protocol, fold and order of the
training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.learning.baselines.registry import find_model
from iotids.learning.data.flow_columns import feature_matrix, source_column, task_classes, task_truth
from iotids.learning.splits.folds import fold_rows
from iotids.learning.splits.task_splits import protocols_of_task


@dataclass(frozen=True)
class Problem:
    """A model's name and settings, its (n, d) features, the (n,) int64 truth of the task, and the class
    names.
    """

    model: str
    settings: dict[str, Any]
    X: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    benign: int


@dataclass(frozen=True)
class Job:
    """One fit: fold `fold` of a protocol, with the rows to train on and to test, and the seed."""

    protocol: str
    fold: int
    train: np.ndarray
    test: np.ndarray
    seed: int

    @property
    def name(self) -> str:
        """Of the fit, no two in a run alike: protocol, fold, seed."""
        return f"{self.protocol}-{self.fold}-{self.seed}"


def read_problem(
    dataset: pa.Table,
    model: str,
    task: str,
    classes: Sequence[str],
    benign: str,
    settings: Mapping[str, Mapping[str, Any]],
) -> Problem:
    """Take from the dataset what the model may see, and the truth of the task.

    Raises
    ------
    KeyError, ValueError
        Unknown model or task, a label outside the class list, NaN or infinity in a feature.
    """
    X = feature_matrix(dataset) if find_model(model).sees == "features" else source_column(dataset)
    y = task_truth(dataset, task, classes, benign).astype(np.int64)
    names = task_classes(task, classes, benign)
    return Problem(model, dict(settings.get(model, {})), X, y, names, names.index(benign))


def jobs_of(splits: Mapping[str, pa.Table], task: str, *, seed: int, n_orders: int) -> list[Job]:
    """All fits of a run; the same fold gets the same seed under every protocol, another one for every order."""
    return [
        Job(protocol, fold, train, test, seed + fold + 1000 * order)
        for protocol in protocols_of_task(tuple(splits), task)
        for order in range(n_orders)
        for fold, train, test in fold_rows(splits[protocol])
    ]
