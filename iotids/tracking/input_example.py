"""An ordinary input for a registered model: the median of every feature, which is no flow that anybody sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BATCH_ROWS, SAMPLED_ROWS = 20_000, 100_000


def median_row(flows: Path, features: Sequence[str]) -> list[float] | None:
    """The median of every feature over a dataset's flows, as the nearest float32.

    Every n-th flow is taken of a dataset of more than `SAMPLED_ROWS`. A feature without any finite value is 0.

    Returns
    -------
    list of float, or None where the dataset is not there, has no flows or lacks a feature
    """
    if not flows.is_file():
        return None
    return _median_row(flows, flows.stat().st_mtime_ns, tuple(features))


@lru_cache(maxsize=1)  # every model of a run has the same flows
def _median_row(flows: Path, _: int, features: tuple[str, ...]) -> list[float] | None:
    import numpy as np
    import pyarrow.parquet as pq

    file = pq.ParquetFile(flows, pre_buffer=False)
    if file.metadata.num_rows == 0 or not set(features) <= set(file.schema_arrow.names):
        return None
    step = -(-file.metadata.num_rows // SAMPLED_ROWS)
    parts = [
        np.column_stack([batch.column(name).to_numpy(zero_copy_only=False)[::step] for name in features])
        for batch in file.iter_batches(BATCH_ROWS, columns=list(features))
    ]
    values = np.concatenate(parts).astype(np.float64)
    return [float(np.float32(_median(values[:, i]))) for i in range(len(features))]


def _median(values: np.ndarray) -> float:
    import numpy as np

    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0
