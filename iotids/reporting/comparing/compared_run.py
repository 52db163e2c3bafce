"""A run that is compared, wherever it was read from: its data, its tables, and the scores of its folds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Row = Mapping[str, str]
Key = tuple[str, str, str]
"""Task, model, split."""
FOLD_FACTS = ("task", "model", "split", "fold")


@dataclass(frozen=True)
class ComparedRun:
    """One column of the comparison.

    Attributes
    ----------
    data : digest of the flows and the settings of the split; two runs with the same were tested on the same flows
    table2, table3 : rows as the stages write them; table2 is empty where a store does not have it
    folds : scores by task, model, split, then by the fold's name
    """

    name: str
    data: str
    table2: Sequence[Row]
    table3: Sequence[Row]
    folds: Mapping[Key, Mapping[str, Mapping[str, float]]]


def run_from_texts(name: str, texts: Mapping[str, str]) -> ComparedRun:
    """A run from the files that its stages wrote.

    Parameters
    ----------
    texts : content by path: table2.csv, table3.csv, folds.csv, made_from.json
    """
    folds: dict[Key, dict[str, dict[str, float]]] = {}
    for row in csv.DictReader(io.StringIO(texts["folds.csv"])):
        scores = {key: float(text) for key, text in row.items() if key not in FOLD_FACTS and text}
        folds.setdefault((row["task"], row["model"], row["split"]), {})[row["fold"]] = scores
    tables = [list(csv.DictReader(io.StringIO(texts[file]))) for file in ("table2.csv", "table3.csv")]
    return ComparedRun(name, data_of(json.loads(texts["made_from.json"])), tables[0], tables[1], folds)


def data_of(made_from: Mapping[str, Mapping]) -> str:
    """What decides on the rows of the folds: digest of flows.parquet, and folds, seed and embargo of the split."""
    split = made_from["params"].get("split", {})
    return " ".join(
        [
            made_from["dataset"]["sha256"][:16],
            *(f"{key}={split.get(key)}" for key in ("folds", "seed", "embargo_s")),
        ]
    )
