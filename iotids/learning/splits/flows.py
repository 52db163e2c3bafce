"""The columns of a dataset that splits look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.own import own_features
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.data.duplicates import vector_numbers_of_blocks
from iotids.learning.data.flow_columns import feature_matrix, texts
from iotids.writing.tables import read_batches, read_table, schema_of_table

TEXTS = ("label", "sublabel", "source", "group", "capture")
DURATION = "flow_duration_us"
BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class Flows:
    """What the splits look at, one row per flow, each (n,); `blocks` gives the features anew, some rows at a time."""

    label: np.ndarray
    sublabel: np.ndarray
    source: np.ndarray
    group: np.ndarray
    capture: np.ndarray
    start_us: np.ndarray
    end_us: np.ndarray
    blocks: Callable[[], Iterable[np.ndarray]]
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
        numbers = np.zeros(self.n, np.int64)
        for number, name in enumerate(self.classes):
            numbers[self.label == name] = number
        return numbers

    @cached_property
    def vector(self) -> np.ndarray:
        """(n,) number of each flow's feature vector; read when a split asks for it."""
        return vector_numbers_of_blocks(self.blocks())


def flows_from_table(dataset: pa.Table, *, benign: str) -> Flows:
    """The columns that splits look at, of a dataset in memory."""
    names = own_features(dataset.column_names) or MODEL_FEATURE_NAMES
    return _flows(dataset, lambda: [feature_matrix(dataset, names)], benign)


def flows_from_file(dataset: Path, *, benign: str) -> Flows:
    """The same of a dataset in a file; its features are read in blocks of rows, and only when a split asks for them."""
    own = own_features(schema_of_table(dataset).names)
    names = own or MODEL_FEATURE_NAMES
    table = read_table(dataset, [*TEXTS, "start_us", *([] if own else [DURATION])])
    batches = partial(read_batches, dataset, list(names), n_rows=BLOCK_ROWS)
    return _flows(table, lambda: (feature_matrix(batch, names) for batch in batches()), benign)


def _flows(table: pa.Table, blocks: Callable[[], Iterable[np.ndarray]], benign: str) -> Flows:
    """Columns as arrays; records of a table with features of its own have no duration."""
    start_us = table.column("start_us").to_numpy()
    known = DURATION in table.column_names
    duration_us = np.maximum(table.column(DURATION).to_numpy(), 0.0) if known else np.zeros(len(start_us))
    return Flows(
        **{name: texts(table.column(name)) for name in TEXTS},
        start_us=start_us,
        end_us=start_us + duration_us.astype(np.int64),
        blocks=blocks,
        benign=benign,
    )
