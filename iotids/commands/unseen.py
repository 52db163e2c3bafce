"""How runs judge sites that training has not seen: iotids unseen out/baseline/binary-random_forest ...

In: predictions of the split `environment` (each flow is judged by the model that was fitted without its site) and
the dataset they are of. Out: a Markdown table on standard output in which every class of every site counts alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.detecting.measuring.zero_point import NEEDED, ORDERED_BY, moved_shares
from iotids.learning.transfer.unseen_scores import UnseenScores, macro_f_elsewhere, score_unseen
from iotids.plumbing.output_names import check_paths
from iotids.plumbing.params import read_data
from iotids.writing.tables import read_table

SPLIT = "environment"
STAGE = "it is written by an earlier stage: run `dvc repro` (or `make`)"
HEAD = "| run | benign right | attacks found | balanced | AUC within site | macro F of classes that other sites have |\n|---|---:|---:|---:|---:|---:|"


def judged_rows(
    run: Path, truth: pa.Table, benign: str, zero_point: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Sites, labels and scores (n, k) of the flows of the split, and the names of the score columns.

    zero_point : share of a host's mean log-odds that its flows are measured from, as in a package

    Raises
    ------
    FileNotFoundError, ValueError
        No run, no predictions of the split, or rows that the dataset does not have.
    """
    predictions = read_table(run / "predictions.parquet")
    chosen = predictions.filter(np.array(predictions.column("split").cast(pa.string())) == SPLIT)
    if not chosen.num_rows:
        raise ValueError(
            f"{run}: no predictions of the split {SPLIT}; run it with -S 'split.kinds=[{SPLIT}]'"
        )
    rows = chosen.column("row").to_numpy()
    if rows.max() >= truth.num_rows:
        raise ValueError(
            f"{run}: it is of another dataset ({rows.max() + 1:,} rows, the dataset has {truth.num_rows:,})"
        )
    classes = [name.removeprefix("score_") for name in chosen.column_names if name.startswith("score_")]
    scores = np.column_stack([chosen.column(f"score_{name}").to_numpy() for name in classes])
    sites, labels = (np.array(truth.column(name).to_pylist())[rows] for name in ("source", "label"))
    scores = moved_shares(scores, truth.take(rows), classes, benign=benign, share=zero_point)
    return sites, labels, scores, classes


def score_run(
    run: Path, truth: pa.Table, benign: str, sites_wanted: list[str], zero_point: float | None = None
) -> tuple[UnseenScores, float]:
    """Figures of a run, over the sites that are wanted (all where none are named); the F of two classes is NaN.

    A flow is named as by detect: an attack from a score of 0.5 on, by its likeliest attack class.
    """
    sites, labels, scores, classes = judged_rows(run, truth, benign, zero_point)
    if unknown := sorted(set(sites_wanted) - set(sites.tolist())):
        raise ValueError(f"no site {', '.join(unknown)}; there are {', '.join(sorted(set(sites.tolist())))}")
    here = np.isin(sites, sites_wanted) if sites_wanted else np.ones(len(sites), bool)
    attack = 1.0 - scores[:, classes.index(benign)]
    macro = float("nan")
    if set(labels.tolist()) <= set(classes):
        others = np.where(np.array(classes) == benign, -1.0, scores)
        predicted = np.where(attack >= 0.5, np.array(classes)[others.argmax(axis=1)], benign)
        macro = macro_f_elsewhere(sites[here], labels[here], predicted[here])
    return score_unseen(sites[here], labels[here], attack[here], benign=benign), macro


def table(found: Mapping[str, tuple[UnseenScores, float]]) -> Iterator[str]:
    """Lines of the table of runs, then of that of cells."""
    yield HEAD
    for name, (one, macro) in found.items():
        numbers = (one.benign, one.attacks, one.balanced, one.auc_within, macro)
        yield f"| {name} | " + " | ".join("–" if np.isnan(n) else f"{n:.3f}" for n in numbers) + " |"
    yield "\n| run | site | class | share judged right | AUC within site |\n|---|---|---|---:|---:|"
    for name, (one, _) in found.items():
        for (site, label), share in one.cells.items():
            area = one.aucs.get(site)
            yield f"| {name} | {site} | {label} | {share:.3f} | {'–' if area is None else f'{area:.3f}'} |"


def main() -> None:
    """Read the runs, print the tables."""
    parser = argparse.ArgumentParser(
        prog="iotids unseen", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, such as out/network/binary-dl4")
    parser.add_argument("--dataset", type=Path, default=Path("out/dataset/flows.parquet"))
    parser.add_argument("--zero-point", type=float, help="as final.zero_point_share (default: none)")
    parser.add_argument("--sites", nargs="+", default=[], help="only these count (default: all)")
    arguments = parser.parse_args()
    check_paths({STAGE: [arguments.dataset]}, {})
    more = () if arguments.zero_point is None else (*ORDERED_BY, *NEEDED)
    truth = read_table(arguments.dataset, list(dict.fromkeys(["source", "label", *more])))
    benign = read_data().benign
    found = {
        run.name: score_run(run, truth, benign, arguments.sites, arguments.zero_point)
        for run in arguments.runs
    }
    print("\n".join(table(found)))
