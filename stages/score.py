"""Compute every metric of every run from its stored predictions, and publish the runs to MLflow.

In: out/network/<task>-<depth>/, out/baseline/<task>-<model>/, as many as the parameters name; groups and
captures of the dataset's flows; the folds' names. Out: out/score/ with a file per run, a card per run, and
long tables; out/metrics.json for `dvc metrics`. A new metric reruns this stage and the report, and trains
nothing. Paper: Sec. VI.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iotids.learning.data.flow_columns import task_classes
from iotids.learning.scores import expected, pairs, stored_runs, tables
from iotids.learning.scores.cards import card
from iotids.learning.scores.names import UNSEEN
from iotids.learning.scores.run_files import run_to_plain
from iotids.learning.scores.run_scores import Flows, RunScores, score_run
from iotids.learning.scores.summary import summary
from iotids.learning.splits.task_splits import protocols_of_task
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import read_data, read_section
from iotids.writing.tables import read_table, write_json, write_text


@dataclass(frozen=True)
class Params:
    """Section `score`: which runs there must be (by the other sections' parameters), and their splits."""

    tasks: tuple[str, ...]
    depths: tuple[int, ...]
    models: tuple[str, ...]
    splits: tuple[str, ...]


def read_flows(dataset: Path, splits: Path, names: Sequence[str]) -> Flows:
    """Group and capture of every flow, each within its source, and what every fold leaves out."""
    columns = read_table(dataset, ["source", "group", "capture"])
    source, group, capture = (
        columns.column(name).combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        for name in ("source", "group", "capture")
    )
    described = {name: json.loads((splits / f"{name}.json").read_text(encoding="utf-8"))["folds"] for name in names}
    fold_names = {name: {fold["fold"]: fold["name"] for fold in folds} for name, folds in described.items()}
    numbers = [np.unique(source * (1 + part.max(initial=0)) + part, return_inverse=True)[1] for part in (group, capture)]
    return Flows(*numbers, fold_names)


def read_run(job: tuple[Path, Sequence[str], Sequence[str], str, Flows]) -> RunScores:
    """Score one run folder."""
    folder, splits, classes, benign, flows = job
    written = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    document = stored_runs.todays_document(written, stage=folder.parent.name)
    expected.check_classes(str(folder), document["classes"], classes)
    stored = stored_runs.todays_table(read_table(folder / "predictions.parquet"))
    first, repeats = stored_runs.first_and_repeats(stored)
    return score_run(document, first, splits=splits, benign=benign, flows=flows, repeats=repeats)


def main() -> None:
    """Find what the parameters name, score it, write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--splits", "--network", "--baseline", "--out", "--metrics"):
        parser.add_argument(name, required=True, type=Path)
    arguments, params, data = parser.parse_args(), read_section("score", Params), read_data()
    folders = expected.run_folders(
        params.tasks, params.depths, params.models, network=arguments.network, baseline=arguments.baseline
    )
    expected.check_complete(folders, {key: (folder / "folds.json").is_file() for key, folder in folders.items()})
    flows, splits = (
        read_flows(arguments.dataset, arguments.splits, params.splits),
        {task: protocols_of_task(params.splits, task) for task in params.tasks},
    )
    classes = {task: task_classes(task, data.classes, data.benign) for task in params.tasks}
    jobs = [(folder, splits[task], classes[task], data.benign, flows) for (task, _), folder in folders.items()]
    runs = dict(zip(folders, parallel_map(read_run, jobs, description="scores"), strict=True))
    write_scores(arguments.out, runs)
    write_json(summary(runs), arguments.metrics)


def write_scores(out: Path, runs: dict[tuple[str, str], RunScores]) -> None:
    """Write out/score."""
    compared = {}
    for task in dict.fromkeys(task for task, _ in runs):
        mine = [run for (its_task, _), run in runs.items() if its_task == task]
        for split in (split for split in mine[0].splits if split not in UNSEEN):
            compared[task, split] = pairs.pairs(mine, split)
    for (task, model), run in runs.items():
        write_json(run_to_plain(run), out / "runs" / f"{task}-{model}.json")
        write_json(card(run), out / "cards" / f"{task}-{model}.json")
    write_json([list(key) for key in runs], out / "runs.json")
    texts = {"scores": tables.scores_csv(runs), "folds": tables.folds_csv(runs)}
    texts |= {"per_class": tables.per_class_csv(runs), "pairs": pairs.pairs_csv(compared)}
    for name, text in texts.items():
        write_text(text, out / f"{name}.csv")


if __name__ == "__main__":
    run_plainly(main)
