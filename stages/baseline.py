"""Test one classical or streaming model on every fold of every split protocol.

In: out/dataset/flows.parquet, out/splits/<protocol>.parquet. Out: a run folder with folds.json and
predictions.parquet. Paper: Table III, rows HT and NB; the other models are the baselines that table lacks.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from iotids.learning.baselines.fits import fit_and_keep, kept_fit
from iotids.learning.baselines.problem import Job, Problem, jobs_of, read_problem
from iotids.learning.baselines.registry import find_model
from iotids.learning.runs.checkpoints import Store, fingerprint
from iotids.learning.runs.run_folder import FoldResult, join_orders, predictions_table, run_document
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import code_digest, parallel_map
from iotids.plumbing.params import read_data, read_section
from iotids.plumbing.unfinished import Unfinished
from iotids.tracking.publishing import publish
from iotids.writing.tables import read_table, write_json, write_table

WORTH_WORKERS_S = 10.0


@dataclass(frozen=True)
class Params:
    """Section `baseline`: models and tasks of the DAG, split protocols, seed, orders of the streaming models,
    settings by model.
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    protocols: tuple[str, ...]
    seed: int
    order_seeds: int
    settings: dict[str, dict[str, Any]]


def run_jobs(problem: Problem, jobs: list[Job], store: Store) -> list[FoldResult]:
    """Do the fits that the store does not have, side by side where the first one shows that starting workers
    pays (a few seconds each).
    """
    kept = {job.name: result for job in jobs if (result := kept_fit(problem, store, job))}
    open_jobs, fit = [job for job in jobs if job.name not in kept], partial(fit_and_keep, problem, store)
    begin = perf_counter()
    fitted = [fit(job) for job in open_jobs[:1]]
    n_jobs = 1 if (perf_counter() - begin) * len(open_jobs) < WORTH_WORKERS_S else -1
    fitted += parallel_map(fit, open_jobs[1:], description=problem.model, n_jobs=n_jobs)
    kept |= {job.name: result for job, result in zip(open_jobs, fitted, strict=True)}
    return [kept[job.name] for job in jobs]


def main() -> None:
    """Read, run all folds side by side (or go on), write the run folder, publish it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--task", "--model", "--dataset", "--splits", "--out"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    params, data, out, model = (
        read_section("baseline", Params),
        read_data(),
        Path(arguments.out),
        find_model(arguments.model),
    )
    dataset = read_table(arguments.dataset)
    problem = read_problem(
        dataset, arguments.model, arguments.task, data.classes, data.benign, params.settings
    )
    splits = {name: read_table(Path(arguments.splits) / f"{name}.parquet") for name in params.protocols}
    jobs = jobs_of(
        splits, arguments.task, seed=params.seed, n_orders=params.order_seeds if model.by_order else 1
    )
    arrays = [
        problem.X,
        problem.y,
        *(column.to_numpy() for split in splits.values() for column in split.columns),
    ]
    store = Unfinished(
        out, fingerprint(arrays, problem.model, problem.settings, problem.classes, params, code_digest())
    )
    results = join_orders(run_jobs(problem, jobs, store))
    used = asdict(params) | {"settings": problem.settings}
    document = run_document(
        results, arguments.task, arguments.model, problem.classes, n_features=problem.X.shape[1], params=used
    )
    if model.prequential:
        from iotids.learning.baselines.prequential import (
            prequential_record,
        )  # numba is for the model that needs it

        start_us = dataset.column("start_us").to_numpy()
        document["prequential"] = prequential_record(
            problem.X, problem.y, start_us, problem.classes, data.benign, settings=problem.settings
        )
    write_table(predictions_table(results, problem.classes), out / "predictions.parquet")
    write_json(document, out / "folds.json")
    store.forget()
    publish(out)


if __name__ == "__main__":
    run_plainly(main)
