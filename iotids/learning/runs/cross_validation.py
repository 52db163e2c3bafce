"""Fit and test every fold of every split by itself: the default of the contract, for kinds that cannot be
stacked.

Finished folds are kept under their names, so that a run that was broken off continues after them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.learning.contract import CrossValidation, Fitted, FoldResult, RunContext, TrainingData
from iotids.learning.data.folds import Fold
from iotids.learning.runs.checkpoints import Store

if TYPE_CHECKING:
    from iotids.learning.contract import ModelKind

WORTH_WORKERS_S = 10.0  # starting workers takes a few seconds
MODEL = "model"  # in the store: what the first fit gave


@dataclass(frozen=True)
class Job:
    """One fit: a fold of a split, in one order of its training rows."""

    split: str
    fold: Fold
    order: int
    seed: int

    @property
    def name(self) -> str:
        """Of the fit, no two in a run alike."""
        return f"{self.split}-{self.fold.number}-{self.seed}"


@dataclass(frozen=True)
class Task:
    """What all fits of a run share."""

    kind: ModelKind
    data: TrainingData
    settings: Any
    store: Store


def jobs_of(splits: Mapping[str, Sequence[Fold]], *, seed: int, orders: int) -> list[Job]:
    """All fits of a run; the same fold gets the same seed in every split, another one for every order."""
    return [
        Job(split, fold, order, seed + fold.number + 1000 * order)
        for split, folds in splits.items()
        for order in range(orders)
        for fold in folds
    ]


def fit_each_fold(
    kind: ModelKind,
    data: TrainingData,
    splits: Mapping[str, Sequence[Fold]],
    settings: Any,
    *,
    seed: int,
    orders: int,
    context: RunContext,
) -> CrossValidation:
    """Do the fits that the store does not have; side by side where the first one shows that it pays."""
    task = Task(kind, data, settings, context.store)
    jobs = jobs_of(splits, seed=seed, orders=orders)
    done = {job.name: result for job in jobs if (result := kept_fit(task, job))}
    if (model := kept_model(task)) is None:
        done.pop(jobs[0].name, None)
    todo = [job for job in jobs if job.name not in done]
    begin = perf_counter()
    if model is None:
        model, first = fit_and_test(task, todo[0])
        done[todo[0].name] = first
        keep_model(task, model)
        keep_fit(task, todo[0], first)
        todo = todo[1:]
    fit = partial(fit_and_keep, task)
    pays = (perf_counter() - begin) * len(todo) > WORTH_WORKERS_S
    results = context.map_jobs(fit, todo) if pays else [fit(job) for job in todo]
    done |= {job.name: result for job, result in zip(todo, results, strict=True)}
    return CrossValidation([done[job.name] for job in jobs], model)


def fit_and_keep(task: Task, job: Job) -> FoldResult:
    """Fit, predict, and store the result under the job's name."""
    _, result = fit_and_test(task, job)
    keep_fit(task, job, result)
    return result


def keep_fit(task: Task, job: Job, result: FoldResult) -> None:
    """Store a result under the job's name."""
    task.store.save(job.name, {"scores": result.scores, "record": np.array(json.dumps(result.record))})


def kept_fit(task: Task, job: Job) -> FoldResult | None:
    """The result of a fit that an earlier run finished; None where there is none."""
    if (kept := task.store.load(job.name)) is None:
        return None
    return _result(task, job, kept["scores"], json.loads(str(kept["record"])))


def keep_model(task: Task, model: Fitted) -> None:
    """Store the files of the first fit's model."""
    with TemporaryDirectory() as folder:
        model.save(Path(folder))
        files = {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in Path(folder).iterdir()}
    task.store.save(MODEL, files)


def kept_model(task: Task) -> Fitted | None:
    """The model of the first fit that an earlier run finished; None where there is none."""
    if (files := task.store.load(MODEL)) is None:
        return None
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content.tobytes())
        return task.kind.load(Path(folder))


def fit_and_test(task: Task, job: Job) -> tuple[Fitted, FoldResult]:
    """Fit on one fold's training rows in one order, predict its test rows."""
    data, fold = task.data, job.fold
    training = data.take(fold.train_rows)
    begin = perf_counter()
    model = task.kind.fit(training, task.settings, seed=job.seed)
    fit_s = perf_counter() - begin
    untrained = untrained_classes(training.truth, data.classes)
    del training  # its rows are most of the memory that the fit takes; the test rows come in their place
    model.score_rows(data, fold.test_rows[:1])  # may compile: no part of the time a flow takes
    begin = perf_counter()
    scores = model.score_rows(data, fold.test_rows).astype(np.float32)
    predict_s = perf_counter() - begin
    record = {
        "fold": fold.number,
        "train_rows": len(fold.train_rows),
        "test_rows": len(fold.test_rows),
        "fit_s": fit_s,
        "predict_s": predict_s,
        "us_per_flow": predict_s / len(fold.test_rows) * 1e6,
        "model_bytes": model.model_bytes,
        "facts": model.facts(),
        "untrained_classes": untrained,
    }
    return model, _result(task, job, scores, record)


def untrained_classes(truth: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Classes without a training row."""
    counts = np.bincount(truth, minlength=len(classes))
    return [name for name, count in zip(classes, counts, strict=True) if count == 0]


def _result(task: Task, job: Job, scores: np.ndarray, record: dict[str, Any]) -> FoldResult:
    """A fold's result with its truth."""
    truth = task.data.truth[job.fold.test_rows].astype(np.int8)
    return FoldResult(job.split, job.fold.number, job.fold.test_rows, truth, scores, record, job.order)
