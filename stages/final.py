"""Fit one cross-validated configuration on the whole dataset and pack it for use.

In: out/dataset/flows.parquet, the configuration's run folder. Out: out/final/<configuration>/, a package
(docs/detector.md). Beyond the paper, which stops at the scores.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from iotids.detecting.packing import packing
from iotids.detecting.packing.assembly import PackSettings
from iotids.learning.runs.inputs import check_memory_for_all
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.machine import available_memory_bytes
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


def read_dataset(path: Path) -> packing.Dataset:
    """The flows to fit on."""
    data = read_data()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return packing.Dataset(partial(read_table, path), data.name, data.classes, data.benign, digest)


def main() -> int:
    """Read, fit, pack, register; say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--run", "--card", "--out"):
        parser.add_argument(name, required=True, type=Path)
    args, params = parser.parse_args(), read_section("final", Params)
    meter = asdict(read_section("meter", MeterSettings))
    run = packing.read_run(args.run, args.card)
    check_memory_for_all(args.dataset, *packing.kind_and_settings(run.document), available_memory_bytes())
    meter = {key: value for key, value in meter.items() if key not in NOT_A_FLOW}
    manifest = packing.pack(args.out, read_dataset(args.dataset), run, meter, params)
    for sentence in packing.sentences_about(args.out, manifest):
        print(sentence)
    register(args.out, manifest, alias=params.alias)
    return packing.DOUBTFUL if manifest["doubts"] else 0


if __name__ == "__main__":
    run_plainly(main)
