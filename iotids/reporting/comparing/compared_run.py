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
COLUMNS = {  # that are needed of each table
    "table2.csv": ("source", "class", "flows"),
    "table3.csv": ("task", "model", "split", "score", "paper", "value", "std"),
    "folds.csv": FOLD_FACTS,
}
AGAIN = "another version of the project wrote it, or it is damaged: `dvc repro report` writes it anew, without training"


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

    Raises
    ------
    ValueError
        A file is damaged, or of another version of the project: which one, what it lacks, what to do.
    """
    rows = {file: _read_rows(name, file, texts[file]) for file in COLUMNS}
    folds: dict[Key, dict[str, dict[str, float]]] = {}
    try:
        for row in rows["folds.csv"]:
            scores = {key: float(text) for key, text in row.items() if key not in FOLD_FACTS and text}
            folds.setdefault((row["task"], row["model"], row["split"]), {})[row["fold"]] = scores
        data = data_of(json.loads(texts["made_from.json"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"run {name!r}: folds.csv or made_from.json cannot be read ({what}); {AGAIN}"
        ) from error
    return ComparedRun(name, data, rows["table2.csv"], rows["table3.csv"], folds)


def _read_rows(run: str, file: str, text: str) -> list[dict[str, str]]:
    """The rows of a CSV file that has the columns one needs."""
    reader = csv.DictReader(io.StringIO(text))
    if missing := [name for name in COLUMNS[file] if name not in (reader.fieldnames or ())]:
        raise ValueError(f"run {run!r}: {file} has no column {', '.join(missing)}; {AGAIN}")
    return list(reader)


def data_of(made_from: Mapping[str, Mapping]) -> str:
    """What decides on the rows of the folds: digest of flows.parquet, and folds, seed and embargo of the split."""
    split = made_from["params"].get("split", {})
    return " ".join(
        [
            made_from["dataset"]["sha256"][:16],
            *(f"{key}={split.get(key)}" for key in ("folds", "seed", "embargo_s")),
        ]
    )
