"""Mirror run folders into MLflow: a parent run per configuration and split protocol, a child run per fold.

The files in out/ are the truth; the MLflow store is a view that can be deleted and rebuilt at any time:
`python -m stages.plumbing.tracking out/` publishes every run folder that the store does not have yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXPERIMENT = "iot-attack-detection"
MAX_METRICS_PER_CALL = 1000  # limit of MLflow's log_batch
QUICK_AND_QUIET = {  # MLflow's own default is to try a dead server for four minutes
    "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
EPOCH_METRICS = {"train_loss": "train/loss", "train_accuracy": "train/accuracy", "val_loss": "val/loss", "val_accuracy": "val/accuracy"}


def publish(folder: str | Path) -> None:
    """Publish one run folder; never fail, because the results are already on disk.

    A store that is locked, broken or out of reach gives a warning that says how to publish later.
    """
    try:
        publish_folder(Path(folder))
    except Exception as error:  # noqa: BLE001  the one place where this is right: see the docstring
        warnings.warn(
            f"{folder}: not published to MLflow at {store_uri()} ({type(error).__name__}: {error}). Results are safe on disk; "
            f"once the store works, run `python -m stages.plumbing.tracking {folder}`",
            stacklevel=2,
        )


def publish_folder(folder: Path) -> list[str]:
    """Publish one run folder and give the ids of the parent runs that were new.

    A folder with `folds.json` (see stages/network.py) becomes one parent run per split protocol. Results that the store
    already has (same hash) are left alone.

    Raises
    ------
    FileNotFoundError
        The folder has no folds.json.
    """
    results = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    digest = _digest(folder)
    with _client() as client:
        experiment_id = _experiment_id(client)
        return [
            _publish_protocol(client, experiment_id, folder, results, protocol, f"{digest}-{protocol}")
            for protocol in results["protocols"]
            if not _known(client, experiment_id, f"{digest}-{protocol}")
        ]


def store_uri() -> str:
    """Give the address of the store: MLFLOW_TRACKING_URI, else one SQLite file in the workspace, also for queued experiments."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'mlflow.db'}"


def workspace() -> Path:
    """Find the workspace: DVC_ROOT (of the parent repository in queued runs), else git's top level, else the current folder."""
    if root := os.environ.get("DVC_ROOT"):
        return Path(root).absolute()
    return Path(_git("rev-parse", "--show-toplevel") or ".").absolute()


@contextmanager
def _client() -> Iterator[Any]:
    """Open the store. First contacts wait for each other: four processes that met a fresh SQLite store broke it for good."""
    for name, value in QUICK_AND_QUIET.items():
        os.environ.setdefault(name, value)
    import logging

    from filelock import FileLock
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with FileLock(workspace() / "mlflow.db.lock", timeout=120):
        client = MlflowClient(tracking_uri=store_uri())
        _experiment_id(client)
    yield client


def _experiment_id(client: Any) -> str:
    """Find or make the experiment; artifacts of a local store lie beside it, by absolute path."""
    if experiment := client.get_experiment_by_name(EXPERIMENT):
        return experiment.experiment_id
    local = store_uri().startswith("sqlite:")
    return client.create_experiment(EXPERIMENT, artifact_location=(workspace() / "mlartifacts").as_uri() if local else None)


def _known(client: Any, experiment_id: str, digest: str) -> bool:
    """Say whether a finished parent run with this digest exists."""
    found = client.search_runs([experiment_id], f"tags.`result.hash` = '{digest}' and attributes.status = 'FINISHED'", max_results=1)
    return bool(found)


def _publish_protocol(client: Any, experiment_id: str, folder: Path, results: dict, protocol: str, digest: str) -> str:
    """Write one parent run and its folds; it is FINISHED only when all of it is in the store."""
    part = results["protocols"][protocol]
    tags = _tags(folder, results, protocol)
    parent = client.create_run(experiment_id, run_name=f"{folder.name} {protocol}", tags={**tags, "level": "cv", "result.hash": digest})
    summary = {f"test/{name}_mean": value for name, value in part["mean"].items()}
    summary |= {f"test/{name}_std": value for name, value in part["std"].items()}
    _log(client, parent.info.run_id, summary, _flat_params(results, protocol))
    for fold in part["folds"]:
        _publish_fold(client, experiment_id, parent.info.run_id, folder, fold, {**tags, "level": "fold"})
    for name in ("folds.json", "history.parquet"):
        if (folder / name).is_file():
            client.log_artifact(parent.info.run_id, str(folder / name))
    client.set_terminated(parent.info.run_id)
    return parent.info.run_id


def _publish_fold(client: Any, experiment_id: str, parent_id: str, folder: Path, fold: dict, tags: dict[str, str]) -> None:
    """Write one fold as a child run, with its epoch curves where the model has epochs."""
    name = f"{folder.name} {tags['protocol']} fold {fold['fold']}"
    run = client.create_run(experiment_id, run_name=name, tags={**tags, "mlflow.parentRunId": parent_id, "fold": str(fold["fold"])})
    scalars = {f"test/{metric}": value for metric, value in fold["metrics"].items()}
    scalars |= {key: fold[key] for key in ("fit_s", "predict_s", "train_rows", "test_rows") if key in fold}
    _log(client, run.info.run_id, scalars, {"fold": fold["fold"]}, _epoch_curves(folder, tags["protocol"], fold["fold"]))
    client.set_terminated(run.info.run_id)


def _epoch_curves(folder: Path, protocol: str, fold: int) -> list[tuple[str, float, int]]:
    """Read the curves of one fold as (metric, value, epoch); empty for models without epochs."""
    path = folder / "history.parquet"
    if not path.is_file():
        return []
    import pyarrow.parquet as pq

    rows = pq.read_table(path, filters=[("protocol", "==", protocol), ("fold", "==", fold)]).to_pylist()
    return [(EPOCH_METRICS[name], row[name], row["epoch"]) for row in rows for name in EPOCH_METRICS if row.get(name) is not None]


def _log(client: Any, run_id: str, scalars: dict, params: dict[str, Any], curves: list[tuple[str, float, int]] | None = None) -> None:
    """Send metrics and parameters in as few calls as the store allows; values that are not numbers are left out."""
    from mlflow.entities import Metric, Param

    now_ms = int(time.time() * 1000)
    metrics = [Metric(_clean(name), float(value), now_ms, 0) for name, value in scalars.items() if value is not None]
    metrics += [Metric(name, float(value), now_ms, int(step)) for name, value, step in curves or []]
    client.log_batch(run_id, metrics[:MAX_METRICS_PER_CALL], [Param(key, str(value)) for key, value in params.items()][:100])
    for start in range(MAX_METRICS_PER_CALL, len(metrics), MAX_METRICS_PER_CALL):
        client.log_batch(run_id, metrics[start : start + MAX_METRICS_PER_CALL])


def _clean(name: str) -> str:
    """Replace characters that MLflow refuses in metric names."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)


def _flat_params(results: dict, protocol: str) -> dict[str, Any]:
    """Name parameters as in conf/: `network.depth`, `network.width`, …"""
    stage = "network" if "depth" in results.get("params", {}) else "baseline"
    flat = {f"{stage}.{key}": value for key, value in results.get("params", {}).items()}
    return {"task": results["task"], "model": results["model"], "split.protocol": protocol, **flat}


def _tags(folder: Path, results: dict, protocol: str) -> dict[str, str]:
    """Say where the run comes from: stage, experiment, commit."""
    tags = {
        "task": results["task"],
        "model": results["model"],
        "protocol": protocol,
        "dvc.stage": os.environ.get("DVC_STAGE") or f"{folder.parent.name}@{folder.name}",
        "dvc.exp": os.environ.get("DVC_EXP_NAME", "workspace"),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", "")[:10],
        "mlflow.source.git.commit": _git("rev-parse", "HEAD"),
    }
    return {key: value for key, value in tags.items() if value}


def _digest(folder: Path) -> str:
    """Hash the results of a run folder and the experiment they belong to."""
    digest = hashlib.sha256()
    for name in ("folds.json", "predictions.parquet", "history.parquet"):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:20]


def _git(*arguments: str) -> str:
    """Ask git; empty where there is none."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def main(paths: list[str]) -> int:
    """Publish every run folder at or below the given paths."""
    folders = sorted({file.parent for path in paths for file in Path(path).rglob("folds.json")})
    if not folders:
        print(f"no run folder (folds.json) at or below {', '.join(paths)}; `make` writes them to out/", file=sys.stderr)
        return 1
    new = sum(len(publish_folder(folder)) for folder in folders)
    print(f"{len(folders)} run folders, {new} new runs in {store_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["out"]))
