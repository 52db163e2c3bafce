"""The command line of a stage that makes one run: of which task and model, from which files, into which folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from iotids.learning.data.flow_columns import TASKS


def read_arguments(description: str) -> argparse.Namespace:
    """`task`, `model`, and the paths `dataset`, `splits` and `out`; all are required."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--model", required=True)
    for name in ("--dataset", "--splits", "--out"):
        parser.add_argument(name, required=True, type=Path)
    return parser.parse_args()
