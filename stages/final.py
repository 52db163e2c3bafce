"""Fit one cross-validated configuration on the whole dataset and pack it for use.

In: out/dataset/flows.parquet, the configuration's run folder. Out: out/final/<configuration>/, a package (docs/detector.md).
Beyond the paper, which stops at the scores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stages.detecting.assembly import Training, Wishes, cross_validation_summary, describe, write_graphs
from stages.detecting.keras_file import save_keras
from stages.detecting.onnx_graph import chain_from_weights
from stages.detecting.out_of_fold import read_out_of_fold
from stages.detecting.package import KERAS, seal_package
from stages.flowmeter.schema import MODEL_FEATURE_NAMES
from stages.learning.flow_columns import feature_matrix, task_classes, task_truth
from stages.plumbing.errors import run_plainly
from stages.plumbing.params import read_data, read_section
from stages.plumbing.registry import register
from stages.plumbing.tables import read_table


@dataclass(frozen=True)
class Params:
    """Section `final`; conf/final/default.yaml says what each key means."""

    configurations: tuple[str, ...]
    protocol: str
    false_alarm_share: float
    novelty_quantile: float
    prototypes: int
    exports: tuple[str, ...]
    agreement: float
    alias: str
    seed: int


@dataclass(frozen=True)
class MeterSettings:
    """Section `meter`: how the training flows were made, so that detect makes them the same way."""

    profile: str
    flow_timeout_s: float
    activity_timeout_s: float
    idle_timeout_s: float
    tunnels: str
    keep_going: bool


def fit_whole(X: np.ndarray, truth: np.ndarray, classes: tuple[str, ...], settings: dict[str, Any]) -> list[np.ndarray]:
    """Weights (Keras' order) after training on all flows with the settings of the cross-validated run."""
    from stages.detecting.final_fit import train_on_all

    return train_on_all(X.astype(np.float32), truth, len(classes), settings)


def training_facts(dataset: pa.Table, truth: np.ndarray, classes: tuple[str, ...], path: Path) -> dict[str, Any]:
    """What package.json says about the training data."""
    counts = np.bincount(truth, minlength=len(classes)).tolist()
    sources = dataset.column("source").value_counts().to_pylist()
    return {
        "flows": dataset.num_rows, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "flows_per_class": dict(zip(classes, counts, strict=True)), "flows_per_source": {s["values"]: s["counts"] for s in sources},
    }  # fmt: skip


def pack(folder: Path, dataset: pa.Table, facts_of: Path, run: Path, params: Params, meter: MeterSettings) -> dict[str, Any]:
    """Fit, describe, write, export, seal; gives the manifest."""
    from stages.detecting.exports import write_exports
    from stages.learning.network import network_from_weights

    data, document = read_data(), json.loads((run / "folds.json").read_text(encoding="utf-8"))
    classes, task = task_classes(document["task"], data.classes, data.benign), document["task"]
    X, truth = feature_matrix(dataset), task_truth(dataset, task, data.classes, data.benign)
    weights = fit_whole(X, truth, classes, document["params"])
    chain = chain_from_weights(weights)
    training = Training(X, truth, training_facts(dataset, truth, classes, facts_of))
    identity = {
        "name": folder.name, "task": task, "classes": list(classes), "benign": data.benign, "features": list(MODEL_FEATURE_NAMES),
        "data": data.name, "meter": {k: v for k, v in asdict(meter).items() if k != "keep_going"}, "network": document["params"],
        "cross_validation": cross_validation_summary(document["protocols"]),
    }  # fmt: skip
    wishes = Wishes(params.false_alarm_share, params.novelty_quantile, params.prototypes, params.seed)
    predictions = read_out_of_fold(read_table(run / "predictions.parquet"), params.protocol, classes)
    manifest, reference = describe(chain, training, predictions, identity, wishes)
    model = network_from_weights(weights, dropout=document["params"]["dropout"])
    with replacing_folder(folder) as parts:
        write_graphs(parts, chain, manifest, reference)
        save_keras(model, parts / KERAS)
        manifest["exports"] = write_exports(
            parts, model, chain, training, manifest, kinds=params.exports, wanted=params.agreement, seed=params.seed
        )
        return seal_package(parts, manifest)


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


def told(kind: str, export: dict[str, Any]) -> str:
    """One export in words."""
    figures = f"{export['bytes']:,} bytes, {export['agreement']:.3%} equal verdicts, largest difference {export['largest_probability_difference']:.1e}"
    return f"{kind}: {figures}" + ("" if export["published"] else f": REFUSED, {export['why']}")


def main() -> None:
    """Read, fit, pack, register; say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--run", "--out"):
        parser.add_argument(name, required=True, type=Path)
    arguments = parser.parse_args()
    params, meter = read_section("final", Params), read_section("meter", MeterSettings)
    try:
        dataset = read_table(arguments.dataset)
        manifest = pack(arguments.out, dataset, arguments.dataset, arguments.run, params, meter)
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    for kind, export in manifest["exports"].items():
        print(told(kind, export))
    print(f"{arguments.out}: {manifest['training']['flows']} flows, temperature {manifest['calibration']['temperature']:.3f}")
    register(arguments.out, manifest, alias=params.alias)


if __name__ == "__main__":
    run_plainly(main)
