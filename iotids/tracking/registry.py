"""Register a detector package in MLflow's model registry, so that it can be found by an alias and served.

`mlflow models serve -m models:/detector-<configuration>@<alias> --env-manager local` answers with verdicts
(docs/detector.md).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iotids.tracking.keras_model import CARD_LENGTH, EXAMPLE, clean_alias, log_model_metrics
from iotids.tracking.model_card import model_card, text_of_card
from iotids.tracking.store import experiment_name, open_store, store_uri

PREFIX = "detector-"
LOADER = "iotids.detecting.judging.mlflow_serving"  # by name: this room imports nothing of ours
CODE = Path(__file__).resolve().parents[1]
SERVED_PARTS = (  # below iotids/
    "detecting",
    "flowmeter/columns",
    "flowmeter/kernels",
    "flowmeter/profiles.py",
    "flowmeter/__init__.py",
    "counted.py",
    "version.py",
    "writing",
    "__init__.py",
)


class NoSuchModelError(LookupError):
    """No model of that name or alias in the registry; the message lists what there is."""


def register(folder: Path, manifest: Mapping[str, Any], *, alias: str) -> None:
    """Log a package as a model with signature, register it and point the alias to it; never fail, the package
    is on disk.

    Parameters
    ----------
    folder : Path
        The package.
    manifest : mapping
        Its package.json.
    alias : str
        For example `current`. Experiments move only an alias of their own name: a short trial must not
        replace the detector in use. A package with doubts never gets the alias of the one in use.
    """
    try:
        alias = alias if experiment_name() == "workspace" else clean_alias(experiment_name())
        doubtful = bool(manifest.get("doubts")) and experiment_name() == "workspace"
        name, version = register_package(folder, manifest, alias=None if doubtful else alias)
        place = f"models:/{name}@{alias} (version {version})"
        if doubtful:
            place = f"models:/{name}/{version}; the alias {alias} stays where it is, because the package has doubts"
        print(f"{folder}: registered as {place}")
    except Exception as error:  # noqa: BLE001  as in tracking.publish: the package is already on disk
        warnings.warn(
            f"{folder}: not registered in MLflow at {store_uri()} ({type(error).__name__}: {error}). The package is safe on disk; once the "
            f"store works, run `iotids register {folder}`",
            stacklevel=2,
        )


def register_package(folder: Path, manifest: Mapping[str, Any], *, alias: str | None) -> tuple[str, str]:
    """Register a package; gives name and version. A package that is registered already only gets the alias."""
    from mlflow.exceptions import MlflowException

    name = PREFIX + manifest["name"]
    with open_store() as (client, experiment_id):
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        known = [
            v
            for v in client.search_model_versions(f"name='{name}'")
            if v.tags.get("package_sha256") == manifest["manifest_sha256"]
        ]
        version = known[0].version if known else _new_version(client, experiment_id, name, folder, manifest)
        if alias is not None:
            client.set_registered_model_alias(name, alias, version)
        return name, str(version)


def fetch(reference: str, target: Path) -> Path:
    """Copy a registered package below `target` and give its folder.

    Parameters
    ----------
    reference : str
        `NAME@ALIAS` or an alias that one registered detector has.

    Raises
    ------
    NoSuchModelError
        Nothing, or more than one, fits.
    """
    local = store_uri().removeprefix("sqlite:///")
    if local != store_uri() and not Path(local).exists():  # opening it would make one
        raise NoSuchModelError(
            f"--model {reference}: no detector in the registry {store_uri()}, which is not there"
        )
    with open_store() as (client, _):
        name, _, alias = reference.removeprefix("models:/").rpartition("@")
        found = [
            m.name
            for m in client.search_registered_models()
            if m.name.startswith(PREFIX) and alias in m.aliases
        ]
        if name:
            found = [one for one in found if one in (name, PREFIX + name)]
        if len(found) != 1:
            known = [
                f"{m.name}@{a}"
                for m in client.search_registered_models()
                if m.name.startswith(PREFIX)
                for a in m.aliases
            ]
            raise NoSuchModelError(
                f"--model {reference}: {'several' if found else 'no'} detector in the registry {store_uri()} "
                f"{'have' if found else 'has'} that alias; there are: {', '.join(sorted(known)) or 'none'}"
            )
        model = client.get_model_version_by_alias(found[0], alias)
        from mlflow.artifacts import download_artifacts

        folder = Path(
            download_artifacts(
                artifact_uri=model.source, dst_path=str(target), tracking_uri=client.tracking_uri
            )
        )
        return next(path.parent for path in folder.rglob("package.json"))


def _new_version(
    client: Any, experiment_id: str, name: str, folder: Path, manifest: Mapping[str, Any]
) -> str:
    """Log the package as an MLflow model of a run of its own, and make a version of it."""
    from mlflow.entities import LoggedModelOutput

    tags = {"level": "final", "task": manifest["task"], "package_sha256": manifest["manifest_sha256"]}
    run = client.create_run(experiment_id, run_name=f"{manifest['name']} final", tags=tags)
    model = client.create_logged_model(
        experiment_id, name=name, source_run_id=run.info.run_id, model_type="detector"
    )
    with TemporaryDirectory() as temporary:
        write_served_model(Path(temporary), folder, manifest, run_id=run.info.run_id, model_id=model.model_id)
        client.log_model_artifacts(model.model_id, temporary)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
    point = manifest["operating_point"]["measured"]
    measured = {f"operating_point/{metric}": point[metric] for metric in ("false_alarm_share", "recall")}
    log_model_metrics(client, run.info.run_id, model.model_id, measured)
    local = model.artifact_location.startswith("file:")  # see tracked_model.publish_model
    source = model.artifact_location if local else f"models:/{model.model_id}"
    version = client.create_model_version(
        name, source=source, run_id=run.info.run_id, model_id=model.model_id, tags=tags
    )
    description = text_of_card(model_card(manifest))[:CARD_LENGTH]
    client.update_model_version(name, version.version, description=description)
    client.set_terminated(run.info.run_id)
    return str(version.version)


def write_served_model(
    target: Path, folder: Path, manifest: Mapping[str, Any], *, run_id: str, model_id: str
) -> None:
    """Write the folder that MLflow serves: the package, the code that reads it, and a signature with every
    feature by name.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    numbers = ["attack_probability", "novelty", *(f"p_{c}" for c in manifest["classes"])]
    outputs = Schema(
        [*(ColSpec("string", n) for n in ("verdict", "class")), *(ColSpec("double", n) for n in numbers)]
    )
    inputs = Schema([ColSpec("double", name) for name in manifest["features"]])
    shutil.copytree(folder, target / "package")
    for part in SERVED_PARTS:
        source, copy = CODE / part, target / "code" / "iotids" / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy)
    model = Model(run_id=run_id, model_id=model_id, signature=ModelSignature(inputs, outputs))
    model.add_flavor(
        "python_function",
        loader_module=LOADER,
        data="package",
        code="code",
        env={"virtualenv": "python_env.yaml"},
    )
    if (example := benign_medians(folder)) is not None:
        content = {"columns": list(manifest["features"]), "data": [example]}
        (target / EXAMPLE).write_text(json.dumps(content), encoding="utf-8")
        model.saved_input_example_info = {
            "artifact_path": EXAMPLE,
            "type": "dataframe",
            "pandas_orient": "split",
        }
    model.save(str(target / "MLmodel"))
    (target / "README.md").write_text(model_card(manifest), encoding="utf-8")
    (target / "requirements.txt").write_text(
        "mlflow\nnumpy\nonnxruntime\npandas\npyarrow\n", encoding="utf-8"
    )
    (target / "python_env.yaml").write_text(
        f"python: {manifest['versions']['python']}\ndependencies:\n- -r requirements.txt\n", encoding="utf-8"
    )


def benign_medians(package: Path) -> list[float] | None:
    """The median of every feature over the benign flows of the training, as the package has it; None where it says none."""
    file = package / "reference.json"
    if not file.is_file():
        return None
    row = json.loads(file.read_text(encoding="utf-8")).get("benign_median")
    return [float(value) for value in row] if row else None


def main(arguments: list[str] | None = None) -> int:
    """Register packages that lie on disk."""
    parser = argparse.ArgumentParser(
        prog="iotids register", description="Detector packages → versions in MLflow's model registry."
    )
    parser.add_argument(
        "packages", nargs="+", help="folders of packages, for example out/final/multiclass-dl_sensible"
    )
    paths = parser.parse_args(arguments).packages
    alias = "current"
    for path in paths:
        try:
            manifest = json.loads((Path(path) / "package.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            print(
                f"{path}: no package.json there; packages are written by `dvc repro final` to out/final/",
                file=sys.stderr,
            )
            return 1
        register(Path(path), manifest, alias=alias)
    return 0


if __name__ == "__main__":
    sys.exit(main())
