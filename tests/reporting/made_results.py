"""Scored runs made from generated predictions, for the tests of scores and of the report."""

import numpy as np
import pyarrow as pa

from iotids.learning.scores.pairs import compare_runs
from iotids.learning.scores.runs.run_scores import Flows, score_run
from iotids.reporting.fixed import paper_table3
from iotids.reporting.page import Content
from iotids.reporting.results_page import figure_models

BINARY = ("BENIGN", "ATTACK")
SPLITS = ("stratified", "grouped")
PAPER = paper_table3()
PARAMS = {
    "width": 64,
    "batch_size": 256,
    "epochs": 3,
    "learning_rate": 0.1,
    "momentum": 0.09,
    "decay": 1e-6,
    "dropout": 0.2,
}


def made_scores(truth, said, k):
    """(n, k) scores of which that of the class `said` is 0.9."""
    scores = np.full((truth.size, k), 0.1 / (k - 1), np.float32)
    scores[np.arange(truth.size), said] = 0.9
    return scores


def made_run(model, *, task="binary", classes=BINARY, splits=SPLITS, quality=0.9, n_folds=5, n=200, seed=0):
    """(folds.json content, predictions table): right with probability `quality` (by split, or one for all)."""
    rng, k, parts, described = np.random.default_rng(seed), len(classes), [], {}
    for split in splits:
        right, records = quality[split] if isinstance(quality, dict) else quality, []
        for fold in range(n_folds):
            truth = np.random.default_rng([fold, k]).integers(0, k, n)  # all models see the same flows
            said = np.where(rng.random(n) < right, truth, (truth + rng.integers(1, k, n)) % k)
            parts.append(prediction_rows(split, fold, truth, made_scores(truth, said, k), classes))
            best = {"epoch": 2, "val_accuracy": float(np.mean(said == truth)) + 0.001, "val_loss": 0.3}
            records.append(
                {
                    "fold": fold,
                    "train_rows": 4 * n,
                    "test_rows": n,
                    "fit_s": 2.0,
                    "predict_s": 0.001,
                    "untrained_classes": [],
                    "epochs": 3,
                    "best_epoch": best,
                }
            )
        described[split] = {"folds": records}
    depth = {"depth": int(model[2:])} if model.startswith("dl") else {}
    stage = "network" if depth else "baseline"
    document = {"task": task, "model": model, "stage": stage, "classes": list(classes), "features": 70}
    return document | {"splits": described, "params": PARAMS | depth}, pa.concat_tables(parts)


def prediction_rows(split, fold, truth, scores, classes):
    """One fold's part of predictions.parquet; fold f holds rows f n to (f + 1) n - 1."""
    n = truth.size
    columns = {
        "split": [split] * n,
        "row": np.arange(fold * n, (fold + 1) * n),
        "fold": np.full(n, fold, np.int16),
        "truth": truth.astype(np.int8),
    }
    return pa.table(columns | {f"score_{name}": scores[:, c] for c, name in enumerate(classes)})


def made_flows(document, *, n_groups=20):
    """Groups in turn, captures of one group that grow, and folds named by their number with a letter in
    front.
    """
    n = max(sum(fold["test_rows"] for fold in part["folds"]) for part in document["splits"].values())
    names = {s: {f["fold"]: f"N{f['fold']}" for f in part["folds"]} for s, part in document["splits"].items()}
    group = np.arange(n) % n_groups
    return Flows(group, np.where(group < n_groups // 2, 0, group), names)


def scored(document, predictions, **given):
    """A run that was scored under all its splits."""
    known = {
        "splits": list(document["splits"]),
        "benign": document["classes"][0],
        "flows": made_flows(document),
    }
    return score_run(document, predictions, **known | given)


def made_result(model, **made):
    """A scored run."""
    return scored(*made_run(model, **made))


def made_content(results, *, data_name="simulated", wanted=None):
    """What a page is made of."""
    drawable = [key for key, run in results.items() if run.stage == "network"]
    models = figure_models(drawable, wanted or {task: "dl7" for task, _ in results})
    return Content(results, compare_runs(results), PAPER, data_name, models)


def made_history(*, splits=SPLITS, n_folds=5, n_epochs=3):
    """history.parquet's content: fold f's figures are a quarter of (epoch + f / 10)."""
    rows = [(s, f, e) for s in splits for f in range(n_folds) for e in range(1, n_epochs + 1)]
    columns = {
        name: list(values)
        for name, values in zip(("split", "fold", "epoch"), zip(*rows, strict=True), strict=True)
    }
    value = [(e + f / 10) / 4 for _, f, e in rows]
    return pa.table(
        columns | dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy"), value)
    )
