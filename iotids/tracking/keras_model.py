"""Put a run folder's Keras model into MLflow and its model registry, without loading Keras (which would take
five seconds).

`mlflow.keras.load_model("models:/binary-dl4@workspace")` gives it back.
"""

from __future__ import annotations

import json
import platform
import re
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iotids.tracking.batches import clean
from iotids.tracking.input_example import median_row
from iotids.tracking.model_card import network_card, text_of_card

FILE, EXAMPLE = "model.keras", "input_example.json"
CARD_LENGTH = 5000  # of a description in the registry


def publish_model(
    client: Any,
    experiment_id: str,
    run_id: str,
    folder: Path,
    results: Mapping[str, Any],
    *,
    made_from: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    alias: str,
) -> str:
    """Log `folder/model.keras` as the output of a run, with its scores, an example of its input and its card, register
    it as <task>-<model> and let the alias point to it.

    Returns the name under which it is found: `models:/<task>-<model>@<alias>`.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.exceptions import MlflowException

    name, alias = f"{results['task']}-{results['model']}", clean_alias(alias)
    features, card = made_from["dataset"]["features"], network_card(results, made_from)
    model = client.create_logged_model(experiment_id, name=name, source_run_id=run_id, model_type="keras")
    with TemporaryDirectory() as temporary:
        write_model(
            folder / FILE,
            Path(temporary),
            n_features=len(features),
            n_classes=len(results["classes"]),
            run_id=run_id,
            model_id=model.model_id,
            example=median_row(folder.parents[1] / "dataset" / "flows.parquet", features),
        )
        (Path(temporary) / "README.md").write_text(card, encoding="utf-8")
        client.log_model_artifacts(model.model_id, temporary)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    log_model_metrics(client, run_id, model.model_id, metrics)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # for a database MLflow would look the address models:/<id> up in its default store, not in this one; a
    # server does it right
    local = model.artifact_location.startswith("file:")
    source = model.artifact_location if local else f"models:/{model.model_id}"
    version = client.create_model_version(name, source=source, run_id=run_id, model_id=model.model_id)
    client.update_model_version(name, version.version, description=text_of_card(card)[:CARD_LENGTH])
    client.set_registered_model_alias(name, alias, version.version)
    return f"models:/{name}@{alias}"


def log_model_metrics(client: Any, run_id: str, model_id: str, metrics: Mapping[str, float | None]) -> None:
    """Give a logged model the scores of its run, so that its versions show them; unknown ones are left out."""
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    known = [(name, value) for name, value in metrics.items() if value is not None]
    client.log_batch(
        run_id,
        [Metric(clean(name), float(f"{value:.6g}"), now_ms, 0, model_id=model_id) for name, value in known],
    )


def add_alias(client: Any, results: Mapping[str, Any], run_id: str, *, alias: str) -> None:
    """Let a further alias point to the model version that a run registered, where it registered one."""
    name = f"{results['task']}-{results['model']}"
    for version in client.search_model_versions(f"name='{name}'"):
        if version.run_id == run_id:
            client.set_registered_model_alias(name, clean_alias(alias), version.version)


def write_model(
    file: Path,
    folder: Path,
    *,
    n_features: int,
    n_classes: int,
    run_id: str,
    model_id: str,
    example: Sequence[float] | None,
) -> None:
    """Write the folder that MLflow's Keras flavour would write for this model, signature included; without an example of
    the input where there is none.
    """
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    tensor = np.dtype(np.float32)
    signature = ModelSignature(
        Schema([TensorSpec(tensor, (-1, n_features))]), Schema([TensorSpec(tensor, (-1, n_classes))])
    )
    (folder / "data").mkdir()
    (folder / "data" / FILE).write_bytes(file.read_bytes())
    (folder / "data" / "keras_module.txt").write_text("keras")
    keras_version = json.loads(zipfile.ZipFile(file).read("metadata.json"))["keras_version"]
    model = Model(run_id=run_id, signature=signature, model_id=model_id)
    model.add_flavor(
        "keras",
        data="data",
        keras_version=keras_version,
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    model.add_flavor(
        "python_function", loader_module="mlflow.keras", python_version=platform.python_version()
    )
    if example is not None:
        (folder / EXAMPLE).write_text(json.dumps([list(example)]))
        model.saved_input_example_info = {
            "artifact_path": EXAMPLE,
            "type": "ndarray",
            "format": "tf-serving",
        }
    model.save(str(folder / "MLmodel"))
    (folder / "requirements.txt").write_text(f"keras=={keras_version}\ntensorflow\nmlflow\n")


def clean_alias(name: str) -> str:
    """Make an alias that MLflow accepts out of an experiment's name: letters, digits, `-` and `_`, not
    `latest`, not `v1`.
    """
    alias = re.sub(r"[^A-Za-z0-9_-]", "-", name) or "workspace"
    return (
        f"run-{alias}" if alias.lower() == "latest" or re.fullmatch(r"v\d+", alias, re.IGNORECASE) else alias
    )
