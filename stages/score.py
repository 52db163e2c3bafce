"""Compute every metric of every run from its stored predictions, and publish the runs to MLflow.

In: run folders, the dataset's groups and captures, the folds' names. Out: out/score/ (a file and a card per run,
long tables), out/metrics.json. A new metric reruns this stage and the report, and trains nothing. Sec. VI.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

from iotids.flowmeter.columns.own import own_features
from iotids.learning.data.flow_columns import task_classes
from iotids.learning.data.task_splits import splits_of_task
from iotids.learning.scores import pairs
from iotids.learning.scores.runs.expected import check_complete, run_folders
from iotids.learning.scores.runs.made_from import made_from
from iotids.learning.scores.runs.read_runs import RunJob, read_flows, read_run
from iotids.learning.scores.runs.run_files import run_documents
from iotids.learning.scores.runs.summary import summary
from iotids.learning.scores.runs.tables import long_tables
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import PARAMS_FILE, read_data, read_params, read_section
from iotids.tracking.publishing import publish
from iotids.writing.tables import schema_of_table, write_json, write_text


@dataclass(frozen=True)
class Params:
    """Section `score`: which runs there must be (by the other sections' parameters), and their splits."""

    tasks: tuple[str, ...]
    networks: tuple[str, ...]
    baselines: tuple[str, ...]
    splits: tuple[str, ...]


def main() -> None:
    """Find what the parameters name, score it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--splits", "--network", "--baseline", "--out", "--metrics"):
        parser.add_argument(name, required=True, type=Path)
    args, params, data = parser.parse_args(), read_section("score", Params), read_data()
    models = {"network": params.networks, "baseline": params.baselines}
    folders = run_folders(params.tasks, models, {"network": args.network, "baseline": args.baseline})
    check_complete(folders, {key: (one / "folds.json").is_file() for key, one in folders.items()})
    flows, labels = read_flows(args.dataset, args.splits, params.splits)
    classes = {task: task_classes(task, data.classes, data.benign) for task in params.tasks}
    splits = {task: splits_of_task(params.splits, task) for task in params.tasks}
    jobs = [
        RunJob(folder, splits[task], classes[task], data.benign, flows)
        for (task, _), folder in folders.items()
    ]
    runs = dict(zip(folders, parallel_map(read_run, jobs, description="scores"), strict=True))
    own = own_features(schema_of_table(args.dataset).names)
    sha256 = hashlib.sha256(args.dataset.read_bytes()).hexdigest()
    documents: dict[str, object] = {
        "made_from.json": made_from(read_params(PARAMS_FILE), labels, sha256, own)
    }
    documents["runs.json"] = [list(key) for key in runs]
    for key, run in runs.items():
        documents |= run_documents(run, folders[key].name)
    for name, content in documents.items():
        write_json(content, args.out / name)
    for name, text in (long_tables(runs) | {"pairs.csv": pairs.pairs_csv(pairs.compare_runs(runs))}).items():
        write_text(text, args.out / name)
    write_json(summary(runs), args.metrics)
    publish(args.out)


if __name__ == "__main__":
    run_plainly(main)
