"""What a run is given, read and checked before an hour of work: the flows of a task, the folds of its splits, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from iotids.flowmeter.columns.own import own_features
from iotids.learning.contract import ModelKind, TrainingData
from iotids.learning.data.file_features import features_in_file
from iotids.learning.data.folds import Fold, folds_of_split
from iotids.learning.data.task_splits import splits_of_task
from iotids.learning.data.training_data import read_training_data, seen_features
from iotids.learning.runs.checkpoints import fingerprint
from iotids.writing.tables import read_batches, read_table, rows_of_table, schema_of_table

MANY_CLASSES = 16  # a figure for estimates; classes hardly count beside features
BATCH_ROWS = 65_536  # of the dataset, held at once on its way into a file


class RunInputs(NamedTuple):
    """The flows, and the folds of every split by name."""

    data: TrainingData
    splits: Mapping[str, Sequence[Fold]]

    @property
    def n_folds(self) -> int:
        """Number of folds of all splits."""
        return sum(map(len, self.splits.values()))

    def fingerprint(self, *settings: object) -> str:
        """Hash of everything a checkpoint depends on; a run resumes only if it matches."""
        data = self.data
        arrays = [data.features, data.truth, data.start_us, data.group, data.source, *data.inputs.values()]
        rows = [part for folds in self.splits.values() for fold in folds for part in fold[1:]]
        return fingerprint([*arrays, *rows], data.classes, data.benign, list(self.splits), *settings)


def read_inputs(
    dataset: Path,
    folder: Path,
    kind: ModelKind,
    task: str,
    splits: tuple[str, ...],
    classes: Sequence[str],
    benign: str,
    free_bytes: int | None = None,
) -> RunInputs:
    """The flows that a kind may see for a task, and those of the splits in `folder` that say something about it.

    Features that would take more than half of `free_bytes` are mapped from a file beside the dataset, where the kind
    can train from one; with 0 all of them are; None: they are held in memory.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing, of another dataset, or holds what cannot be learned from; says what to do.
    """
    own = own_features(schema_of_table(dataset).names)
    size = kind.matrix_bytes(rows_of_table(dataset), len(seen_features(kind, own)))
    from_file = kind.trains_from_file and free_bytes is not None and 2 * size > free_bytes
    fill = partial(_mapped, dataset, kind) if from_file else None
    data = read_training_data(partial(read_table, dataset), kind, task, classes, benign, own, fill=fill)
    names = splits_of_task(splits, task)
    if not names:
        raise ValueError(f"none of the splits {', '.join(splits)} says anything about the task {task}")
    tables = {name: read_table(folder / f"{name}.parquet") for name in names}
    folds = {name: folds_of_split(table, data.truth.size, name) for name, table in tables.items()}
    return RunInputs(data, folds)


def _mapped(dataset: Path, kind: ModelKind, names: tuple[str, ...], n_rows: int) -> np.memmap:
    """The features of a dataset, mapped from a file beside it."""
    batches = read_batches(dataset, names, n_rows=BATCH_ROWS)
    return features_in_file(batches, names, n_rows, dataset.parent, dtype=kind.dtype, limit=kind.limit)


def fits_side_by_side(inputs: RunInputs, kind: ModelKind, available_bytes: int, cores: int) -> int:
    """How many fits the memory bears at once, 1 or more; -1 where it bears as many as there are cores."""
    one = kind.fit_bytes(inputs.data.features.shape[1], inputs.splits)
    n_fits = int(max(available_bytes // max(one, 1), 1))
    return n_fits if n_fits < cores else -1


def check_memory(inputs: RunInputs, kind: ModelKind, settings: Any, available_bytes: int) -> None:
    """Refuse a training that cannot fit.

    Raises
    ------
    MemoryError
        Says what is needed, what is free, and which parameters to lower.
    """
    n_rows, n_features = inputs.data.features.shape
    needed = kind.bytes_needed(n_rows, n_features, inputs.data.n_classes, inputs.splits, settings)
    if isinstance(inputs.data.features, np.memmap):
        needed -= kind.matrix_bytes(n_rows, n_features)
    refuse_too_little(f"training {kind.name}", needed, available_bytes)


def check_memory_for_all(dataset: Path, kind: ModelKind, settings: Any, available_bytes: int) -> None:
    """Refuse a fit on every flow of a dataset that does not fit in memory, or the look at all features after it.

    Raises
    ------
    MemoryError
        As `check_memory`.
    """
    n_rows, n_features = rows_of_table(dataset), len(kind.feature_names)
    rows = np.broadcast_to(np.int64(0), n_rows)  # only their number counts
    fit = kind.bytes_needed(n_rows, n_features, MANY_CLASSES, {"all": [Fold(0, rows, rows)]}, settings)
    refuse_too_little(
        f"a fit of {kind.name} on all flows", max(fit, 2 * 8 * n_rows * n_features), available_bytes
    )


def refuse_too_little(work: str, needed: int, available_bytes: int) -> None:
    """Refuse work that needs more memory than there is: a MemoryError with both and what lowers it."""
    if needed > available_bytes:
        raise MemoryError(
            f"{work} needs about {needed / 2**30:.1f} GiB and {available_bytes / 2**30:.1f} GiB are free. "
            f"Lower batch_size or width where the kind has them, or split.folds, use fewer flows (integrate.keep), or close other programs"
        )
