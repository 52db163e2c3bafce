"""Read run folders and score them; in parallel, one job per run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from iotids.learning.scores.runs.expected import check_classes
from iotids.learning.scores.runs.run_scores import Flows, RunScores, flows_of, score_run
from iotids.writing.tables import read_table


class RunJob(NamedTuple):
    """A run folder and what its scores need beside it; arguments as of `score_run`."""

    folder: Path
    splits: Sequence[str]
    classes: Sequence[str]
    benign: str
    flows: Flows


def read_flows(dataset: Path, splits: Path, names: Sequence[str]) -> tuple[Flows, pa.ChunkedArray]:
    """Groups, captures and fold names for the scores, and the label of every flow.

    Parameters
    ----------
    dataset : flows.parquet
    splits : folder with <split>.json of every name
    """
    described = {name: json.loads((splits / f"{name}.json").read_text("utf-8")) for name in names}
    table = read_table(dataset, ["source", "group", "capture", "label"])
    return flows_of(table, described), table.column("label")


def read_run(job: RunJob) -> RunScores:
    """Scores of one run folder.

    Raises
    ------
    ValueError
        The run has other classes than the data, or lacks predictions of a split; says what to do.
    """
    document = json.loads((job.folder / "folds.json").read_text(encoding="utf-8"))
    check_classes(str(job.folder), document["classes"], job.classes)
    first, repeats = first_and_repeats(read_table(job.folder / "predictions.parquet"))
    in_time = job.folder / "prequential.parquet"
    return score_run(
        document,
        first,
        splits=job.splits,
        benign=job.benign,
        flows=job.flows,
        repeats=repeats,
        in_time=read_table(in_time) if in_time.is_file() else None,
    )


def first_and_repeats(predictions: pa.Table) -> tuple[pa.Table, pa.Table | None]:
    """Predictions of the fits that count (order 0), and those of other orders of the training rows with a
    column `repeat` (None without).
    """
    first = pc.equal(predictions["order"], 0)
    rest = predictions.filter(pc.invert(first))
    renamed = rest.rename_columns(["repeat" if name == "order" else name for name in rest.column_names])
    return predictions.filter(first), renamed if rest.num_rows else None
