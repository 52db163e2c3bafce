"""The feature matrix in a file instead of memory: for datasets larger than that."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.learning.data.training_data import check_values


def features_in_file(
    batches: Iterable[pa.Table], names: tuple[str, ...], n_rows: int, folder: Path
) -> np.memmap:
    """(n_rows, d) float32 matrix, mapped from a file in `folder` that has no name: it goes with the process.

    Parameters
    ----------
    batches : tables with the columns `names`, all rows in their order; one is held at a time
    folder : on the disk that takes 4 n d bytes

    Raises
    ------
    OSError
        The disk has no room; says how much is needed, where, and which parameter lowers it.
    ValueError
        A value that no network can use, as `training_data.feature_array`.
    """
    shape = (n_rows, len(names))
    with tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file.fileno(), 4 * n_rows * len(names), folder)
        matrix = np.memmap(file, np.float32, "r+", shape=shape)
    first = 0
    for batch in batches:
        for j, name in enumerate(names):
            column = batch.column(name).to_numpy()
            check_values(name, column, np.float32, first)
            matrix[first : first + batch.num_rows, j] = column
        first += batch.num_rows
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
