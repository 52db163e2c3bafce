"""Run folders and results made from generated predictions, for the tests of the report."""

import numpy as np
import pyarrow as pa

from iotids.learning.runs.run_folder import FoldResult, predictions_table, run_document
from iotids.learning.scores.scores import score_fold
from iotids.reporting.results import Flows, score_run

BINARY = ("BENIGN", "ATTACK")
PROTOCOLS = ("stratified", "grouped")


def fold_results(*, quality, protocols=PROTOCOLS, n_folds=5, n=200, classes=BINARY, seed=0):
    """Predictions that are right with probability `quality` (by protocol, or one for all)."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    results = []
    for protocol in protocols:
        right = quality[protocol] if isinstance(quality, dict) else quality
        for fold in range(n_folds):
            truth = np.random.default_rng([fold, k]).integers(
                0, k, n
            )  # all models are tested on the same flows
            said = np.where(rng.random(n) < right, truth, (truth + rng.integers(1, k, n)) % k)
            scores = np.full((n, k), 0.1 / (k - 1))
            scores[np.arange(n), said] = 0.9
            metrics = score_fold(truth, scores, classes, trained=np.ones(k, bool), benign=classes[0])
            record = {
                "fold": fold,
                "train_rows": 4 * n,
                "test_rows": n,
                "fit_s": 2.0,
                "predict_s": 0.001,
                "metrics": metrics,
                "untrained_classes": [],
                "epochs": 3,
                "best_epoch": {"epoch": 2, "val_accuracy": metrics["accuracy"] + 0.001, "val_loss": 0.3},
            }
            rows = np.arange(fold * n, (fold + 1) * n)
            results.append(
                FoldResult(protocol, fold, rows, truth.astype(np.int8), scores.astype(np.float32), record)
            )
    return results


def run_folder_content(model, *, task="binary", classes=BINARY, **made):
    """(folds.json content, predictions table)."""
    results = fold_results(classes=classes, **made)
    params = {
        "width": 64,
        "batch_size": 256,
        "epochs": 3,
        "learning_rate": 0.1,
        "momentum": 0.09,
        "decay": 1e-6,
        "dropout": 0.2,
    }
    return run_document(results, task, model, classes, n_features=70, params=params), predictions_table(
        results, classes
    )


def made_flows(document, *, n_groups=20):
    """Groups in turn, and folds named by their number with a letter in front."""
    n = max(sum(fold["test_rows"] for fold in part["folds"]) for part in document["protocols"].values())
    names = {
        p: {fold["fold"]: f"N{fold['fold']}" for fold in part["folds"]}
        for p, part in document["protocols"].items()
    }
    return Flows(np.arange(n) % n_groups, names)


def made_result(model, *, task="binary", classes=BINARY, protocols=PROTOCOLS, **made):
    """A scored run."""
    document, predictions = run_folder_content(model, task=task, classes=classes, protocols=protocols, **made)
    return score_run(
        document, predictions, protocols=protocols, benign=classes[0], flows=made_flows(document)
    )


def made_history(*, protocols=PROTOCOLS, n_folds=5, n_epochs=3):
    """history.parquet's content: fold f's figures are a quarter of (epoch + f / 10)."""
    rows = [(p, f, e) for p in protocols for f in range(n_folds) for e in range(1, n_epochs + 1)]
    columns = {
        name: list(values)
        for name, values in zip(("protocol", "fold", "epoch"), zip(*rows, strict=True), strict=True)
    }
    value = [(e + f / 10) / 4 for _, f, e in rows]
    return pa.table(
        columns | dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy"), value)
    )
