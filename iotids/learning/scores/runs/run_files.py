"""out/score/runs/<task>-<model>.json: the scores of a run as a file, and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from iotids.learning.scores.calibration import Reliability
from iotids.learning.scores.comparisons import Interval
from iotids.learning.scores.names import model_title, split_title
from iotids.learning.scores.runs.cards import card
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.learning.scores.unpredicted import Unpredicted

NAN = float("nan")


def run_to_plain(run: RunScores) -> dict[str, Any]:
    """Everything but the matrices by group, as JSON can hold it."""
    plain = {field.name: getattr(run, field.name) for field in fields(run)}
    splits = {name: _split_to_plain(scored) for name, scored in run.splits.items()}
    return {"title": model_title(run.model)} | plain | {"classes": list(run.classes), "splits": splits}


def run_documents(run: RunScores, folder: str) -> dict[str, Any]:
    """The files of a run below out/score by name: its scores and its card; `folder` is that of the run's stage."""
    place = f"{run.stage}/{folder}"
    scores = run_to_plain(run) | {"folder": place}
    return {f"runs/{run.task}-{run.model}.json": scores, f"cards/{place}.json": card(run)}


def run_from_plain(plain: Mapping[str, Any]) -> RunScores:
    """The run again; null is NaN."""
    splits = {name: _split_from_plain(name, part) for name, part in plain["splits"].items()}
    given = {field.name: plain.get(field.name) for field in fields(RunScores)}
    return RunScores(**given | {"classes": tuple(plain["classes"]), "splits": splits})


def _split_to_plain(scored: SplitScores) -> dict[str, Any]:
    """One split; `value` is what tables show, `figure` says what it is."""
    metrics = {
        name: {
            "value": scored.value(name),
            "std": scored.spread(name),
            "pooled": scored.pooled[name],
            "by_capture": scored.by_capture[name],
            "repeat_std": scored.repeat_std.get(name),
        }
        for name in scored.pooled
    }
    reliability = {f.name: getattr(scored.reliability, f.name).tolist() for f in fields(Reliability)}
    folds = [
        {"name": name, **record, "metrics": fold}
        for name, record, fold in zip(scored.fold_names, scored.records, scored.folds, strict=True)
    ]
    return {
        "title": split_title(scored.split),
        "figure": scored.figure,
        "unpredicted": [
            {"class": one.name, "folds": one.folds, "tested": one.tested} for one in scored.unpredicted
        ],
        "metrics": metrics,
        "intervals": {name: list(one) for name, one in _interval_rows(scored).items()},
        "repeats": scored.repeats,
        "confusion": scored.confusion.tolist(),
        "reliability": reliability,
        "folds": folds,
    }


def _interval_rows(scored: SplitScores) -> dict[str, tuple[float, float, float, int]]:
    """(value, low, high, groups) by metric."""
    return {name: (one.value, one.low, one.high, one.groups) for name, one in scored.intervals.items()}


def _split_from_plain(name: str, part: Mapping[str, Any]) -> SplitScores:
    """One split again."""
    metrics = part["metrics"]
    mean = {m: _known(figures["value"]) for m, figures in metrics.items()}
    std = {m: _known(figures["std"]) for m, figures in metrics.items()}
    records = [{k: v for k, v in fold.items() if k not in ("name", "metrics")} for fold in part["folds"]]
    pooled_only = part["figure"].endswith("pooled")
    return SplitScores(
        name,
        [fold["name"] for fold in part["folds"]],
        [{m: _known(value) for m, value in fold["metrics"].items()} for fold in part["folds"]],
        {} if pooled_only else mean,
        {} if pooled_only else std,
        {m: _known(figures["pooled"]) for m, figures in metrics.items()},
        {m: _known(figures["by_capture"]) for m, figures in metrics.items()},
        np.array(part["confusion"], np.int64),
        None,
        {m: _interval(*row) for m, row in part["intervals"].items()},
        Reliability(
            **{key: np.array([_known(v) for v in values]) for key, values in part["reliability"].items()}
        ),
        records,
        [Unpredicted(one["class"], one["folds"], one["tested"]) for one in part["unpredicted"]],
        part["repeats"],
        {m: figures["repeat_std"] for m, figures in metrics.items() if figures["repeat_std"] is not None},
    )


def _interval(value: float | None, low: float | None, high: float | None, groups: int) -> Interval:
    """An interval again."""
    return Interval(_known(value), _known(low), _known(high), groups)


def _known(value: float | None) -> float:
    """NaN for null."""
    return NAN if value is None else value
