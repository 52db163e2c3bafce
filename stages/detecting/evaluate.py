"""How a package does on labelled flows it was not trained on, before and after calibration on benign flows of the same networks.

`python -m stages.detecting.evaluate PACKAGE LABELLED.parquet... [--max-alarms-per-day 10]` prints the tables of docs/detector.md.
Labelled tables are what the label stage writes; they must be metered under the package's profile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.detecting.inference import Network
from stages.detecting.own_network import BenignFlows, calibrate, point_of
from stages.detecting.package import Package, open_package
from stages.detecting.verdict_words import ATTACK, UNKNOWN
from stages.detecting.verdicts import Decisions, Judge, matrix_of, package_point

DAY_US = 86_400e6


@dataclass(frozen=True)
class Labelled:
    """Flows with their truth, one entry each: features, label, network, group, capture, start."""

    X: np.ndarray
    label: np.ndarray
    source: np.ndarray
    group: np.ndarray
    capture: np.ndarray
    start_us: np.ndarray

    def part(self, chosen: np.ndarray) -> Labelled:
        """Some of the flows."""
        return Labelled(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    @property
    def days(self) -> float:
        """Sum over captures of the time between first and last flow's start."""
        _, number = np.unique(self.capture, return_inverse=True)
        first, last = np.full(number.max(initial=-1) + 1, np.inf), np.full(number.max(initial=-1) + 1, -np.inf)
        np.minimum.at(first, number, self.start_us)
        np.maximum.at(last, number, self.start_us)
        return float((last - first).sum() / DAY_US)


def read_labelled(paths: Sequence[Path], package: Package) -> Labelled:
    """Read labelled flow tables."""
    table = pa.concat_tables([pq.read_table(p) for p in paths])
    text = [table.column(name).to_numpy(zero_copy_only=False).astype(str) for name in ("label", "source", "group", "capture")]
    label, source, group, capture = text
    return Labelled(matrix_of(table, package.features), label, source, group, capture, table.column("start_us").to_numpy())


def verdict_table(flows: Labelled, decisions: Decisions, package: Package) -> Iterator[tuple[str, int, float, float, float, float]]:
    """Per label: flows, shares called attack, unknown, benign, and share given this very class."""
    names = np.array(package.classes)
    for label in np.unique(flows.label):
        mine = flows.label == label
        code = decisions.code[mine]
        right = (names[decisions.likeliest[mine]] == label) & (code != UNKNOWN)
        shares = [float((code == c).mean()) for c in (ATTACK, UNKNOWN, 0)]
        yield str(label), int(mine.sum()), shares[0], shares[1], shares[2], float(right.mean())


def halves(flows: Labelled, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool twice: groups to calibrate on and the others; a network with one group is cut at the middle of its time."""
    first = np.zeros(flows.label.size, bool)
    for source in np.unique(flows.source):
        mine = np.flatnonzero(flows.source == source)
        groups = np.random.default_rng(seed).permutation(np.unique(flows.group[mine]))
        if groups.size > 1:
            first[mine] = np.isin(flows.group[mine], groups[: groups.size // 2])
        else:
            first[mine] = flows.start_us[mine] < np.median(flows.start_us[mine])
    return first, ~first


def false_alarms(
    flows: Labelled, package: Package, *, max_alarms_per_day: float
) -> Iterator[tuple[str, int, float, float, float, float, float, float]]:
    """Per network with benign flows: flows tested, and false-alarm share, unknown share and alarms a day before and after calibration.

    Calibrated on one half of the network's groups, tested on the other half.
    """
    network = Network(package)
    benign = flows.part(flows.label == package.manifest["benign"])
    before = Judge(package, network, package_point(package))
    for source in np.unique(benign.source):
        mine = benign.part(benign.source == source)
        learned, tested = (mine.part(half) for half in halves(mine))
        if min(learned.label.size, tested.label.size) < 10 or learned.days == 0:
            continue
        collected = BenignFlows()
        order = np.argsort(learned.start_us, kind="stable")
        collected.add(learned.X[order], before.decide(learned.X[order]).log_odds)
        point = calibrate(package, collected, days=learned.days, max_alarms_per_day=max_alarms_per_day)
        after = Judge(package, network, point_of(point, package))
        rates = [_rates(judge.decide(tested.X), tested.days) for judge in (before, after)]
        yield str(source), tested.label.size, *rates[0], *rates[1]


def _rates(decisions: Decisions, days: float) -> tuple[float, float, float]:
    """Share called attack, share unknown, alarms a day."""
    alarms = decisions.code == ATTACK
    return float(alarms.mean()), float((decisions.code == UNKNOWN).mean()), float(alarms.sum() / days) if days else float("nan")


def markdown(columns: Sequence[str], rows: Iterator[tuple]) -> str:
    """A Markdown table; shares as percentages."""
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(_cell(value, column) for value, column in zip(row, columns, strict=True)) + " |")
    return "\n".join(lines)


def _cell(value: object, column: str) -> str:
    """One figure."""
    if isinstance(value, float):
        return f"{value:,.1f}" if "a day" in column else f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m stages.detecting.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("labelled", type=Path, nargs="+")
    parser.add_argument("--max-alarms-per-day", type=float, default=10.0)
    arguments = parser.parse_args()
    package = open_package(arguments.package)
    flows = read_labelled(arguments.labelled, package)
    decisions = Judge(package, Network(package), package_point(package)).decide(flows.X)
    print(
        f"{package.manifest['name']} of data set {package.manifest.get('data')}, profile {package.profile}, on {flows.label.size:,} flows\n"
    )
    print(markdown(["label", "flows", "attack", "unknown", "benign", "this very class"], verdict_table(flows, decisions, package)), "\n")
    columns = [
        "network",
        "benign flows",
        "alarms before",
        "unknown before",
        "before, a day",
        "alarms after",
        "unknown after",
        "after, a day",
    ]
    print(markdown(columns, false_alarms(flows, package, max_alarms_per_day=arguments.max_alarms_per_day)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
