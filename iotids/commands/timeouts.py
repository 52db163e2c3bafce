"""A command: meter the same captures with other flow timeouts, and see what becomes of flows, classes and a
simple model's score.

iotids timeouts --seconds 15 120 600 3600 --out out/timeouts      out: <out>/timeouts.json,
<out>/timeouts.md For each timeout the project's own stages run from captures to splits in a folder of their
own; nothing in out/ is touched.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from iotids.auditing.timeout_table import MeanAndStd, Metered, timeout_table
from iotids.counted import counted
from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import FoldResult, RunContext, TrainingData, find_kind
from iotids.learning.runs.inputs import read_inputs
from iotids.learning.runs.unfinished import Unfinished
from iotids.learning.scores.scores import mean_and_std, score_fold
from iotids.plumbing.output_names import check_paths
from iotids.plumbing.params import Data, read_data
from iotids.truth.integrating.integration import count_flows
from iotids.truth.integrating.table2 import add_up
from iotids.writing.tables import read_table, write_json, write_text

MODEL = "decision_tree"  # fits in seconds
OWN = {"params.yaml", "out"}  # what a workspace with another timeout does not share with this one


def make_workspace(folder: Path, flow_timeout_s: float) -> None:
    """Make a folder that shares everything with the current one but the flow timeout and the results."""
    for entry in Path.cwd().iterdir():
        if entry.name not in OWN and not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["meter"]["flow_timeout_s"] = flow_timeout_s
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run_stages(folder: Path, sources: Iterable[str]) -> None:
    """Run the stages from captures to splits in a workspace."""
    commands = []
    for source in sources:
        flows, labelled = f"out/flows/{source}", f"out/labelled/{source}"
        commands += [
            ["stages.meter", "--source", source, "--out", f"{flows}.parquet", "--ledger", f"{flows}.json"],
            [
                "stages.label",
                "--source",
                source,
                "--flows",
                f"{flows}.parquet",
                "--out",
                f"{labelled}.parquet",
                "--summary",
                f"{labelled}.json",
            ],
        ]
    commands += [
        ["stages.integrate", "--labelled", "out/labelled", "--out", "out/dataset"],
        ["stages.split", "--dataset", "out/dataset/flows.parquet", "--out", "out/splits"],
    ]
    environment = {"DVC_ROOT": str(Path.cwd()), **os.environ}
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")


def score_tree(
    dataset: Path, folder: Path, splits: tuple[str, ...], data: Data, seed: int
) -> dict[str, dict[str, MeanAndStd]]:
    """Accuracy and macro F of the tree over the folds, by task and split (`binary, grouped`)."""
    kind, scores = find_kind(MODEL, BASELINES), {}
    for task in ("binary", "multiclass"):
        inputs = read_inputs(dataset, folder, kind, task, splits, data.classes, data.benign)
        context = RunContext(Unfinished(folder / task, "one run"))
        run = kind.fit_folds(*inputs, kind.settings({}), seed=seed, orders=1, context=context)
        for split in inputs.splits:
            folds = [_metrics(result, inputs.data) for result in run.results if result.split == split]
            means, stds = mean_and_std(folds)
            scores[f"{task}, {split}"] = {
                name: (means[name], stds[name]) for name in ("accuracy", "f1_macro")
            }
    return scores


def _metrics(result: FoldResult, data: TrainingData) -> dict[str, float]:
    """Every metric of one fold."""
    trained = ~np.isin(data.classes, result.record["untrained_classes"])
    return score_fold(result.truth, result.scores, data.classes, trained=trained, benign=data.benign)


def main() -> None:
    """Run everything once per timeout."""
    parser = argparse.ArgumentParser(
        prog="iotids timeouts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds",
        nargs="+",
        type=float,
        default=[15.0, 120.0, 600.0, 3600.0],
        metavar="S",
        help="flow timeouts (default: 15 120 600 3600)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/timeouts"),
        help="folder for the two files (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the tree (default: %(default)s)")
    args = parser.parse_args()
    check_paths({}, {"--out": args.out}, folders=["--out"])
    data, metered = read_data(), []
    names = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["split"]["kinds"]
    for seconds in args.seconds:
        with tempfile.TemporaryDirectory(prefix="timeout-") as name:
            folder = Path(name)
            make_workspace(folder, seconds)
            run_stages(folder, data.sources)
            dataset, splits = folder / "out/dataset/flows.parquet", folder / "out/splits"
            flows = add_up(count_flows(read_table(dataset, ["source", "label"])))
            metered.append(
                Metered(seconds, flows, score_tree(dataset, splits, tuple(names), data, args.seed))
            )
        print(f"{seconds:g} s: {counted(sum(flows.values()), 'flow')}", file=sys.stderr)
    write_json([asdict(row) for row in metered], args.out / "timeouts.json")
    table = timeout_table(metered, data.classes)
    write_text(table, args.out / "timeouts.md")
    print(table, end="")
