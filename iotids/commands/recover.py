"""Recover missing features of flows by several methods: iotids recover --mask one half times

The network of [14] (ID-CVAE) beside the median, nearest neighbours and iterative imputation, all fitted on the training
rows of one fold. Out: a Markdown table of the error of what was recovered, and of what a classifier then scores.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.contract import find_kind
from iotids.learning.data.folds import folds_of_split
from iotids.learning.data.training_data import read_training_data
from iotids.learning.registry import KINDS
from iotids.learning.transfer.recovery import MASKS, Recovered, compare_recovery
from iotids.plumbing.output_names import check_paths
from iotids.plumbing.params import read_data
from iotids.writing.markdown import markdown_table
from iotids.writing.tables import read_table


def table(found: list[Recovered]) -> str:
    """A row per mask and method."""
    rows = [[one.mask, one.method, f"{one.error:.3f}", f"{one.macro_f:.3f}"] for one in found]
    header = ["missing", "filled in by", "error, standard deviations of logarithms", "macro F then"]
    return markdown_table(header, rows, kinds="ttn")


def check_at_least(arguments: argparse.Namespace, **least: int) -> None:
    """Raise a ValueError that names an argument below its least value."""
    for name, lowest in least.items():
        if (given := getattr(arguments, name)) < lowest:
            raise ValueError(f"--{name} is {given}; wanted is {lowest} or more")


def main() -> None:
    """Read a fold, recover, print."""
    parser = argparse.ArgumentParser(
        prog="iotids recover", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, default=Path("out/dataset/flows.parquet"))
    parser.add_argument("--split", type=Path, default=Path("out/splits/stratified.parquet"))
    parser.add_argument("--fold", type=int, default=0, help="which fold is tested (default: 0)")
    parser.add_argument("--mask", nargs="+", default=list(MASKS), choices=MASKS, help="what is missing")
    parser.add_argument(
        "--rows", type=int, default=3000, help="flows drawn from either side of the fold at most"
    )
    parser.add_argument("--epochs", type=int, default=30, help="of the network")
    parser.add_argument("--width", type=int, default=128, help="of the network's layers")
    parser.add_argument("--classifier", default="random_forest", help="kind of model that judges flows")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    check_at_least(arguments, rows=1, epochs=1, width=1, seed=0)
    stage = "it is written by an earlier stage: run `dvc repro` (or `make`)"
    check_paths({stage: [arguments.dataset, arguments.split]}, {})
    kind, data = find_kind(arguments.classifier, KINDS), read_data()
    read = partial(read_table, arguments.dataset)
    flows = read_training_data(read, kind, "multiclass", data.classes, data.benign)
    folds = folds_of_split(read_table(arguments.split), flows.truth.size, arguments.split.stem)
    fold = next((one for one in folds if one.number == arguments.fold), None)
    if fold is None:
        raise ValueError(f"no fold {arguments.fold} in {arguments.split}; there are {len(folds)}, from 0 on")
    rng = np.random.default_rng(arguments.seed)
    sides = [
        flows.take(np.sort(rng.permutation(rows)[: arguments.rows]))
        for rows in (fold.train_rows, fold.test_rows)
    ]
    found = compare_recovery(
        *sides,
        names=MODEL_FEATURE_NAMES,
        masks=tuple(arguments.mask),
        classifier=arguments.classifier,
        settings={"epochs": arguments.epochs, "width": arguments.width, "before_label": arguments.width}
        | {"optimiser": "adam", "learning_rate": 0.001, "batch_size": 128},
        seed=arguments.seed,
    )
    print(table(found), end="")
