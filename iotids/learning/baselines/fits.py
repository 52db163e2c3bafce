"""Fit a baseline on the training rows of one fold, test it on the others, and keep the result, so that a
broken run goes on after it.
"""

from __future__ import annotations

import json
import pickle
from time import perf_counter

import numpy as np

from iotids.learning.baselines.problem import Job, Problem
from iotids.learning.baselines.registry import find_model
from iotids.learning.runs.checkpoints import Store
from iotids.learning.runs.run_folder import FoldResult
from iotids.learning.scores.scores import score_fold


def fit_and_keep(problem: Problem, store: Store, job: Job) -> FoldResult:
    """Fit, predict, score, and store the result under the job's name."""
    result = fit_and_test(problem, job)
    store.save(job.name, {"scores": result.scores, "record": np.array(json.dumps(result.record))})
    return result


def kept_fit(problem: Problem, store: Store, job: Job) -> FoldResult | None:
    """The result of a fit that an earlier run finished; None where there is none."""
    if (kept := store.load(job.name)) is None:
        return None
    truth = problem.y[job.test].astype(np.int8)
    return FoldResult(
        job.protocol, job.fold, job.test, truth, kept["scores"], json.loads(str(kept["record"]))
    )


def fit_and_test(problem: Problem, job: Job) -> FoldResult:
    """Fit on one fold's training rows in one order, predict its test rows, score them."""
    model, y, k = find_model(problem.model).make(**problem.settings), problem.y, len(problem.classes)
    begin = perf_counter()
    model.fit(problem.X[job.train], y[job.train], n_classes=k, seed=job.seed)
    fit_s = perf_counter() - begin
    model.predict_scores(problem.X[job.test[:1]])  # may compile: no part of the time a flow takes
    begin = perf_counter()
    scores = model.predict_scores(problem.X[job.test]).astype(np.float32)
    predict_s = perf_counter() - begin
    trained = np.bincount(y[job.train], minlength=k) > 0
    metrics = score_fold(
        y[job.test], scores, problem.classes, trained=trained, benign=problem.classes[problem.benign]
    )
    record = {
        "fold": job.fold,
        "train_rows": job.train.size,
        "test_rows": job.test.size,
        "fit_s": fit_s,
        "predict_s": predict_s,
        "us_per_flow": predict_s / job.test.size * 1e6,
        "model_bytes": len(pickle.dumps(model)),
        "facts": model.facts(),
        "untrained_classes": [c for c, there in zip(problem.classes, trained, strict=True) if not there],
        "metrics": metrics,
    }
    return FoldResult(job.protocol, job.fold, job.test, y[job.test].astype(np.int8), scores, record)
