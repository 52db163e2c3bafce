"""A real piece of work for the cluster: a random forest on every fold of two protocols of a generated
dataset.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from iotids.plumbing.parallel import parallel_map
from iotids.writing.tables import write_table


def predictions_bytes(path: Path) -> bytes:
    """Fit all folds by `parallel_map`, write predictions.parquet as stages/baseline.py does, and give its
    bytes.
    """
    from iotids.learning.runs.cross_validation import fit_and_keep
    from iotids.learning.runs.run_folder import predictions_table

    task, jobs = _task_and_jobs()
    results = parallel_map(partial(fit_and_keep, task), jobs)
    write_table(predictions_table(results, task.data.classes), path)
    return path.read_bytes()


def where_it_runs(item: int) -> tuple[int, int]:
    """Give the process that did the work, which takes a little while, and the item."""
    return os.getpid() + 0 * int(np.linalg.svd(np.ones((300, 300)))[1].size), item


def _task_and_jobs():  # type: ignore[no-untyped-def]
    """A dataset of 600 flows in five classes, and one job for each of five folds."""
    from iotids.learning.data.folds import Fold
    from iotids.learning.data.training_data import read_training_data
    from iotids.learning.registry import KINDS
    from iotids.learning.runs.cross_validation import Task, jobs_of
    from tests.learning.generated_flows import CLASSES, dataset_table
    from tests.learning.given import Memory

    dataset, kind = dataset_table(counts=dict.fromkeys(CLASSES, 120), seed=3), KINDS["random_forest"]
    data = read_training_data(dataset.select, kind, "multiclass", CLASSES, CLASSES[0])
    fold = np.arange(dataset.num_rows) % 5
    folds = [Fold(f, np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]
    return Task(kind, data, kind.settings({}), Memory()), jobs_of({"stratified": folds}, seed=7, orders=1)
