"""Fit a cross-validated configuration on every flow and make a package of it: graphs, reference, exports,
seal.

Any kind of model that exports to ONNX can be packed; what is special to a kind stays in it
(iotids.learning.contract).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.judging.operating_point import SMALLEST_SHARE, decide, probabilities
from iotids.detecting.measuring.zero_point import NEEDED, ORDERED_BY, moved_in_table
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import ONNX, open_package, seal_package
from iotids.detecting.packing.assembly import PackSettings, Training, describe, write_graphs
from iotids.detecting.packing.exports import write_exports
from iotids.detecting.packing.out_of_fold import OutOfFold, read_out_of_fold
from iotids.learning.contract import SOURCE_ONLY, Fitted, ModelKind
from iotids.learning.data.file_features import empty_in_file
from iotids.learning.data.training_data import feature_array, read_training_data
from iotids.learning.registry import check_packable
from iotids.learning.transfer.unseen_scores import macro_f_elsewhere, score_unseen
from iotids.writing.tables import read_table

UNSEEN_SITE = "environment"  # the split that leaves sites out
ZERO_ROWS = 20_000  # flows among which scores of 0 are looked for
DOUBTFUL = 3  # exit code: the package is written, and something speaks against it
RUN_KEYS = ("seed", "orders")  # in a run's params beside the settings of its kind


@dataclass(frozen=True)
class Dataset:
    """Flows to fit on, what the data set is called, its classes, which of them is benign, and the SHA-256 of
    the table's file.

    read : gives a table of the named columns; all columns at once need never be held
    """

    read: Callable[[list[str]], pa.Table]
    name: str
    classes: tuple[str, ...]
    benign: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """A cross-validated configuration: what folds.json says, the table of predictions, and what the stage
    `score` says of it for a model card (iotids.learning.scores.runs.cards).
    """

    document: Mapping[str, Any]
    predictions: pa.Table
    card: Mapping[str, Any]


def read_run(folder: Path, card: Path) -> Run:
    """What cross-validation left in a run folder, and what its scores say."""
    read_json = lambda path: json.loads(path.read_text(encoding="utf-8"))  # noqa: E731
    return Run(read_json(folder / "folds.json"), read_table(folder / "predictions.parquet"), read_json(card))


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
        The kind has no ONNX form or wants more than features, the run has no predictions for the split, or
        the ONNX model gives other verdicts than the model itself.
    FloatingPointError
        Training diverged.
    """
    document = run.document
    (kind, learning), task = kind_and_settings(document), document["task"]
    data = read_training_data(dataset.read, kind, task, dataset.classes, dataset.benign)
    fitted = kind.fit(replace(data, spare=True), learning, seed=document["params"]["seed"])
    classes, truth = data.classes, data.truth
    del data
    columns = ((name, dataset.read([name]).column(0).to_numpy()) for name in kind.feature_names)
    folder.parent.mkdir(parents=True, exist_ok=True)
    X = empty_in_file((truth.size, len(kind.feature_names)), folder.parent, np.float64)
    feature_array(columns, shape=X.shape, dtype=np.float64, into=X)
    training = Training(X, truth, _training_facts(dataset, truth, classes))
    identity = {
        "name": folder.name,
        "task": task,
        "classes": list(classes),
        "benign": dataset.benign,
        "features": list(kind.feature_names),
        "data": dataset.name,
        "meter": dict(meter),
        "kind": kind.name,
        "settings": dict(document["params"]),
        "cross_validation": dict(run.card),
    }
    smallest = smallest_share(fitted, training.X[:: max(1, len(training.X) // ZERO_ROWS)])
    scores_of = lambda split: moved_scores(  # noqa: E731
        read_out_of_fold(run.predictions, split, classes, smallest),
        dataset,
        share=settings.zero_point_share,
        benign_index=list(classes).index(dataset.benign),
    )
    held_out = scores_of(settings.split)
    unseen = scores_of(UNSEEN_SITE) if UNSEEN_SITE in document["splits"] else None
    manifest, reference = describe(training, held_out, identity, settings, unseen=unseen)
    if unseen is not None:
        point = manifest["operating_point"]
        temperature = manifest["calibration"]["temperature"]
        point["unseen_site"]["cells"] = cells_of(
            dataset,
            unseen,
            temperature,
            benign_index=list(classes).index(dataset.benign),
            threshold=point["log_odds"],
        )
    with replacing_folder(folder) as parts:
        save_own_files(fitted, parts)
        write_graphs(parts, fitted, manifest, reference)
        manifest["exports"] = write_exports(
            parts, kind.name, fitted, training, manifest, settings, smallest=smallest
        )
        sealed = seal_package(parts, manifest)
        Model(open_package(parts))  # what detect would refuse takes no package's place
        return sealed


def moved_scores(
    predictions: OutOfFold, dataset: Dataset, *, share: float | None, benign_index: int
) -> OutOfFold:
    """Predictions with the log-odds that detect would give their flows, by the zero point of each capture."""
    if share is None:
        return predictions
    flows = dataset.read([*ORDERED_BY, *NEEDED]).take(predictions.row)
    moved = moved_in_table(predictions.logits, flows, share=share, benign_index=benign_index)
    return replace(predictions, logits=moved)


def cells_of(
    dataset: Dataset, unseen: OutOfFold, temperature: float, *, benign_index: int, threshold: float
) -> dict[str, float | None]:
    """Means over (site, class) cells of the share judged right at the package's threshold, over sites of the
    ROC area, and over classes of at least two sites of the F, all by models that have not seen the site; None where there
    is no such cell.
    """
    rows = dataset.read(["source", "label"]).take(unseen.row)
    sites, labels = (np.array(rows.column(name).to_pylist()) for name in ("source", "label"))
    named, log_odds = decide(
        unseen.logits, temperature=temperature, benign_index=benign_index, threshold=threshold
    )
    found = score_unseen(sites, labels, log_odds, benign=dataset.benign, threshold=threshold)
    figures = {
        "benign_right": found.benign,
        "attacks_found": found.attacks,
        "balanced": found.balanced,
        "auc_within_site": found.auc_within,
        "macro_f": macro_f_elsewhere(sites, labels, np.array(dataset.classes)[named]),
    }
    return {name: None if np.isnan(value) else float(value) for name, value in figures.items()}


def kind_and_settings(document: Mapping[str, Any]) -> tuple[ModelKind, Any]:
    """What folds.json says was fitted, and with what; errors as `kind_to_pack`."""
    kind = kind_to_pack(document["kind"])
    learning = {key: value for key, value in document["params"].items() if key not in RUN_KEYS}
    return kind, kind.settings(learning)


def kind_to_pack(name: str) -> ModelKind:
    """The kind of this name, if a package can be made of it.

    Raises
    ------
    KeyError
        No such kind.
    ValueError
        It has no ONNX form, or is given other things than groups of features.
    """
    kind = check_packable(name)
    if kind.sees == SOURCE_ONLY or kind.inputs:
        wanted = ", ".join(kind.inputs) or "the source"
        raise ValueError(
            f"kind of model {name!r} wants {wanted}; a package judges by features of flows and their context"
        )
    return kind


def save_own_files(fitted: Fitted, folder: Path) -> None:
    """Write the model in its own form too (model.keras, model.npz), except where that is ONNX already."""
    fitted.save(folder)
    (folder / ONNX).unlink(missing_ok=True)


def smallest_share(fitted: Fitted, X: np.ndarray) -> float:
    """What the ONNX form gives where the model itself gives a class 0, whose logarithm a graph cannot hold."""
    from iotids.learning.runs.onnx_model import OnnxModel

    zero = fitted.scores(X) == 0.0
    rows = np.flatnonzero(zero.any(axis=1))
    if rows.size == 0:
        return SMALLEST_SHARE
    shares = probabilities(OnnxModel(fitted.to_onnx()).logits(X[rows]), 1.0)
    return max(float(shares[zero[rows]].max()), SMALLEST_SHARE)


def _training_facts(dataset: Dataset, truth: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """What package.json says about the training data."""
    sources = dataset.read(["source"]).column(0).value_counts().to_pylist()
    return {
        "flows": truth.size,
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


def sentences_about(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """One line per export, on the whole, per class that is not found, and per doubt."""
    for name, export in manifest["exports"].items():
        yield describe_export(name, export)
    flows, temperature = manifest["training"]["flows"], manifest["calibration"]["temperature"]
    yield f"{folder}: {manifest['kind']}, {flows:,} flows, temperature {temperature:.3f}"
    for name, why in manifest["classes_not_found"].items():
        yield f"{folder}: does not find {name}: {why}"
    for doubt in manifest["doubts"]:
        yield f"{folder}: DOUBT: {doubt}"


def describe_export(name: str, export: Mapping[str, Any]) -> str:
    """One export in words."""
    if "agreement" not in export:
        return f"{name}: not made, {export['why']}"
    agreement = f"{export['agreement']:.3%} equal verdicts"
    difference = f"largest difference {export['largest_probability_difference']:.1e}"
    refused = "" if export["published"] else f": REFUSED, {export['why']}"
    return f"{name}: {export['bytes']:,} bytes, {agreement}, {difference}{refused}"
