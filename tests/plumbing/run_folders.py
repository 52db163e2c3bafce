"""Small run folders, as stages/network.py and stages/baseline.py write them, for the tests of MLflow, the
notebooks and the bench.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCORES = ("accuracy", "f1_macro", "mcc", "roc_auc", "ece", "precision_macro", "recall_macro", "brier")


def write_run_folder(
    root: Path,
    *,
    depth: int = 4,
    width: int = 64,
    protocols: tuple[str, ...] = ("stratified",),
    n_folds: int = 5,
    n_epochs: int = 50,
) -> Path:
    """Write out/network/binary-<depth> below `root`: deeper networks score a little better, later epochs too."""
    folder = root / "out" / "network" / f"binary-{depth}"
    folder.mkdir(parents=True, exist_ok=True)
    params = {"depth": depth, "width": width, "epochs": n_epochs, "seed": 7}
    content: dict[str, Any] = {
        "task": "binary",
        "model": f"dl{depth}",
        "classes": ["BENIGN", "ATTACK"],
        "features": 70,
        "protocols": {name: _protocol(depth, n_folds) for name in protocols},
        "params": params,
    }
    (folder / "folds.json").write_text(json.dumps(content))
    rows = [
        {
            "protocol": name,
            "fold": fold,
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "val_loss": (1 + 0.1 * fold) / epoch,
            "val_accuracy": 0.9 - 0.4 / epoch / depth,
        }
        for name in protocols
        for fold in range(n_folds)
        for epoch in range(1, n_epochs + 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "history.parquet")
    return folder


def _protocol(depth: int, n_folds: int) -> dict[str, Any]:
    """Folds with scores around 0.80 + depth / 100, their mean and standard deviation."""
    values = [
        {name: 0.80 + depth / 100 + fold / 1000 + place / 10000 for place, name in enumerate(SCORES)}
        for fold in range(n_folds)
    ]
    sizes = {"train_rows": 80, "test_rows": 20, "fit_s": 1.0, "predict_s": 0.1}
    columns = {name: np.array([scores[name] for scores in values]) for name in SCORES}
    return {
        "folds": [{"fold": fold, **sizes, "metrics": scores} for fold, scores in enumerate(values)],
        "mean": {name: float(column.mean()) for name, column in columns.items()},
        "std": {name: float(column.std(ddof=1)) if n_folds > 1 else 0.0 for name, column in columns.items()},
    }
