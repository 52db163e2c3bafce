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

import yaml

from iotids.auditing.timeout_table import MeanAndStd, Metered, timeout_table
from iotids.learning.baselines.fits import fit_and_test
from iotids.learning.baselines.problem import jobs_of, read_problem
from iotids.learning.scores.scores import mean_and_std
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


def score_tree(dataset: Path, splits: list[Path], data: Data, seed: int) -> dict[str, dict[str, MeanAndStd]]:
    """Accuracy and macro F of the tree over the folds, by task and split protocol (`binary, grouped`)."""
    flows, tables = read_table(dataset), {path.stem: read_table(path) for path in splits}
    scores = {}
    for task in ("binary", "multiclass"):
        problem = read_problem(flows, MODEL, task, data.classes, data.benign, {})
        results = [fit_and_test(problem, job) for job in jobs_of(tables, task, seed=seed, n_orders=1)]
        for protocol in dict.fromkeys(result.protocol for result in results):
            means, stds = mean_and_std(
                [result.record["metrics"] for result in results if result.protocol == protocol]
            )
            scores[f"{task}, {protocol}"] = {
                name: (means[name], stds[name]) for name in ("accuracy", "f1_macro")
            }
    return scores


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
    data, metered = read_data(), []
    protocols = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["split"]["protocols"]
    for seconds in args.seconds:
        with tempfile.TemporaryDirectory(prefix="timeout-") as name:
            folder = Path(name)
            make_workspace(folder, seconds)
            run_stages(folder, data.sources)
            dataset, splits = (
                folder / "out/dataset/flows.parquet",
                [folder / f"out/splits/{protocol}.parquet" for protocol in protocols],
            )
            flows = add_up(count_flows(read_table(dataset, ["source", "label"])))
            metered.append(Metered(seconds, flows, score_tree(dataset, splits, data, args.seed)))
        print(f"{seconds:g} s: {sum(flows.values()):,} flows", file=sys.stderr)
    write_json([asdict(row) for row in metered], args.out / "timeouts.json")
    table = timeout_table(metered, data.classes)
    write_text(table, args.out / "timeouts.md")
    print(table, end="")
