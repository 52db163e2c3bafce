"""Mirror run folders into MLflow: a parent run per configuration and split protocol, a child run per fold.

The files in out/ are the truth; the MLflow store is a view that can be deleted and rebuilt at any time:
`iotids publish out/` publishes every run folder that the store does not have yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iotids.tracking import keras_model as tracked_model
from iotids.tracking import view as tracking_view

EXPERIMENT = "iot-attack-detection"
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # else the UI opens with pages for chat programs
    "mlflow.note.content": "One run per configuration and split protocol (`tags.level = 'cv'`), its folds below (`tags.level = 'fold'`). "
    "`test/` holds the scores to compare, `test_more/` all others; curves of a parent are the mean over its folds. "
    "Everything here is mirrored from files in `out/` and can be rebuilt: `iotids publish out/`.",
}
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
MAX_METRICS_PER_CALL, MAX_PARAMS_PER_CALL, MAX_PARAM_LENGTH = (
    1000,
    100,
    500,
)  # MLflow's limits of log_batch; 500 holds for old servers too
QUICK_AND_QUIET = {  # MLflow's own default is to try a dead server for four minutes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
WAIT_FOR_OTHERS_S = 120


def publish(folder: str | Path) -> None:
    """Publish one run folder; never fail, because the results are already on disk.

    A store that is locked, broken or out of reach gives a warning that says how to publish later.
    """
    try:
        publish_folder(Path(folder))
    except Exception as error:  # noqa: BLE001  the one place where this is right: see the docstring
        warnings.warn(
            f"{folder}: not published to MLflow at {store_uri()}. {_why(error)}\n{_what_to_do(folder, error)}",
            stacklevel=2,
        )


def publish_folder(folder: Path) -> list[str]:
    """Publish one run folder and give the ids of the parent runs that were new.

    A folder with `folds.json` (see stages/network.py) becomes one parent run per split protocol. Results that
    the store already has (same hash) are left alone; what a broken-off attempt left is replaced.

    Raises
    ------
    FileNotFoundError
        The folder has no folds.json.
    """
    results = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    digest = _digest(folder)
    with open_store() as (client, experiment_id):
        new = []
        for number, protocol in enumerate(results["protocols"]):
            if _is_published(client, experiment_id, f"{digest}-{protocol}"):
                continue
            parent_id = _publish_protocol(
                client, experiment_id, folder, results, protocol, f"{digest}-{protocol}"
            )
            if number == 0 and (folder / tracked_model.FILE).is_file():
                tracked_model.publish_model(
                    client, experiment_id, parent_id, folder, results, alias=experiment_name()
                )
            client.set_terminated(parent_id)
            new.append(parent_id)
    return new


def store_uri() -> str:
    """Give the address of the store: MLFLOW_TRACKING_URI, else one SQLite file in the workspace, also for
    queued experiments.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'mlflow.db'}"


def workspace() -> Path:
    """Find the workspace: DVC_ROOT (of the parent repository in queued runs), else git's top level, else the
    current folder.
    """
    if root := os.environ.get("DVC_ROOT"):
        return Path(root).absolute()
    return Path(_git("rev-parse", "--show-toplevel") or ".").absolute()


def experiment_name() -> str:
    """Name the DVC experiment that runs now; `workspace` for `dvc repro` and for back-filling."""
    return os.environ.get("DVC_EXP_NAME") or "workspace"


@contextmanager
def open_store() -> Iterator[tuple[Any, str]]:
    """Open the store and its experiment, one process of this workspace at a time.

    Four processes that met a fresh SQLite store at once broke it for good, and many writers lock each other
    out.
    """
    for name, value in QUICK_AND_QUIET.items():
        os.environ.setdefault(name, value)
    from filelock import FileLock
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with FileLock(workspace() / "mlflow.db.lock", timeout=WAIT_FOR_OTHERS_S):
        client = MlflowClient(tracking_uri=store_uri())
        yield client, _experiment_id(client)


def _experiment_id(client: Any) -> str:
    """Find or make the experiment; artifacts of a local store lie beside it, by absolute path."""
    if experiment := client.get_experiment_by_name(EXPERIMENT):
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        return experiment.experiment_id
    local = store_uri().startswith("sqlite:")
    location = (workspace() / "mlartifacts").as_uri() if local else None
    tags = {**EXPERIMENT_TAGS, tracking_view.TAG: tracking_view.view_tag()}
    return client.create_experiment(EXPERIMENT, artifact_location=location, tags=tags)


def _is_published(client: Any, experiment_id: str, digest: str) -> bool:
    """Say whether a finished parent run with this digest exists; remove an unfinished one with its folds."""
    found = client.search_runs([experiment_id], f"tags.`result.hash` = '{digest}'")
    for run in found:
        if run.info.status != "FINISHED":
            for fold in client.search_runs(
                [experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
            ):
                client.delete_run(fold.info.run_id)
            client.delete_run(run.info.run_id)
    return any(run.info.status == "FINISHED" for run in found)


def _publish_protocol(
    client: Any, experiment_id: str, folder: Path, results: dict, protocol: str, digest: str
) -> str:
    """Write one parent run and its folds; the caller sets it FINISHED when all of it is in the store."""
    part = results["protocols"][protocol]
    tags = _tags(folder, results, protocol)
    curves = _epoch_curves(folder, protocol)
    name = f"{results['task']} {results['model']} {protocol}" + (
        "" if experiment_name() == "workspace" else f" ({experiment_name()})"
    )
    parent = client.create_run(
        experiment_id, run_name=name, tags={**tags, "level": "cv", "result.hash": digest}
    ).info.run_id
    _log(client, parent, _summary(part), _flat_params(results, protocol), _mean_curves(list(curves.values())))
    for fold in part["folds"]:
        number = fold["fold"]
        fold_tags = {**tags, "level": "fold", "fold": str(number), "mlflow.parentRunId": parent}
        run = client.create_run(experiment_id, run_name=f"{name} fold {number}", tags=fold_tags).info.run_id
        sizes = {
            name: fold[name.split("/")[1]]
            for name in ("size/train_rows", "size/test_rows", "time/fit_s", "time/predict_s")
        }
        scores = {_metric_name(key): value for key, value in fold["metrics"].items()}
        _log(
            client,
            run,
            {**scores, **sizes},
            {**_flat_params(results, protocol), "fold": number},
            curves.get(number),
        )
        client.set_terminated(run)
    for file in ("folds.json", "history.parquet"):
        if (folder / file).is_file():
            client.log_artifact(parent, str(folder / file))
    return parent


def _summary(part: dict) -> dict[str, float]:
    """Name means and standard deviations over the folds, and the time all folds took."""
    means = {f"{_metric_name(key)}_mean": value for key, value in part["mean"].items()}
    spreads = {f"{_metric_name(key)}_std": value for key, value in part["std"].items()}
    return {
        **means,
        **spreads,
        **{f"time/{key}": sum(fold[key] for fold in part["folds"]) for key in ("fit_s", "predict_s")},
    }


def _metric_name(score: str) -> str:
    """Put a score into the section `test/` (those one compares) or `test_more/`."""
    return f"test/{score}" if score in HEADLINE else f"test_more/{score}"


def _epoch_curves(folder: Path, protocol: str) -> dict[int, list[tuple[str, float, int]]]:
    """Read the curves of every fold as (metric, value, epoch); empty for models without epochs."""
    path = folder / "history.parquet"
    if not path.is_file():
        return {}
    import pyarrow.parquet as pq

    curves: dict[int, list[tuple[str, float, int]]] = defaultdict(list)
    for row in pq.read_table(path, filters=[("protocol", "==", protocol)]).to_pylist():
        curves[row["fold"]] += [
            (EPOCH_METRICS[name], row[name], row["epoch"])
            for name in EPOCH_METRICS
            if row.get(name) is not None
        ]
    return dict(curves)


def _mean_curves(folds: list[list[tuple[str, float, int]]]) -> list[tuple[str, float, int]]:
    """Average curves over the folds that reached an epoch."""
    values = defaultdict(list)
    for curve in folds:
        for metric, value, epoch in curve:
            values[metric, epoch].append(value)
    return [(metric, sum(found) / len(found), epoch) for (metric, epoch), found in values.items()]


def _log(
    client: Any,
    run_id: str,
    scalars: dict,
    params: dict[str, Any],
    curves: list[tuple[str, float, int]] | None = None,
) -> None:
    """Send metrics and parameters in as few calls as the store allows; values that are not numbers are left
    out.

    Six digits: MLflow's table cuts longer ones off (`0.87200000…`), and the files have them all.
    """
    from mlflow.entities import Metric, Param

    now_ms = int(time.time() * 1000)
    first = sorted(
        scalars.items(), key=lambda item: not item[0].startswith("test/")
    )  # a run's page lists them in this order
    metrics = [
        Metric(_clean(name), float(f"{value:.6g}"), now_ms, 0) for name, value in first if value is not None
    ]
    metrics += [Metric(name, float(value), now_ms, int(step)) for name, value, step in curves or []]
    shown = [Param(_clean(key), str(value)[:MAX_PARAM_LENGTH]) for key, value in params.items()]
    client.log_batch(run_id, metrics[:MAX_METRICS_PER_CALL], shown[:MAX_PARAMS_PER_CALL])
    for start in range(MAX_METRICS_PER_CALL, len(metrics), MAX_METRICS_PER_CALL):
        client.log_batch(run_id, metrics[start : start + MAX_METRICS_PER_CALL])


def _clean(name: str) -> str:
    """Replace characters that MLflow refuses in names."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)


def _flat_params(results: dict, protocol: str) -> dict[str, Any]:
    """Name parameters as in conf/: `network.depth`, `network.width`, …; nested ones with dots."""
    given = results.get("params", {})
    stage = "network" if "depth" in given else "baseline"
    return {
        "task": results["task"],
        "model": results["model"],
        "split.protocol": protocol,
        **dict(_flatten(stage, given)),
    }


def _flatten(prefix: str, content: dict) -> Iterator[tuple[str, Any]]:
    """Give (dotted name, value) of every leaf; lists are leaves."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}.{key}", value)
        else:
            yield f"{prefix}.{key}", value


def _tags(folder: Path, results: dict, protocol: str) -> dict[str, str]:
    """Say where the run comes from: stage, experiment, commit."""
    tags = {
        "task": results["task"],
        "model": results["model"],
        "protocol": protocol,
        "dvc.stage": os.environ.get("DVC_STAGE") or f"{folder.parent.name}@{folder.name}",
        "dvc.exp": experiment_name(),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", "")[:10],
        "mlflow.source.git.commit": _git("rev-parse", "HEAD"),
        "mlflow.source.name": f"out/{folder.parent.name}/{folder.name}",
        "mlflow.user": "dvc",
    }
    return {key: value for key, value in tags.items() if value}


def _digest(folder: Path) -> str:
    """Hash the results of a run folder; they hold measured times, so every execution has its own."""
    digest = hashlib.sha256()
    for name in ("folds.json", "predictions.parquet", "history.parquet"):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:20]


def _git(*arguments: str) -> str:
    """Ask git; empty where there is none."""
    try:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=20
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _why(error: Exception) -> str:
    """Say in one line what went wrong; database errors carry pages of SQL."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def _what_to_do(folder: str | Path, error: Exception) -> str:
    """Say how to get the results into the store later, and how to mend a damaged one."""
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


def main(arguments: list[str] | None = None) -> int:
    """Publish every run folder at or below the given paths."""
    parser = argparse.ArgumentParser(
        prog="iotids publish", description="Run folders → runs in MLflow's store."
    )
    parser.add_argument(
        "paths", nargs="*", default=["out"], help="run folders, or folders of them (default: out)"
    )
    paths = parser.parse_args(arguments).paths
    folders = sorted({file.parent for path in paths for file in Path(path).rglob("folds.json")})
    if not folders:
        print(
            f"no run folder (folds.json) at or below {', '.join(paths)}; `make` writes them to out/",
            file=sys.stderr,
        )
        return 1
    new = 0
    for folder in folders:
        try:
            new += len(publish_folder(folder))
        except Exception as error:  # noqa: BLE001  whatever the store raises, the answer is the same sentence
            print(f"{folder}: {_why(error)}\n{_what_to_do(folder, error)}", file=sys.stderr)
            return 1
    print(f"{len(folders)} run folders, {new} new runs in {store_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
