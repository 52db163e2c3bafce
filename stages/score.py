"""Compute every metric of every run from its stored predictions, and publish the runs to MLflow.

In: run folders, the dataset's groups and captures, the folds' names. Out: out/score/ (a file and a card per run,
long tables), out/metrics.json. A new metric reruns this stage and the report, and trains nothing. Sec. VI.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iotids.learning.data.flow_columns import task_classes
from iotids.learning.data.task_splits import splits_of_task
from iotids.learning.scores import pairs
from iotids.learning.scores.runs import expected, stored_runs
from iotids.learning.scores.runs.made_from import made_from
from iotids.learning.scores.runs.run_files import run_documents
from iotids.learning.scores.runs.run_scores import Flows, RunScores, flows_of, score_run
from iotids.learning.scores.runs.summary import summary
from iotids.learning.scores.runs.tables import long_tables
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import PARAMS_FILE, read_data, read_params, read_section
from iotids.tracking.publishing import publish
from iotids.writing.tables import read_table, write_json, write_text


@dataclass(frozen=True)
class Params:
    """Section `score`: which runs there must be (by the other sections' parameters), and their splits."""

    tasks: tuple[str, ...]
    networks: tuple[str, ...]
    baselines: tuple[str, ...]
    splits: tuple[str, ...]


def read_run(job: tuple[Path, Sequence[str], Sequence[str], str, Flows]) -> RunScores:
    """Score one run folder."""
    folder, splits, classes, benign, flows = job
    written = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    document = stored_runs.todays_document(written, stage=folder.parent.name)
    expected.check_classes(str(folder), document["classes"], classes)
    first, repeats = stored_runs.first_and_repeats(read_table(folder / "predictions.parquet"))
    in_time = folder / "prequential.parquet"
    more = {"repeats": repeats, "in_time": read_table(in_time) if in_time.is_file() else None}
    return score_run(document, first, splits=splits, benign=benign, flows=flows, **more)


def main() -> None:
    """Find what the parameters name, score it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--splits", "--network", "--baseline", "--out", "--metrics"):
        parser.add_argument(name, required=True, type=Path)
    arguments, params, data = parser.parse_args(), read_section("score", Params), read_data()
    stages = {name: getattr(arguments, name) for name in ("network", "baseline")}
    models = {"network": params.networks, "baseline": params.baselines}
    folders = expected.run_folders(params.tasks, models, stages)
    expected.check_complete(folders, {key: (one / "folds.json").is_file() for key, one in folders.items()})
    described = {name: json.loads((arguments.splits / f"{name}.json").read_text()) for name in params.splits}
    table = read_table(arguments.dataset, ["source", "group", "capture", "label"])
    flows, sha256 = flows_of(table, described), hashlib.sha256(arguments.dataset.read_bytes()).hexdigest()
    classes = {task: task_classes(task, data.classes, data.benign) for task in params.tasks}
    splits = {task: splits_of_task(params.splits, task) for task in params.tasks}
    jobs = [(one, splits[task], classes[task], data.benign, flows) for (task, _), one in folders.items()]
    runs = dict(zip(folders, parallel_map(read_run, jobs, description="scores"), strict=True))
    made = made_from(read_params(PARAMS_FILE), table.column("label"), sha256)
    documents = {"made_from.json": made, "runs.json": [list(key) for key in runs]}
    for key, run in runs.items():
        documents |= run_documents(run, folders[key].name)
    for name, content in documents.items():
        write_json(content, arguments.out / name)
    for name, text in (long_tables(runs) | {"pairs.csv": pairs.pairs_csv(pairs.compare_runs(runs))}).items():
        write_text(text, arguments.out / name)
    write_json(summary(runs), arguments.metrics)
    publish(arguments.out)


if __name__ == "__main__":
    run_plainly(main)
