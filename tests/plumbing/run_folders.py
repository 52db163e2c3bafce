"""Small scored runs, as the stages network and score write them, for the tests of MLflow, the notebooks and the
bench.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from iotids.learning.scores.runs.run_files import run_to_plain
from iotids.writing.tables import write_json
from tests.reporting.made_results import made_run, scored

MADE_FROM = {
    "params": {
        "data": {"name": "generated"},
        "meter": {"profile": "paper"},
        "split": {"seed": 7, "folds": 5},
    },
    "dataset": {
        "name": "generated",
        "sha256": "0123456789abcdef" * 4,
        "flows": 1000,
        "flows_per_class": {"BENIGN": 480, "ATTACK": 520},
        "features": [f"f{i}" for i in range(70)],
    },
}


def write_run_folder(
    root: Path,
    *,
    depth: int = 4,
    width: int = 64,
    splits: tuple[str, ...] = ("stratified",),
    n_folds: int = 5,
    n_epochs: int = 50,
    task: str = "binary",
    quality: float | None = None,
) -> Path:
    """Write out/network/<task>-dl<depth> and its scores below `root`, and give out/score: deeper networks score a
    little better (where no `quality`, the share of right flows, is given), later epochs too.
    """
    folder, score = root / "out" / "network" / f"{task}-dl{depth}", root / "out" / "score"
    folder.mkdir(parents=True, exist_ok=True)
    document, predictions = made_run(
        f"dl{depth}",
        task=task,
        splits=splits,
        n_folds=n_folds,
        quality=quality or 0.8 + depth / 100,
        seed=depth,
    )
    document["params"] = {"depth": depth, "width": width, "epochs": n_epochs, "seed": 7}
    (folder / "folds.json").write_text(json.dumps(document))
    rows = [
        {
            "split": name,
            "fold": fold,
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "val_loss": (1 + 0.1 * fold) / epoch,
            "val_accuracy": 0.9 - 0.4 / epoch / depth,
        }
        for name in splits
        for fold in range(n_folds)
        for epoch in range(1, n_epochs + 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "history.parquet")
    plain = run_to_plain(scored(document, predictions)) | {"folder": f"network/{task}-dl{depth}"}
    write_json(plain, score / "runs" / f"{task}-dl{depth}.json")
    write_json(MADE_FROM, score / "made_from.json")
    return score
