"""The columns of a dataset that splits look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.own import own_features
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.data.flow_columns import feature_matrix


@dataclass(frozen=True)
class Flows:
    """What the splits look at, one row per flow, each (n,): nothing of it is a model feature but
    `features`.
    """

    label: np.ndarray
    sublabel: np.ndarray
    source: np.ndarray
    group: np.ndarray
    capture: np.ndarray
    start_us: np.ndarray
    end_us: np.ndarray
    features: np.ndarray
    benign: str

    @property
    def n(self) -> int:
        """Number of flows."""
        return self.label.size

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Labels that occur, sorted."""
        return tuple(np.unique(self.label).tolist())

    @cached_property
    def class_number(self) -> np.ndarray:
        """(n,) index of each flow's label in `classes`."""
        return np.searchsorted(np.array(self.classes), self.label)


def flows_from_table(dataset: pa.Table, *, benign: str) -> Flows:
    """The columns that splits look at; records of a table with features of its own have no duration."""
    own = own_features(dataset.column_names)
    text = {
        n: dataset.column(n).to_numpy(zero_copy_only=False).astype(str)
        for n in ("label", "sublabel", "source", "group", "capture")
    }
    start_us = dataset.column("start_us").to_numpy()
    duration_us = (
        np.zeros(len(start_us)) if own else np.maximum(dataset.column("flow_duration_us").to_numpy(), 0.0)
    )
    return Flows(
        **text,
        start_us=start_us,
        end_us=start_us + duration_us.astype(np.int64),
        features=feature_matrix(dataset, own or MODEL_FEATURE_NAMES),
        benign=benign,
    )
