"""Mirror scored runs into MLflow: a parent run per model and split, a child run per fold.

The files in out/ are the truth; the MLflow store is a view that can be deleted and rebuilt at any time:
`iotids publish out/` publishes every scored run and every detector package that the
store does not have yet.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iotids.tracking import keras_model as tracked_model
from iotids.tracking.batches import Curve, log
from iotids.tracking.figures import draw_figures
from iotids.tracking.provenance import Origin, current_origin, dataset_input, run_params, run_tags
from iotids.tracking.store import open_store, store_uri
from iotids.tracking.usage import log_usage, read_usage
from iotids.writing.markdown import csv_table

HEADLINE = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "mcc",
    "roc_auc",
    "detection_roc_auc",
    "ece",
)  # others go to test_more/
EPOCH_METRICS = {
    "train_loss": "train/loss",
    "train_accuracy": "train/accuracy",
    "val_loss": "val/loss",
    "val_accuracy": "val/accuracy",
}
FOLD_FACTS = {"size": ("train_rows", "test_rows"), "time": ("fit_s", "predict_s")}


NEEDED = {  # of the files that `score` writes
    "made_from.json": ("params", "dataset"),
    "runs": ("title", "task", "model", "stage", "classes", "params", "folder", "splits"),
    "split": ("title", "figure", "unpredicted", "metrics", "confusion", "reliability", "folds"),
}


class OlderFormatError(ValueError):
    """A file that another version of the stage `score` wrote."""


def publish(score: Path) -> None:
    """Publish every run of a folder that the stage `score` wrote; never fail, because the results are on disk.

    A store that is locked, broken or out of reach gives a warning that says how to publish later.
    """
    try:
        publish_scores(score)
    except Exception as error:  # noqa: BLE001  the one place where this is right: see the docstring
        warnings.warn(
            f"{score}: not published to MLflow at {store_uri()}. {why(error)}\n{what_to_do(score, error)}",
            stacklevel=2,
        )


def publish_scores(score: Path, origin: Origin | None = None) -> list[str]:
    """Publish every run of out/score and give the ids of the parent runs that were new.

    Results that the store already has (same hash) are left alone, and tagged with this experiment's name;
    what a broken-off attempt left is replaced.

    Parameters
    ----------
    origin : where the results come from; by default the experiment that runs now, or the workspace
    """
    made_from = _read(score / "made_from.json", NEEDED["made_from.json"])
    all_scored = [_read_scored(file) for file in sorted((score / "runs").glob("*.json"))]
    origin, new = origin or current_origin(), []
    with open_store() as (client, experiment_id):
        for scored in all_scored:
            folder = score.parent / scored["folder"]
            for number, split in enumerate(scored["splits"]):
                digest = f"{_digest(scored, split, made_from)}-{split}"
                if published := _published(client, experiment_id, digest):
                    _add_experiment(client, published, scored, origin.experiment, first=number == 0)
                    continue
                parent = _publish_split(
                    client, experiment_id, folder, scored, split, made_from, digest=digest, origin=origin
                )
                if number == 0 and (folder / tracked_model.FILE).is_file():
                    tracked_model.publish_model(
                        client,
                        experiment_id,
                        parent,
                        folder,
                        scored,
                        made_from=made_from,
                        metrics=_compared(scored, scored["splits"][split]),
                        alias=origin.experiment,
                    )
                client.set_terminated(parent, end_time=_times(folder, scored["splits"][split])[1])
                new.append(parent)
    return new


def _read_scored(file: Path) -> Mapping[str, Any]:
    """The scores of one model, with every split complete."""
    scored = _read(file, NEEDED["runs"])
    for split, part in scored["splits"].items():
        _check_keys(part, NEEDED["split"], f"{file}, split {split}")
    return scored


def _read(file: Path, needed: Sequence[str]) -> Mapping[str, Any]:
    """A JSON object with these keys."""
    content = json.loads(file.read_text(encoding="utf-8"))
    _check_keys(content, needed, str(file))
    return content


def _check_keys(content: Mapping[str, Any], needed: Sequence[str], where: str) -> None:
    """Refuse what another version wrote, before anything is published."""
    if missing := [key for key in needed if key not in content]:
        raise OlderFormatError(f"{where}: no {', '.join(missing)}; another version of the project wrote it")


def _published(client: Any, experiment_id: str, digest: str) -> Any | None:
    """A finished parent run with this digest; an unfinished one is removed with its folds."""
    found = client.search_runs([experiment_id], f"tags.`result.hash` = '{digest}'")
    for run in found:
        if run.info.status != "FINISHED":
            children = client.search_runs([experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
            for each in (*children, run):
                client.delete_run(each.info.run_id)
    return next((run for run in found if run.info.status == "FINISHED"), None)


def _add_experiment(client: Any, run: Any, scored: Mapping[str, Any], name: str, *, first: bool) -> None:
    """Note that this experiment has the same results: in the run's tag and as an alias of its model."""
    names = run.data.tags.get("dvc.exp", "").split(", ")
    if name in names:
        return
    client.set_tag(run.info.run_id, "dvc.exp", ", ".join(filter(None, [*names, name])))
    if first:
        tracked_model.add_alias(client, scored, run.info.run_id, alias=name)


def _publish_split(
    client: Any,
    experiment_id: str,
    folder: Path,
    scored: Mapping[str, Any],
    split: str,
    made_from: Mapping[str, Any],
    *,
    digest: str,
    origin: Origin,
) -> str:
    """Write one parent run and its folds; the caller sets it FINISHED when all of it is in the store."""
    part, tags = scored["splits"][split], run_tags(scored, split, origin)
    params, curves = run_params(scored, split, made_from), _epoch_curves(folder, split)
    name = f"{scored['title']} · {scored['task']} · {part['title']}"
    name += "" if origin.in_workspace else f" ({origin.experiment})"
    start, end = _times(folder, part)
    parent_tags = {**tags, "level": "cv", "result.hash": digest}
    parent = client.create_run(experiment_id, start_time=start, run_name=name, tags=parent_tags).info.run_id
    log(client, parent, _summary(scored, part), params, _mean_curves(list(curves.values())))
    client.log_inputs(parent, [dataset_input(made_from)])
    if usage := read_usage(folder):
        log_usage(client, parent, usage)
    for fold in part["folds"]:
        number = fold["fold"]
        fold_tags = {**tags, "level": "fold", "fold": str(number), "mlflow.parentRunId": parent}
        title = f"{name} · fold {fold['name']}"
        run = client.create_run(experiment_id, start_time=start, run_name=title, tags=fold_tags).info.run_id
        facts = {f"{kind}/{key}": fold[key] for kind, keys in FOLD_FACTS.items() for key in keys}
        scores = {_metric_name(key): value for key, value in fold["metrics"].items()}
        log(client, run, {**scores, **facts}, {**params, "fold": number}, curves.get(number))
        client.set_terminated(run, end_time=end)
    for file in (folder / "folds.json", folder / "history.parquet"):
        if file.is_file():
            client.log_artifact(parent, str(file))
    with TemporaryDirectory() as drawn:
        mean_curves = _mean_curves(list(curves.values()))
        for file_name, content in draw_figures(name, scored["classes"], part, mean_curves).items():
            Path(drawn, file_name).write_bytes(content)
        client.log_artifacts(parent, drawn, "figures")
    client.log_text(parent, _per_class_csv(scored["classes"], part["confusion"]), "per_class.csv")
    return parent


def _times(folder: Path, part: Mapping[str, Any]) -> tuple[int, int]:
    """Start and end in ms, as measured; of a folder without measurements, by the time at which it was written and the
    time that its folds took.
    """
    if usage := read_usage(folder):
        return usage["start_ms"], usage["at_ms"][-1]
    end = (folder / "folds.json").stat().st_mtime if (folder / "folds.json").is_file() else time.time()
    spent = sum(fold[key] for fold in part["folds"] for key in FOLD_FACTS["time"])
    return int(1000 * (end - spent)), int(1000 * end)


def _summary(scored: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, float | None]:
    """Every metric's value, its spread over folds, its value by capture for those one compares; recall of
    every class; the time all folds took.
    """
    found: dict[str, float | None] = {}
    for name, figures in part["metrics"].items():
        title = _metric_name(name)
        found |= {title: figures["value"], f"{title}_sd": figures["std"]}
        if name in HEADLINE:
            found[f"test_more/{name}_by_capture"] = figures["by_capture"]
    for name, row, k in zip(scored["classes"], part["confusion"], range(len(part["confusion"])), strict=True):
        found[f"recall/{name}"] = row[k] / sum(row) if sum(row) else None
    return found | {f"time/{key}": sum(fold[key] for fold in part["folds"]) for key in FOLD_FACTS["time"]}


def _compared(scored: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, float | None]:
    """The values that a model's versions are compared by."""
    return {name: value for name, value in _summary(scored, part).items() if name.startswith("test/")}


def _per_class_csv(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    """The confusion matrix with its margins: a line per true class, a column per predicted one."""
    rows = [[name, *row, sum(row)] for name, row in zip(classes, confusion, strict=True)]
    return csv_table(["true class", *(f"said {name}" for name in classes), "flows"], rows)


def _metric_name(score: str) -> str:
    """Put a score into the section `test/` (those one compares) or `test_more/`."""
    return f"test/{score}" if score in HEADLINE else f"test_more/{score}"


def _epoch_curves(folder: Path, split: str) -> dict[int, Curve]:
    """Read the curves of every fold as (metric, value, epoch); empty for models without epochs."""
    path = folder / "history.parquet"
    if not path.is_file():
        return {}
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    curves: dict[int, Curve] = defaultdict(list)
    for row in table.to_pylist():
        if row["split"] == split:
            known = [(metric, row.get(name)) for name, metric in EPOCH_METRICS.items()]
            curves[row["fold"]] += [(metric, v, row["epoch"]) for metric, v in known if v is not None]
    return dict(curves)


def _mean_curves(folds: list[Curve]) -> Curve:
    """Average curves over the folds that reached an epoch."""
    values = defaultdict(list)
    for curve in folds:
        for metric, value, epoch in curve:
            values[metric, epoch].append(value)
    return [(metric, sum(found) / len(found), epoch) for (metric, epoch), found in values.items()]


def _digest(scored: Mapping[str, Any], split: str, made_from: Mapping[str, Any]) -> str:
    """Hash of a model's results under one split with everything they were made from; results hold measured times, so
    every execution has its own, and two experiments share a run only where all its parameters are equal.
    """
    model = [scored[key] for key in ("stage", "task", "model", "params")]
    text = json.dumps([model, scored["splits"][split], made_from], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def why(error: Exception) -> str:
    """Say in one line what went wrong; database errors carry pages of SQL."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def what_to_do(folder: str | Path, error: Exception) -> str:
    """Say how to get the results into the store later, and how to repair a damaged one."""
    if isinstance(error, OlderFormatError):
        return "`dvc repro score` writes it anew from the run folders, without training; then repeat this."
    retry = f"Results are safe on disk; once the store works, run: iotids publish {folder}"
    broken = (
        "malformed",
        "not a database",
        "no such table",
        "out-of-date database schema",
        "Can't locate revision",
        "already exists",
    )
    if any(sign in str(error) for sign in broken):
        return f"The store is damaged or was made by another MLflow. Move {store_uri().removeprefix('sqlite:///')} away. {retry}"
    return retry
