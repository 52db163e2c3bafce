"""The feature matrix in a file instead of memory: for datasets larger than that."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.learning.data.mapped_rows import release
from iotids.learning.data.training_data import check_values, limit_of


def features_in_file(
    batches: Iterable[pa.Table],
    names: tuple[str, ...],
    n_rows: int,
    folder: Path,
    *,
    dtype: type = np.float32,
    limit: float | None = None,
) -> np.memmap:
    """(n_rows, d) matrix, mapped from a file in `folder` that has no name: it goes with the process.

    Parameters
    ----------
    batches : tables with the columns `names`, all rows in their order; one is held at a time
    folder : on the disk that takes the matrix
    limit : values are below it; by default what the dtype allows

    Raises
    ------
    OSError
        As `empty_in_file`.
    ValueError
        A value that no model of this dtype can use, as `training_data.feature_array`.
    """
    matrix = empty_in_file((n_rows, len(names)), folder, dtype)
    first = 0
    for batch in batches:
        for j, name in enumerate(names):
            column = batch.column(name).to_numpy()
            check_values(name, column, limit_of(dtype) if limit is None else limit, first)
            matrix[first : first + batch.num_rows, j] = column
        first += batch.num_rows
        release(matrix)
    return matrix


def empty_in_file(shape: tuple[int, int], folder: Path, dtype: type) -> np.memmap:
    """A matrix to be filled, mapped from a file in `folder` that has no name: it goes with the process.

    Other processes of the machine find it by the matrix' `filename` as long as this one lives.

    Raises
    ------
    OSError
        The disk has no room; says how much is needed, where, and which parameter lowers it.
    """
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (open as long as the matrix)
    _reserve(file.fileno(), np.dtype(dtype).itemsize * shape[0] * shape[1], folder)
    matrix = np.memmap(file, dtype, "r+", shape=shape)
    # where joblib sends a worker instead of the values
    matrix.filename, matrix.file = f"/proc/{os.getpid()}/fd/{file.fileno()}", file  # type: ignore[attr-defined]
    return matrix


def _reserve(descriptor: int, n_bytes: int, folder: Path) -> None:
    """Take the room before the work; a mapped file that meets a full disk later would kill the process."""
    try:
        os.posix_fallocate(descriptor, 0, max(n_bytes, 1))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise OSError(
            error.errno,
            f"the features need {n_bytes / 2**30:.1f} GiB on the disk of {folder}, because they do not fit in memory: "
            f"free that much, or use fewer flows (integrate.keep)",
        ) from error
