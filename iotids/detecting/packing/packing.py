"""Fit a cross-validated configuration on every flow and make a package of it: graphs, reference, exports,
seal.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.package.package import KERAS, seal_package
from iotids.detecting.packing.assembly import (
    PackSettings,
    Training,
    describe,
    write_graphs,
)
from iotids.detecting.packing.out_of_fold import OutOfFold, read_out_of_fold
from iotids.flowmeter.schema import MODEL_FEATURE_NAMES
from iotids.learning.data.flow_columns import feature_matrix, task_classes, task_truth
from iotids.learning.networks.dense.chain import chain_from_weights
from iotids.learning.networks.dense.keras_file import save_keras

UNSEEN_SITE = "environment"  # the split that leaves sites out


@dataclass(frozen=True)
class Dataset:
    """Flows to fit on, what the data set is called, its classes, which of them is benign, and the SHA-256 of
    the table's file.
    """

    table: pa.Table
    name: str
    classes: tuple[str, ...]
    benign: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """A cross-validated configuration: what folds.json says, the table of predictions, and what the stage
    `score` says of it for a model card (iotids.learning.scores.cards).
    """

    document: Mapping[str, Any]
    predictions: pa.Table
    card: Mapping[str, Any]


def pack(
    folder: Path, dataset: Dataset, run: Run, meter: Mapping[str, Any], settings: PackSettings
) -> dict[str, Any]:
    """Fit, describe, write, export, seal; gives the manifest.

    Parameters
    ----------
    folder : Path
        Takes the package when all of it is written; its name is the package's.
    meter : mapping
        The flow meter's settings, with which detect will meter too.

    Raises
    ------
    ValueError
        The run has no predictions for the protocol, or the float ONNX model gives other verdicts than Keras.
    FloatingPointError
        Training diverged.
    """
    from iotids.detecting.packing.exports import write_exports
    from iotids.detecting.packing.final_fit import train_on_all
    from iotids.learning.networks.dense.keras_network import network_from_weights

    task, learning = run.document["task"], run.document["params"]
    classes = task_classes(task, dataset.classes, dataset.benign)
    X, truth = feature_matrix(dataset.table), task_truth(dataset.table, task, dataset.classes, dataset.benign)
    weights = train_on_all(X.astype(np.float32), truth, len(classes), learning)
    chain, training = (
        chain_from_weights(weights),
        Training(X, truth, _training_facts(dataset, truth, classes)),
    )
    identity = {
        "name": folder.name,
        "task": task,
        "classes": list(classes),
        "benign": dataset.benign,
        "features": list(MODEL_FEATURE_NAMES),
        "data": dataset.name,
        "meter": dict(meter),
        "network": learning,
        "cross_validation": run.card,
    }
    manifest, reference = describe(
        chain,
        training,
        read_out_of_fold(run.predictions, settings.protocol, classes),
        identity,
        settings,
        unseen=read_unseen(run, classes),
    )
    model = network_from_weights(weights, dropout=learning["dropout"])
    with replacing_folder(folder) as parts:
        write_graphs(parts, chain, manifest, reference)
        save_keras(model, parts / KERAS)
        manifest["exports"] = write_exports(parts, model, chain, training, manifest, settings)
        return seal_package(parts, manifest)


def read_unseen(run: Run, classes: Sequence[str]) -> OutOfFold | None:
    """The run's out-of-fold predictions on sites left out of training, where it has that split."""
    if UNSEEN_SITE not in run.document["splits"]:
        return None
    return read_out_of_fold(run.predictions, UNSEEN_SITE, classes)


def _training_facts(dataset: Dataset, truth: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """What package.json says about the training data."""
    sources = dataset.table.column("source").value_counts().to_pylist()
    return {
        "flows": dataset.table.num_rows,
        "sha256": dataset.sha256,
        "flows_per_class": dict(
            zip(classes, np.bincount(truth, minlength=len(classes)).tolist(), strict=True)
        ),
        "flows_per_source": {s["values"]: s["counts"] for s in sources},
    }


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` that takes its place when the block ends without an error."""
    parts = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    try:
        yield parts
        shutil.rmtree(folder, ignore_errors=True)
        parts.rename(folder)
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def describe_export(kind: str, export: Mapping[str, Any]) -> str:
    """One export in words."""
    agreement, difference = (
        f"{export['agreement']:.3%} equal verdicts",
        f"largest difference {export['largest_probability_difference']:.1e}",
    )
    return f"{kind}: {export['bytes']:,} bytes, {agreement}, {difference}" + (
        "" if export["published"] else f": REFUSED, {export['why']}"
    )
