"""Where MLflow keeps its runs: a server, or one SQLite file in the workspace that one process opens at a time."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iotids.tracking import view

EXPERIMENT = "iot-attack-detection"
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # else the UI opens with pages for chat programs
    "mlflow.note.content": "One run per model and split (`tags.level = 'cv'`), its folds below (`tags.level = 'fold'`). "
    "`test/` holds the scores to compare (mean over folds; pooled for unseen sites), `test_more/` all others; `_sd` is the standard deviation over "
    "folds, `_by_capture` weighs every capture the same. Curves of a parent are the mean over its folds. "
    "Everything here is mirrored from files in `out/` and can be rebuilt: `iotids publish out/`.",
}
QUICK_AND_QUIET = {  # MLflow's own default is to try a dead server for four minutes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
WAIT_FOR_OTHERS_S = 120
PLACES = {  # columns of MLflow's tables that hold absolute addresses of artifacts
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


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
    return Path(ask_git("rev-parse", "--show-toplevel") or ".").absolute()


def experiment_name() -> str:
    """Name the DVC experiment that runs now; `workspace` for `dvc repro` and for back-filling."""
    return os.environ.get("DVC_EXP_NAME") or "workspace"


def ask_git(*arguments: str) -> str:
    """Ask git; empty where there is none."""
    try:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=20
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


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
    with (
        FileLock(workspace() / "mlflow.db.lock", timeout=WAIT_FOR_OTHERS_S),
        _plain_address() as address,
        _synced_at_the_end(address),
    ):
        _create_whole(address)
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        yield client, _experiment_id(client)


def _create_whole(address: str) -> None:
    """Make a SQLite store that is not there under another name first: MLflow's own making, killed in between, leaves a
    file that no MLflow can open.
    """
    database = Path(address.removeprefix("sqlite:///"))
    if not address.startswith("sqlite:") or database.exists():
        return
    from mlflow import MlflowClient

    made = database.with_name(f".{database.name}.part")
    made.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"sqlite:///{made}", registry_uri=f"sqlite:///{made}").search_experiments()
    made.replace(database)


@contextmanager
def _synced_at_the_end(address: str) -> Iterator[None]:
    """Hand a SQLite file to the disk once, at the end: MLflow commits forty times a run and SQLite waits for the disk
    at each. A power cut in between can damage the file, which `iotids publish` makes again.
    """
    if not address.startswith("sqlite:"):
        yield
        return
    from sqlalchemy import Engine, event

    def without_waiting(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", without_waiting)
    try:
        yield
    finally:
        event.remove(Engine, "connect", without_waiting)
        with suppress(OSError), Path(address.removeprefix("sqlite:///")).open("rb") as database:
            os.fsync(database.fileno())


@contextmanager
def _plain_address() -> Iterator[str]:
    """The address of the store as MLflow can open it: in one, `?` and `%` of a folder's name mean something else (the
    store would lie outside the project), so a link without them leads there.
    """
    folder = workspace()
    if os.environ.get("MLFLOW_TRACKING_URI") or not {"?", "%", "#"} & set(str(folder)):
        yield store_uri()
        return
    with TemporaryDirectory(prefix="iotids-") as temporary:
        link = Path(temporary) / "workspace"
        link.symlink_to(folder, target_is_directory=True)
        yield f"sqlite:///{link / 'mlflow.db'}"


def _experiment_id(client: Any) -> str:
    """Find or make the experiment; artifacts of a local store lie next to it, by absolute path."""
    database = Path(store_uri().removeprefix("sqlite:///")).absolute()
    location = (database.parent / "mlartifacts").as_uri() if store_uri().startswith("sqlite:") else None
    if experiment := client.get_experiment_by_name(EXPERIMENT):
        if location and experiment.artifact_location != location:
            relocate(database, experiment.artifact_location, location)
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        for key, value in view.view_tags().items():
            if key not in experiment.tags:  # a store of an older version; one that a person changed stays
                client.set_experiment_tag(experiment.experiment_id, key, value)
        return experiment.experiment_id
    tags = {**EXPERIMENT_TAGS, **view.view_tags()}
    return client.create_experiment(EXPERIMENT, artifact_location=location, tags=tags)


def relocate(database: Path, old: str, new: str) -> None:
    """Point a store that was copied or moved with its project to the artifacts next to it, so that it neither
    reads nor writes those of the old folder.

    Parameters
    ----------
    database : the SQLite file
    old, new : addresses of the folder of artifacts; MLflow has no call that changes them
    """
    with closing(sqlite3.connect(database, timeout=WAIT_FOR_OTHERS_S)) as connection, connection:
        for table, columns in PLACES.items():
            known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for column in known.intersection(columns):
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )
