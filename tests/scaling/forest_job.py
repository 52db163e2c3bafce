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
    from iotids.learning.baselines.fits import fit_and_test
    from iotids.learning.runs.run_folder import predictions_table

    problem, jobs = _problem_and_jobs()
    results = parallel_map(partial(fit_and_test, problem), jobs)
    write_table(predictions_table(results, problem.classes), path)
    return path.read_bytes()


def where_it_runs(item: int) -> tuple[int, int]:
    """Give the process that did the work, which takes a little while, and the item."""
    return os.getpid() + 0 * int(np.linalg.svd(np.ones((300, 300)))[1].size), item


def _problem_and_jobs():  # type: ignore[no-untyped-def]
    """A dataset of 600 flows in five classes, and one job for each of five folds."""
    from iotids.learning.baselines.problem import Job, read_problem
    from tests.learning.generated_flows import CLASSES, dataset_table

    dataset = dataset_table(counts=dict.fromkeys(CLASSES, 120), seed=3)
    problem = read_problem(dataset, "random_forest", "multiclass", CLASSES, CLASSES[0], {})
    fold = np.arange(dataset.num_rows) % 5
    return problem, [
        Job("stratified", f, np.flatnonzero(fold != f), np.flatnonzero(fold == f), 7 + f) for f in range(5)
    ]
