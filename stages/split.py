"""Cut the dataset into training and test parts, once per kind of split, so that every model sees the same folds.

In: out/dataset/flows.parquet. Out: out/splits/<kind>.parquet (row, test_fold, train_folds) and .json
(counts, warnings). Paper: Sec. VI, "5-fold cross validation"; the other kinds ask what is left of it
without leaks (docs/evaluation.md).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from iotids.learning.splits.flows import Flows, flows_from_file
from iotids.learning.splits.folds import describe_split, split_table
from iotids.learning.splits.makers import make_split
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import read_data, read_section
from iotids.writing.tables import write_json, write_table


@dataclass(frozen=True)
class Params:
    """Section `split`: kinds of split by name, folds of the k-fold ones, seed, gap around tested time, what one
    attack is.
    """

    kinds: tuple[str, ...]
    folds: int
    seed: int
    embargo_s: float
    attack_column: str


def split_flows(flows: Flows, params: Params) -> dict[str, tuple[pa.Table, dict[str, Any]]]:
    """Table and description of every split, by kind."""
    result = {}
    for kind in params.kinds:
        split = make_split(
            kind,
            flows,
            n_folds=params.folds,
            seed=params.seed,
            embargo_s=params.embargo_s,
            attack_column=params.attack_column,
        )
        result[kind] = split_table(split), describe_split(split, flows) | {"seed": params.seed}
    return result


def main() -> None:
    """Read the dataset, write one table and one JSON per split, and say what a reader must know."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    flows = flows_from_file(arguments.dataset, benign=read_data().benign)
    splits = split_flows(flows, read_section("split", Params))
    for kind, (table, description) in splits.items():
        write_table(table, arguments.out / f"{kind}.parquet")
        write_json(description, arguments.out / f"{kind}.json")
        for warning in description["warnings"]:
            print(f"split {kind}: warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    run_plainly(main)
