"""Read the dataset for one task and one kind of model: features, truth, and what orders and groups the flows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.groups import FLOW
from iotids.flowmeter.columns.schema import IDENTITY_NAMES
from iotids.learning.contract import SOURCE_ONLY, ModelKind, TrainingData
from iotids.learning.data.flow_columns import task_classes, task_truth, text_numbers

MAX_FLOAT32 = 1e18  # its square still fits float32, in which the variance of a batch is computed
IDENTITY = ("source", "group")  # what tells recordings apart: numbered here, never a feature


def read_training_data(
    read: Callable[[list[str]], pa.Table],
    kind: ModelKind,
    task: str,
    classes: Sequence[str],
    benign: str,
    own: Sequence[str] = (),
    *,
    fill: Callable[[tuple[str, ...], int], np.ndarray] | None = None,
) -> TrainingData:
    """What the kind may see of the dataset.

    Parameters
    ----------
    read
        Gives a table of the named columns; features are read one at a time, because all doubles at once would
        triple the memory of float32 features.
    own
        Features that the dataset has instead of those of a flow (`flowmeter.columns.own.own_features`).
    fill
        Makes the matrix of the named features and so many rows elsewhere than in memory (`file_features`).

    Raises
    ------
    ValueError
        The kind sees more than the features of a flow and these are the dataset's own; a label outside the class
        list, a missing column, or a feature that is no number.
    """
    feature_names = seen_features(kind, own)
    names = [*IDENTITY, "label", "start_us", *kind.inputs]
    try:
        table = read(names)
    except (KeyError, pa.ArrowInvalid) as error:
        wanted = f"kind {kind.name} needs the columns {', '.join(names)}"
        raise ValueError(f"{wanted}: {error}; run the stages meter to integrate again") from error
    truth = task_truth(table, task, classes, benign).astype(np.int64)
    numbers = {name: text_numbers(table.column(name)) for name in IDENTITY}
    if kind.sees == SOURCE_ONLY:
        features = numbers["source"].astype(np.float64)[:, None]
    elif fill is not None:
        features = fill(feature_names, truth.size)
    else:
        columns = ((name, read([name]).column(0).to_numpy()) for name in feature_names)
        shape = (truth.size, len(feature_names))
        features = feature_array(columns, shape=shape, dtype=kind.dtype, limit=kind.limit)
    pa.default_memory_pool().release_unused()  # else the columns' memory stays taken through the training
    return TrainingData(
        features,
        truth,
        task_classes(task, classes, benign),
        benign,
        table.column("start_us").to_numpy(),
        numbers["group"],
        numbers["source"],
        inputs={name: _stacked(table.column(name)) for name in kind.inputs},
        feature_names=feature_names,
    )


def seen_features(kind: ModelKind, own: Sequence[str]) -> tuple[str, ...]:
    """What a kind sees of a dataset: the columns that it names, or the dataset's own features in their place.

    Raises
    ------
    ValueError
        The kind wants packets, a context or certain columns, and the dataset has features of its own.
    """
    if not own or kind.sees == SOURCE_ONLY:
        return kind.feature_names
    inputs = [name for name in kind.inputs if name not in IDENTITY_NAMES]
    if kind.sees != (FLOW,) or inputs or not kind.any_features:
        wanted = (
            ", ".join([*(kind.sees if kind.sees != (FLOW,) else ()), *inputs]) or "certain features of a flow"
        )
        raise ValueError(
            f"kind {kind.name} sees {wanted}; the dataset is a published table with features of its own: leave it out"
        )
    return tuple(own)


def feature_array(
    columns: Iterable[tuple[str, np.ndarray]],
    *,
    shape: tuple[int, int],
    dtype: type,
    limit: float | None = None,
    into: np.ndarray | None = None,
) -> np.ndarray:
    """(n, d) array of `dtype` from (name, float64 column) pairs that come one at a time; `into` one that is given, of
    this shape and type.

    Raises
    ------
    ValueError
        A value is NaN, infinite, or at least `limit` in size (by default `limit_of` the dtype); names the feature,
        the row and what to do.
    """
    matrix: np.ndarray = np.empty(shape, dtype) if into is None else into
    for j, (name, column) in enumerate(columns):
        check_values(name, column, limit_of(dtype) if limit is None else limit)
        matrix[:, j] = column
    return matrix


def limit_of(dtype: type) -> float:
    """What features are below, so that sums of their squares fit the dtype."""
    return MAX_FLOAT32 if dtype is np.float32 else np.inf


def check_values(name: str, column: np.ndarray, limit: float, first_row: int = 0) -> None:
    """Refuse values of a feature that are not below `limit` in size; rows are counted from `first_row`.

    Raises
    ------
    ValueError
        As `feature_array`.
    """
    bad = ~(np.abs(column) < limit)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"feature {name} of row {first_row + row} is {column[row]} ({int(bad.sum())} such values); models want finite "
            f"numbers{f' below {limit:.0e}' if limit < np.inf else ''}: run the integrate stage again (it removes such "
            f"flows, see out/dataset/cleaning.json)"
        )


def _stacked(column: pa.ChunkedArray) -> np.ndarray:
    """(n, m) array of a column of lists of equal length, (n,) of a column of numbers, or numbers of texts."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return text_numbers(column)
    if pa.types.is_nested(column.type):
        return np.stack(column.to_numpy(zero_copy_only=False))
    return column.to_numpy()
