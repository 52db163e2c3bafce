"""From the dataset table to what learning needs: the feature matrix and the truth of a task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES

ATTACK = "ATTACK"
TASKS = ("binary", "multiclass")


def feature_matrix(dataset: pa.Table, names: Sequence[str] = MODEL_FEATURE_NAMES) -> np.ndarray:
    """(n, d) float64 features in the order of `names`, row-major.

    Raises
    ------
    ValueError
        A value is NaN or infinite, or a column is missing; the message names it.
    """
    missing = [name for name in names if name not in dataset.column_names]
    if missing:
        raise ValueError(
            f"the dataset lacks the features {', '.join(missing)}; run the integrate stage again"
        )
    X = np.empty((dataset.num_rows, len(names)))
    for j, name in enumerate(names):
        X[:, j] = dataset.column(name).to_numpy()
    check_finite(X, names)
    return X


def texts(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) object array of a column of texts; equal texts are one object, so that a row takes 8 bytes."""
    numbers, values = _encoded(column)
    return values[numbers]


def text_numbers(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) int64 number of each text in the sorted list of texts."""
    numbers, values = _encoded(column)
    return np.argsort(np.argsort(values))[numbers]


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) numbers and (m,) object array of the texts that they stand for."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    values = np.array([str(text) for text in encoded.dictionary.to_pylist()], object)
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), values


def check_finite(X: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Refuse NaN and infinity, naming the first row and column."""
    # one sum is finite unless a value is not (or values above 1e308 meet): ten times faster than asking each
    if np.isfinite(X.sum()) or np.isfinite(X).all():
        return
    row, column = np.argwhere(~np.isfinite(X))[0]
    name = names[column] if names is not None else f"number {column}"
    raise ValueError(
        f"feature {name} of row {row} is {X[row, column]}; models want finite numbers: the integrate stage removes such flows "
        f"(out/dataset/cleaning.json), so run it again or clean the table"
    )


def task_classes(task: str, classes: Sequence[str], benign: str) -> tuple[str, ...]:
    """Class names of a task in score order: benign and ATTACK, or the class list of the data.

    Raises
    ------
    ValueError
        Another task.
    """
    if task == "binary":
        return (benign, ATTACK)
    if task == "multiclass":
        return tuple(classes)
    raise ValueError(f"task {task!r}; known are {', '.join(TASKS)}")


def task_truth(dataset: pa.Table, task: str, classes: Sequence[str], benign: str) -> np.ndarray:
    """(n,) int8 index of each flow's class in `task_classes`.

    Raises
    ------
    ValueError
        The dataset has a label that is not in the class list; the message names it.
    """
    label = texts(dataset.column("label"))
    unknown = sorted(set(label) - set(classes))
    if unknown:
        raise ValueError(
            f"the dataset has the labels {', '.join(unknown)}, but data.classes are {', '.join(classes)}: they must agree"
        )
    if task == "binary":
        return (label != benign).astype(np.int8)
    truth = np.zeros(label.size, np.int8)
    for number, name in enumerate(classes):
        truth[label == name] = number
    return truth


def source_column(dataset: pa.Table) -> np.ndarray:
    """(n, 1) float64 number of each flow's source in the sorted list of sources: for the oracle, never for a
    detector.
    """
    return text_numbers(dataset.column("source")).astype(np.float64)[:, None]
