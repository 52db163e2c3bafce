"""How a package does: out of fold, on labelled flows it was not trained on, and before and after calibration
on benign flows of their networks.

`iotids evaluate PACKAGE [LABELLED.parquet...] [--max-alarms-per-day 10]`
prints the tables of docs/detector.md. Labelled tables are what the label stage writes; they must be metered
under the package's profile, which their metadata say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.calibrating.benign_flows import BenignFlows
from iotids.detecting.calibrating.calibration import calibrate
from iotids.detecting.calibrating.site_file import point_of
from iotids.detecting.calibrating.weighing import RANKING_COLUMNS, VERDICT_COLUMNS, ranking_rows, verdict_rows
from iotids.detecting.incidents.evaluation import COLUMNS, recordings_of, score_for_false_rate, site_rows
from iotids.detecting.incidents.incident import SMALLEST_SCORE
from iotids.detecting.judging.verdict_words import ATTACK, UNKNOWN
from iotids.detecting.judging.verdicts import Judge, matrix_of, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.origin_check import check_origin
from iotids.detecting.package.package import Package, open_package
from iotids.detecting.summary.page_table import percent, value_and_std
from iotids.writing.markdown import markdown_table
from iotids.writing.table_origin import origin_of
from iotids.writing.tables import read_table, schema_of_table

DAY_US = 86_400e6
TRUTH_COLUMNS = ("label", "source", "group", "capture")


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

    def recordings(self) -> Iterator[tuple[np.ndarray, float]]:
        """Rows of each capture in time order, and the days between its first and last flow's start."""
        for capture in np.unique(self.capture):
            rows = np.flatnonzero(self.capture == capture)
            rows = rows[np.argsort(self.start_us[rows], kind="stable")]
            yield rows, float(self.start_us[rows[-1]] - self.start_us[rows[0]]) / DAY_US

    @property
    def days(self) -> float:
        """Sum over captures."""
        return sum(days for _, days in self.recordings())


def read_tables(paths: Sequence[Path], package: Package) -> pa.Table:
    """Read labelled flow tables as one, with the columns that all of them have; warn about those that do not say how
    they were metered.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is not there, no Parquet file, lacks a column, or was metered with other settings than the package's.
    """
    schemas = {path: schema_of_table(path) for path in paths}
    for sentence in check_origin(package, {str(path): origin_of(one) for path, one in schemas.items()}):
        print(f"warning: {sentence}", file=sys.stderr)
    first, *others = schemas.values()
    shared = [name for name in first.names if all(name in other.names for other in others)]
    wanted = [*shared, *({*TRUTH_COLUMNS, *package.features} - set(shared))]
    tables = {path: read_table(path, wanted) for path in paths}
    for path, table in tables.items():
        unlabelled = sum(text in (None, "") for text in table.column("label").to_pylist())
        if unlabelled or not table.num_rows:
            raise ValueError(
                f"{path}: {unlabelled:,} of {table.num_rows:,} flows have no label, and a detector is evaluated on labelled flows; "
                "label them with `iotids label` or leave them out"
            )
    return pa.concat_tables(tables.values())


def labelled_of(table: pa.Table, package: Package) -> Labelled:
    """Features and truth of a table."""
    text = [table.column(name).to_numpy(zero_copy_only=False).astype(str) for name in TRUTH_COLUMNS]
    label, source, group, capture = text
    return Labelled(
        matrix_of(table, package.features), label, source, group, capture, table.column("start_us").to_numpy()
    )


def halves(flows: Labelled, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool twice: groups to calibrate on and the others; a network with one group is cut at the middle
    of its time.
    """
    first = np.zeros(flows.label.size, bool)
    for source in np.unique(flows.source):
        mine = np.flatnonzero(flows.source == source)
        groups = np.random.default_rng(seed).permutation(np.unique(flows.group[mine]))
        if groups.size > 1:
            first[mine] = np.isin(flows.group[mine], groups[: groups.size // 2])
        else:
            first[mine] = flows.start_us[mine] < np.median(flows.start_us[mine])
    return first, ~first


@dataclass(frozen=True)
class Calibrated:
    """One network before and after calibration on half of its recordings, as columns of a table."""

    network: str
    benign_flows: int
    alarms_before: float
    unknown_before: float
    alarms_after: float
    unknown_after: float
    left_out_a_day: float
    doubts: int
    attack_flows: int
    found_before: float
    found_after: float


def calibrated_networks(
    flows: Labelled, package: Package, *, max_alarms_per_day: float
) -> Iterator[Calibrated]:
    """Per network with benign flows: calibrated on one half of its groups, alarms on benign flows of the
    other half; attacks are all of it.
    """
    network = Model(package)
    before = Judge(package, network, package_point(package))
    is_benign = flows.label == package.manifest["benign"]
    for source in np.unique(flows.source[is_benign]):
        mine = flows.part(is_benign & (flows.source == source))
        learned, tested = (mine.part(half) for half in halves(mine))
        if min(learned.label.size, tested.label.size) < 10 or learned.days == 0:
            continue
        point = calibrate(package, benign_flows_of(learned, before), max_alarms_per_day=max_alarms_per_day)
        after = Judge(package, network, point_of(point, package))
        attacks = flows.part(~is_benign & (flows.source == source))
        shares = [shares_of(judge, tested.X) for judge in (before, after)]
        found = [shares_of(judge, attacks.X)[0] for judge in (before, after)]
        yield Calibrated(
            str(source),
            tested.label.size,
            *shares[0],
            *shares[1],
            point["left_out"]["alarms_per_day"],
            len(point["doubts"]),
            attacks.label.size,
            *found,
        )


def benign_flows_of(flows: Labelled, judge: Judge) -> BenignFlows:
    """Benign flows as `detect --calibrate` collects them."""
    collected = BenignFlows()
    for rows, days in flows.recordings():
        collected.begin_recording()
        collected.add(flows.X[rows], judge.decide(flows.X[rows]).log_odds)
        collected.end_recording(days)
    return collected


def shares_of(judge: Judge, X: np.ndarray) -> tuple[float, float]:
    """Share of flows called attack, share unknown; NaN without flows."""
    code = judge.decide(X).code
    return (
        (float((code == ATTACK).mean()), float((code == UNKNOWN).mean()))
        if len(X)
        else (float("nan"), float("nan"))
    )


def incident_table(flows: pa.Table, package: Package) -> str:
    """Incidents per site: as they are reported, and at one false incident a day over all sites."""
    verdicts = Judge(package, Model(package), package_point(package)).judge(flows)[0]
    idle_s, benign = float(package.manifest["meter"]["idle_timeout_s"]), str(package.manifest["benign"])
    recordings = recordings_of(verdicts, flows, benign=benign, idle_timeout_s=idle_s)
    lowest = score_for_false_rate(recordings, 1.0)
    tables = [
        f"incidents from score {score:.1f}\n\n{markdown_table(list(COLUMNS), site_rows(recordings, score))}"
        for score in (SMALLEST_SCORE, lowest)
    ]
    return "\n".join(tables)


def markdown(columns: Sequence[str], rows: Iterator[tuple]) -> str:
    """A Markdown table; shares as percentages."""
    cells = [[_cell(value, column) for value, column in zip(row, columns, strict=True)] for row in rows]
    return markdown_table(columns, cells).rstrip("\n")


def _cell(value: object, column: str) -> str:
    """One figure."""
    if isinstance(value, float):
        if "AUC" in column and value == value:
            return f"{value:.3f}"
        return "–" if value != value else f"{value:,.1f}" if "a day" in column else f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def out_of_fold_table(package: Package) -> Iterator[tuple[str, str, str, str]]:
    """What cross-validation measured, per split, over flows and with every capture weighing the same; attacks found
    and false alarms at the package's threshold, where it was chosen and on sites left out of training.
    """
    own = package.manifest["operating_point"]
    unseen = own.get("unseen_site")
    costs = {own["split"]: own["measured"]} | ({unseen["split"]: unseen} if unseen else {})
    for split, scores in package.manifest["cross_validation"].items():
        shown = [scores[name] for name in ("accuracy", "f1_macro") if name in scores]
        over_flows = " / ".join(value_and_std(score, digits=3) for score in shown)
        weighed = [{"value": score.get("by_capture"), "std": None} for score in shown]
        by_capture = " / ".join(value_and_std(score, digits=3) for score in weighed)
        yield f"{split}, {scores['figure']}", over_flows, by_capture, _at_threshold(costs.get(split))


def _at_threshold(cost: Mapping[str, Any] | None) -> str:
    """What a threshold finds, by class, and what it costs; a dash where it was not measured."""
    if cost is None:
        return "–"
    recall = ", ".join(
        f"{name} {percent(share)}" for name, share in cost["recall_per_class"].items() if share is not None
    )
    return f"{percent(cost['recall'])} ({recall}) at {percent(cost['false_alarm_share'])}"


def export_table(package: Package) -> Iterator[tuple[str, str, str, str, str]]:
    """Every export with its size and how it agrees with the model; of forms that the kind lacks only the name."""
    for form, export in package.manifest.get("exports", {}).items():
        if "agreement" not in export:
            yield form, "–", "–", "–", "not possible"
            continue
        yield (
            form,
            f"{export['bytes']:,}",
            f"{export['agreement']:.3%}",
            f"{export['largest_probability_difference']:.1e}",
            "published" if export["published"] else "refused",
        )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="iotids evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("labelled", type=Path, nargs="*")
    parser.add_argument("--max-alarms-per-day", type=float, default=10.0)
    arguments = parser.parse_args()
    package = open_package(arguments.package)
    print(
        f"{package.manifest['name']} of data set {package.manifest.get('data')}, profile {package.profile}\n"
    )
    found = "attacks found at the threshold, at false alarms"
    header = ["split", "accuracy / macro F", "every capture weighing the same", found]
    print(markdown(header, out_of_fold_table(package)), "\n")
    print(
        markdown(["export", "bytes", "equal verdicts", "largest difference", ""], export_table(package)), "\n"
    )
    if arguments.labelled:
        table = read_tables(arguments.labelled, package)
        flows = labelled_of(table, package)
        decisions = Judge(package, Model(package), package_point(package)).decide(flows.X)
        named = np.array(package.classes)[decisions.likeliest]
        print(
            markdown(VERDICT_COLUMNS, verdict_rows(flows.label, flows.capture, decisions.code, named)), "\n"
        )
        attack = flows.label != package.manifest["benign"]
        ranked = ranking_rows(attack, decisions.log_odds, flows.source, flows.capture)
        print(markdown(RANKING_COLUMNS, ranked), "\n")
        print(incident_table(table, package))
        rows = calibrated_networks(flows, package, max_alarms_per_day=arguments.max_alarms_per_day)
        names = [field.replace("_", " ") for field in Calibrated.__dataclass_fields__]
        print(markdown(names, (tuple(vars(row).values()) for row in rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
