"""Train the paper's network at one depth for one task: every fold of every split protocol, tested on the
fold's own rows.

In: out/dataset/flows.parquet, out/splits/<protocol>.parquet. Out: a run folder with folds.json,
predictions.parquet, history.parquet and model.keras (first fold of the first protocol). Paper: Sec. IV-B,
V-B, VI; a DL row of Table III, Figures 2 and 3.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from iotids.flowmeter.schema import MODEL_FEATURE_NAMES
from iotids.learning.data.flow_columns import TASKS, task_classes, task_truth
from iotids.learning.networks.dense.inputs import (
    bytes_needed,
    check_memory,
    check_settings,
    float32_matrix,
    folds_of_split,
)
from iotids.learning.runs.checkpoints import fingerprint
from iotids.learning.runs.run_folder import predictions_table, run_document
from iotids.learning.splits.task_splits import protocols_of_task
from iotids.plumbing import params, progress
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.machine import available_memory_bytes
from iotids.plumbing.parallel import code_digest
from iotids.plumbing.unfinished import Unfinished
from iotids.tracking import publishing as tracking
from iotids.writing import tables


@dataclass(frozen=True)
class Params:
    """Section `network`; what each key means and where it comes from is said in conf/network/default.yaml."""

    depths: tuple[int, ...]
    protocols: tuple[str, ...]
    width: int
    batch_size: int
    epochs: int
    learning_rate: float
    momentum: float
    decay: float
    nesterov: bool
    dropout: float
    patience: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse values that no network can be trained with, by name."""
        check_settings(self)


def train_network(features, truth, classes, splits, settings, depth, store, *, benign):  # type: ignore[no-untyped-def]
    """Train and test every protocol (`splits` gives its folds by name); a ProtocolRun for each, by name."""
    from iotids.learning.networks.dense.trainer import (
        NetworkTrainer,
    )  # TensorFlow takes seconds: once arguments and data are found good

    trainer = NetworkTrainer(features, truth, classes, depth=depth, settings=settings, benign=benign)
    with progress.progress_bar(
        total=settings.epochs * len(splits), unit="epochs", description=f"depth {depth}"
    ) as bar:

        def told(line: str) -> None:
            bar.set_postfix_str(line)
            bar.update()

        runs = {}
        for name, folds in splits.items():
            runs[name] = trainer.run(name, folds, store, told)
            bar.update(
                settings.epochs * len(runs) - bar.n
            )  # epochs that an earlier run kept, or that patience saved
        return runs


def write_run(out: Path, runs, document) -> None:  # type: ignore[no-untyped-def]
    """Write the run folder, folds.json last: where it lies, the folder is complete."""
    from iotids.learning.networks.dense.keras_network import network_from_weights
    from iotids.learning.networks.dense.trainer import history_columns

    results = [result for run in runs.values() for result in run.results]
    tables.write_table(predictions_table(results, document["classes"]), out / "predictions.parquet")
    tables.write_table(
        pa.table(history_columns({name: run.history for name, run in runs.items()})), out / "history.parquet"
    )
    network = network_from_weights(next(iter(runs.values())).weights, dropout=document["params"]["dropout"])
    with tables.replacing(out / "model.keras") as temporary:
        named = temporary.with_name(f"{temporary.name}.keras")  # Keras wants the suffix
        try:
            network.save(named)
            named.rename(temporary)
        finally:
            named.unlink(missing_ok=True)
    tables.write_json(document, out / "folds.json")


def main() -> None:
    """Read, check, train (or go on), write the run folder, publish it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--depth", required=True, type=int)
    for name in ("--dataset", "--splits", "--out"):
        parser.add_argument(name, required=True, type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "3"
    )  # TensorFlow greets with twenty lines that say nothing of the run
    settings, data = params.read_section("network", Params), params.read_data()
    used = {key: value for key, value in asdict(settings).items() if key != "depths"} | {
        "depth": arguments.depth
    }
    classes = task_classes(arguments.task, data.classes, data.benign)
    truth = task_truth(
        tables.read_table(arguments.dataset, ["label"]), arguments.task, data.classes, data.benign
    )
    files = {
        name: arguments.splits / f"{name}.parquet"
        for name in protocols_of_task(settings.protocols, arguments.task)
    }
    splits = {
        name: folds_of_split(tables.read_table(file), truth, classes, name) for name, file in files.items()
    }
    check_memory(
        bytes_needed(truth.size, len(classes), splits, arguments.depth, settings), available_memory_bytes()
    )
    columns = (
        (name, tables.read_table(arguments.dataset, [name]).column(0).to_numpy())
        for name in MODEL_FEATURE_NAMES
    )
    features = float32_matrix(columns, n_rows=truth.size, n_columns=len(MODEL_FEATURE_NAMES))
    rows = [part for folds in splits.values() for fold in folds for part in fold[1:]]
    store = Unfinished(
        arguments.out,
        fingerprint([features, truth, *rows], arguments.task, used, classes, list(files), code_digest()),
    )
    runs = train_network(
        features, truth, classes, splits, settings, arguments.depth, store, benign=data.benign
    )
    results, model = [result for run in runs.values() for result in run.results], f"dl{arguments.depth}"
    document = run_document(
        results, arguments.task, model, classes, n_features=len(MODEL_FEATURE_NAMES), params=used
    )
    write_run(arguments.out, runs, document | {"feature_names": MODEL_FEATURE_NAMES})
    store.forget()
    tracking.publish(arguments.out)


if __name__ == "__main__":
    run_plainly(main)
