"""Read a labelled flow table, CSV or Parquet, into numbers: features, classes, and what identifies a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.auditing.columns_of_file import open_columns
from iotids.auditing.scorecard.roles import IDENTITY as _IDENTITY
from iotids.auditing.scorecard.roles import LABEL_LIKE, is_feature, normalised, roles_of
from iotids.writing.tables import some_of

MOST_CLASSES = 60
BENIGN = ("benign", "normal", "background", "legitimate", "0", "none", "no")
TIME_FORMATS = (
    "%d/%m/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
)
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Labelled:
    """A table as the checks see it, rows in the order of the file.

    Attributes
    ----------
    features : name → (n,) float64; NaN where empty or no number; text columns are numbered
    labels : (n,) index into `classes`
    identity : role or name → (n,) numbers of the distinct values (addresses, identifiers, sites, groups)
    time_s : (n,) seconds, or None without a column that can be read as time
    other_labels : columns that look like further labels; no model sees them
    """

    name: str
    columns: tuple[str, ...]
    roles: Mapping[str, str]
    features: Mapping[str, np.ndarray]
    labels: np.ndarray
    classes: tuple[str, ...]
    benign: str | None
    identity: Mapping[str, np.ndarray]
    names: Mapping[str, tuple[str, ...]]
    time_s: np.ndarray | None
    other_labels: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.labels)


def read_labelled(path: Path, *, label: str | None = None) -> Labelled:
    """Read a table.

    Raises
    ------
    FileNotFoundError, ValueError
        It is not there, no table, has no label column, no row, one class, or no number to learn from; the message
        says what to do.
    """
    names, column = open_columns(path)
    if label and label not in names:
        raise ValueError(f"{path}: no column {label!r} for --label; there are {some_of(names)}")
    roles = roles_of(names, label=label)
    if "label" not in roles:
        raise ValueError(
            f"{path}: no column of labels; there are {some_of(names)}. Name it with --label COLUMN; an audit of "
            "flows without labels does not exist, because every check asks what the label can be read from"
        )
    labels, classes = _labels(path, column(roles["label"]), roles["label"])
    features = {name: _numbers(column(name)) for name in names if is_feature(name, roles)}
    features = {name: values for name, values in features.items() if not np.isnan(values).all()}
    if not features:
        raise ValueError(
            f"{path}: no column with numbers besides label and identity; there is nothing to learn from"
        )
    identity, names_of = _identity(names, column, roles)
    return Labelled(
        name=path.name,
        columns=tuple(names),
        roles=roles,
        features=features,
        labels=labels,
        classes=classes,
        benign=next((name for wanted in BENIGN for name in classes if normalised(name) == wanted), None),
        identity=identity,
        names=names_of,
        time_s=_seconds(column(roles["time"])) if "time" in roles else None,
        other_labels=tuple(
            name
            for name in names
            if name not in roles.values() and not is_feature(name, roles) and normalised(name) in LABEL_LIKE
        ),
    )


def _labels(path: Path, column: pa.ChunkedArray, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers of the classes and their names; rows without a label are a class of their own, `(none)`."""
    text = pc.fill_null(pc.utf8_trim_whitespace(pc.cast(column, pa.string())), "(none)").combine_chunks()
    encoded = (
        text.dictionary_encode()
        if not isinstance(text, pa.ChunkedArray)
        else text.combine_chunks().dictionary_encode()
    )
    classes = tuple(encoded.dictionary.to_pylist())
    if set(classes) <= {"(none)", ""}:
        raise ValueError(
            f"{path}: none of {len(column):,} rows has a label in the column {name!r}; label the flows, or name another column "
            "with --label"
        )
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ValueError(
            f"{path}: the column {name!r} has {len(classes):,} distinct values; labels have 2 to {MOST_CLASSES}: "
            "name the column of labels with --label"
        )
    order = np.argsort(np.array(classes))
    place = np.empty(len(classes), np.int64)
    place[order] = np.arange(len(classes))
    return place[encoded.indices.to_numpy()], tuple(classes[i] for i in order)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column as float64: numbers as they are, text that is mostly numbers read, other text numbered."""
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), np.float64)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        words = {"Infinity": "inf", "-Infinity": "-inf"}
        texts = column.to_numpy(zero_copy_only=False)
        try:
            return np.array([np.nan if t is None else float(words.get(t, t)) for t in texts])
        except ValueError:
            encoded = column.combine_chunks().dictionary_encode()
            return np.asarray(
                pc.fill_null(pc.cast(encoded.indices, pa.float64()), float("nan")).to_numpy(
                    zero_copy_only=False
                )
            )
    return np.full(len(column), np.nan)


def _identity(
    columns: Sequence[str], column: Callable[[str], pa.ChunkedArray], roles: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Every identifying column as numbers of its distinct values, and the values' names where they are few."""
    wanted = {role: roles[role] for role in ("src_ip", "dst_ip", "site", "group") if role in roles}
    wanted |= {name: name for name in columns if normalised(name) in _IDENTITY}
    found, names = {}, {}
    for role, name in wanted.items():
        texts = pc.fill_null(pc.cast(column(name), pa.string()), "")
        encoded = pa.chunked_array(texts).combine_chunks().dictionary_encode()
        found[role] = encoded.indices.to_numpy().astype(np.int64)
        names[role] = tuple(encoded.dictionary.slice(0, 200).to_pylist())
    return found, names


def _seconds(column: pa.ChunkedArray) -> np.ndarray | None:
    """Time in seconds: numbers by their size (s, ms, µs), text by the formats of known datasets; None where it is none."""
    if pa.types.is_timestamp(column.type):
        return pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64()).to_numpy() / 1e6
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), np.float64)
        largest = np.nanmax(np.abs(numbers)) if len(numbers) else 0.0
        return numbers / (1e6 if largest > 1e14 else 1e3 if largest > 1e11 else 1.0)
    for form in TIME_FORMATS:
        try:
            stamps = pc.strptime(column, format=form, unit="s", error_is_null=True)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        if stamps.null_count < 0.1 * max(len(stamps), 1):
            return np.asarray(pc.cast(pc.cast(stamps, pa.int64()), pa.float64()).to_numpy(), np.float64)
    return None


def matrix_of(features: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """(n, k) float32 for a forest: empty cells are -1, infinite ones the largest number."""
    columns = [
        np.nan_to_num(values[rows], nan=-1.0, posinf=LARGEST, neginf=-LARGEST) for values in features.values()
    ]
    return np.stack([np.clip(c, -LARGEST, LARGEST).astype(np.float32) for c in columns], axis=1)
