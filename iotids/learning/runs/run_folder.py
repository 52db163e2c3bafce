"""What a run folder holds: one kind of model with one set of settings, fitted to every fold of every split.

predictions.parquet
    One row per tested flow and order: `split`, `order` (0, or the number of a further order of the training
    rows), `row` of the dataset, `fold`, `truth` (class number), `score_<CLASS>` float32.
history.parquet
    Kinds with epochs only: `split`, `fold`, `epoch` (from 1), `train_loss`, `train_accuracy`, `val_loss`,
    `val_accuracy`; val_ is of the fold's test rows.
prequential.parquet
    Kinds that also test, then train, in order of time: `row`, `truth`, `score_<CLASS>`, in the order of testing.
model.npz or model.onnx, and further files
    The model of the first split's first fold (`ModelKind.load` reads it).
folds.json
    Written last: where it is, the folder is complete. Keys:
    stage ('network' or 'baseline'), kind, model (name in tables: dl4, random_forest), task, classes, benign,
    features (their number), feature_names, exports_onnx,
    params : settings of the kind, seed, orders
    origin : of a kind that another work describes: the work, its printed figure, what is faithful, adapted, assumed
    splits : by name {"folds": [...]}, each fold with fold, train_rows, test_rows, fit_s, predict_s,
        us_per_flow, model_bytes, facts, untrained_classes; kinds with epochs also epochs and best_epoch.

Metrics are computed from the predictions by another stage, so that a new one retrains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.learning.contract import CrossValidation, FoldResult, ModelKind, TrainingData
from iotids.writing.tables import write_json, write_table


@dataclass(frozen=True)
class Configuration:
    """What was run: stage, task, name of the model, its kind with its settings, seed and number of orders."""

    stage: str
    task: str
    model: str
    kind: ModelKind
    settings: Any
    seed: int
    orders: int = 1

    @property
    def params(self) -> dict[str, Any]:
        """What the results depend on, for folds.json."""
        return asdict(self.settings) | {"seed": self.seed, "orders": self.orders}


def write_run(
    folder: Path,
    run: CrossValidation,
    configuration: Configuration,
    data: TrainingData,
) -> None:
    """Write the whole folder, folds.json last."""
    classes = data.classes
    write_table(predictions_table(run.results, classes), folder / "predictions.parquet")
    if run.history:
        write_table(pa.table(dict(run.history)), folder / "history.parquet")
    if run.prequential is not None:
        rows, scores = run.prequential
        table = {"row": rows, "truth": data.truth[rows].astype(np.int8)} | score_columns(scores, classes)
        write_table(pa.table(table), folder / "prequential.parquet")
    run.model.save(folder)
    document = run_document(run.results, configuration, classes, data.benign, data.feature_names)
    write_json(document, folder / "folds.json")


def predictions_table(results: Sequence[FoldResult], classes: Sequence[str]) -> pa.Table:
    """All predictions in the order of the results; columns as above."""
    splits = list(dict.fromkeys(result.split for result in results))
    numbers = np.concatenate([np.full(r.rows.size, splits.index(r.split), np.int8) for r in results])
    columns: dict[str, Any] = {
        "split": pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(splits)),
        "order": np.concatenate([np.full(r.rows.size, r.order, np.int16) for r in results]),
        "row": np.concatenate([result.rows for result in results]).astype(np.int64),
        "fold": np.concatenate([np.full(r.rows.size, r.fold, np.int16) for r in results]),
        "truth": np.concatenate([result.truth for result in results]).astype(np.int8),
    }
    return pa.table(columns | score_columns(np.concatenate([r.scores for r in results]), classes))


def score_columns(scores: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """A float32 column per class."""
    return {f"score_{name}": scores[:, c].astype(np.float32) for c, name in enumerate(classes)}


def run_document(
    results: Sequence[FoldResult],
    configuration: Configuration,
    classes: Sequence[str],
    benign: str,
    feature_names: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of folds.json; the record of a fold is that of its first order. Without names, the kind's are meant."""
    splits: dict[str, Mapping[str, list]] = {}
    for result in results:
        if result.order == 0:
            splits.setdefault(result.split, {"folds": []})["folds"].append(result.record)
    kind = configuration.kind
    names = list(feature_names or kind.feature_names)
    return {
        "stage": configuration.stage,
        "kind": kind.name,
        "model": configuration.model,
        "task": configuration.task,
        "classes": list(classes),
        "benign": benign,
        "features": len(names),
        "feature_names": names,
        "exports_onnx": kind.exports_onnx,
        "params": configuration.params,
        "splits": splits,
    } | ({"origin": asdict(kind.origin)} if kind.origin else {})
