"""Fit one cross-validated configuration on the whole dataset and pack it for use.

In: out/dataset/flows.parquet, the configuration's run folder. Out: out/final/<configuration>/, a package
(docs/detector.md). Beyond the paper, which stops at the scores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from iotids.detecting.packing.assembly import PackSettings
from iotids.detecting.packing.packing import DOUBTFUL, Dataset, Run, pack, sentences_about
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import read_data, read_section
from iotids.tracking.registry import register
from iotids.writing.tables import read_table


@dataclass(frozen=True)
class Params(PackSettings):
    """Section `final`; conf/final/default.yaml says what each key means."""

    configurations: tuple[dict[str, str], ...]
    alias: str


NOT_A_FLOW = ("keep_going", "columns", "max_bytes")  # how to read captures and what to write


@dataclass(frozen=True)
class MeterSettings:
    """Section `meter`: how the training flows were made, so that detect makes them the same way."""

    profile: str
    flow_timeout_s: float
    activity_timeout_s: float
    idle_timeout_s: float
    tunnels: str
    keep_going: bool
    columns: tuple[str, ...]
    max_bytes: int


def read_dataset(path: Path) -> Dataset:
    """The flows to fit on."""
    data = read_data()
    return Dataset(
        read_table(path), data.name, data.classes, data.benign, hashlib.sha256(path.read_bytes()).hexdigest()
    )


def read_run(folder: Path, card: Path) -> Run:
    """What cross-validation left in a run folder, and what its scores say."""
    read_json = lambda path: json.loads(path.read_text(encoding="utf-8"))  # noqa: E731
    return Run(read_json(folder / "folds.json"), read_table(folder / "predictions.parquet"), read_json(card))


def main() -> int:
    """Read, fit, pack, register; say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--run", "--card", "--out"):
        parser.add_argument(name, required=True, type=Path)
    arguments = parser.parse_args()
    params, meter = read_section("final", Params), asdict(read_section("meter", MeterSettings))
    meter = {key: value for key, value in meter.items() if key not in NOT_A_FLOW}
    run = read_run(arguments.run, arguments.card)
    manifest = pack(arguments.out, read_dataset(arguments.dataset), run, meter, params)
    for sentence in sentences_about(arguments.out, manifest):
        print(sentence)
    register(arguments.out, manifest, alias=params.alias)
    return DOUBTFUL if manifest["doubts"] else 0


if __name__ == "__main__":
    run_plainly(main)
