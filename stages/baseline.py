"""Test one classical or streaming model on every fold of every split protocol.

In: out/dataset/flows.parquet, out/splits/<protocol>.parquet. Out: a run folder with folds.json and predictions.parquet.
Paper: Table III, rows HT and NB; the other models are the baselines that table lacks.
"""

from __future__ import annotations

import argparse
import pickle
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from stages.learning.baseline_problem import Job, Problem, jobs_of, read_problem
from stages.learning.models import find_model
from stages.learning.runs import FoldResult, join_orders, predictions_table, run_document
from stages.learning.scores import score_fold
from stages.plumbing.errors import run_plainly
from stages.plumbing.parallel import parallel_map
from stages.plumbing.params import read_data, read_section
from stages.plumbing.tables import read_table, write_json, write_table
from stages.plumbing.tracking import publish

WORTH_WORKERS_S = 10.0


@dataclass(frozen=True)
class Params:
    """Section `baseline`: models and tasks of the DAG, split protocols, seed, orders of the streaming models, settings by model."""

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    protocols: tuple[str, ...]
    seed: int
    order_seeds: int
    settings: dict[str, dict[str, Any]]


def run_job(problem: Problem, job: Job) -> FoldResult:
    """Fit on one fold's training rows in one order, predict its test rows, score them."""
    model, y, k = find_model(problem.model).make(**problem.settings), problem.y, len(problem.classes)
    begin = perf_counter()
    model.fit(problem.X[job.train], y[job.train], n_classes=k, seed=job.seed)
    fitted = perf_counter()
    scores = model.predict_scores(problem.X[job.test])
    done = perf_counter()
    trained = np.bincount(y[job.train], minlength=k) > 0
    metrics = score_fold(y[job.test], scores, problem.classes, trained=trained, benign=problem.classes[problem.benign])
    record = {
        "fold": job.fold, "train_rows": job.train.size, "test_rows": job.test.size, "fit_s": fitted - begin, "predict_s": done - fitted,
        "us_per_flow": (done - fitted) / job.test.size * 1e6, "model_bytes": len(pickle.dumps(model)), "facts": model.facts(),
        "untrained_classes": [c for c, there in zip(problem.classes, trained, strict=True) if not there], "metrics": metrics,
    }  # fmt: skip
    return FoldResult(job.protocol, job.fold, job.test, y[job.test], scores.astype(np.float32), record)


def run_jobs(problem: Problem, jobs: list[Job]) -> list[FoldResult]:
    """Do all fits, side by side where the first one shows that starting workers pays (a few seconds each)."""
    begin = perf_counter()
    first = run_job(problem, jobs[0])
    n_jobs = 1 if (perf_counter() - begin) * len(jobs) < WORTH_WORKERS_S else -1
    return [first, *parallel_map(partial(run_job, problem), jobs[1:], description=problem.model, n_jobs=n_jobs)]


def main() -> None:
    """Read, run all folds side by side, write the run folder, publish it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--task", "--model", "--dataset", "--splits", "--out"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    params, data, out = read_section("baseline", Params), read_data(), Path(arguments.out)
    dataset = read_table(arguments.dataset)
    problem = read_problem(dataset, arguments.model, arguments.task, data.classes, data.benign, params.settings)
    splits = {name: read_table(Path(arguments.splits) / f"{name}.parquet") for name in params.protocols}
    jobs = jobs_of(splits, arguments.task, seed=params.seed, n_orders=params.order_seeds if find_model(arguments.model).by_order else 1)
    results = join_orders(run_jobs(problem, jobs))
    used = asdict(params) | {"settings": problem.settings}
    document = run_document(results, arguments.task, arguments.model, problem.classes, n_features=problem.X.shape[1], params=used)
    if find_model(arguments.model).prequential:
        from stages.learning.prequential import prequential_record  # numba is for the model that needs it

        document["prequential"] = prequential_record(
            problem.X, problem.y, dataset.column("start_us").to_numpy(), problem.classes, data.benign, settings=problem.settings
        )
    write_table(predictions_table(results, problem.classes), out / "predictions.parquet")
    write_json(document, out / "folds.json")
    publish(out)


if __name__ == "__main__":
    run_plainly(main)
