"""Leave one site out on the labelled real captures: what each idea for transfer is worth, and what a choice made
without the reported site reaches: python -m tests.bench.bench_unseen_site out/dataset/flows.parquet

Reads the dataset of `preset=detector` (flows and their context, real captures and the sample) and draws of each
(site, class) cell flows to learn from, balanced over recordings, and others to be judged, evenly. Sites named by
--learnt-only are learnt from and never reported.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.baselines.site_trees import draw_cells, site_class_weights
from iotids.learning.transfer.nested import Fit, leave_site_out, nested_choice
from iotids.learning.transfer.normalising import SiteRanks
from iotids.learning.transfer.probe import probe_inputs
from iotids.learning.transfer.unseen_scores import UnseenScores, macro_f_elsewhere, score_unseen

BENIGN = "BENIGN"
SITE_AT_MOST, ATTACK_AT_LEAST = 0.6, 0.3
CHOSEN = "**chosen inside**"


@dataclass(frozen=True)
class Rows:
    """The sampled flows: inputs, truth, and which rows are for learning and which for judging."""

    flow: np.ndarray
    context: np.ndarray
    sites: np.ndarray
    labels: np.ndarray
    learnt: np.ndarray
    judged: np.ndarray
    elsewhere: np.ndarray  # rows of sites that are learnt from and never reported

    @property
    def is_attack(self) -> np.ndarray:
        """(n,) bool."""
        attack: np.ndarray = self.labels != BENIGN
        return attack


def sample_rows(table: pa.Table, per_cell: int, seed: int, learnt_only: list[str]) -> Rows:
    """Draw the rows to learn from and to be judged; rows of sites that are learnt from only come last."""
    elsewhere = np.isin(np.array(table.column("source").to_pylist()), learnt_only)
    table, elsewhere = table.take(np.argsort(elsewhere, kind="stable")), np.sort(elsewhere)
    sites, labels, groups = (np.array(table.column(n).to_pylist()) for n in ("source", "label", "group"))
    numbers = [np.unique(texts, return_inverse=True)[1] for texts in (sites, labels, groups)]
    learnt, judged = np.zeros(len(sites), bool), np.zeros(len(sites), bool)
    learnt[draw_cells(*numbers, per_cell=per_cell, seed=seed)] = True
    apart = np.arange(len(sites))  # every flow a recording of its own: drawn evenly
    judged[draw_cells(numbers[0], numbers[1], apart, per_cell=2 * per_cell, seed=seed + 1000)] = True
    keep = np.flatnonzero(learnt | (judged & ~elsewhere))
    small = table.take(keep)

    def logs(names: tuple[str, ...]) -> np.ndarray:
        values = np.column_stack([small.column(name).to_numpy() for name in names]).astype(float)
        folded: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
        return folded

    # fmt: off
    return Rows(
        logs(MODEL_FEATURE_NAMES), logs(CONTEXT_NAMES), sites[keep], labels[keep],
        learnt[keep], judged[keep] & ~elsewhere[keep], elsewhere[keep],
    )
    # fmt: on


def with_ranks(rows: Rows) -> np.ndarray:
    """Both kinds of inputs and their ranks within the site, whose judged flows are its unlabelled traffic."""
    both = np.hstack([rows.flow, rows.context])
    ranks = np.empty(both.shape)
    for site in np.unique(rows.sites):
        here = rows.sites == site
        ranks[here] = SiteRanks(both[here]).transform(both[here])
    return np.hstack([both, ranks])


def boosting(seed: int) -> HistGradientBoostingClassifier:
    """The prototype's learner, small."""
    return HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, max_bins=64, early_stopping=False, random_state=seed
    )


def trees(leaf: int, n_trees: int) -> Callable[[int], ExtraTreesClassifier]:
    """Extremely randomised trees with at least so many flows in a leaf."""
    return lambda seed: ExtraTreesClassifier(
        n_trees, min_samples_leaf=leaf, max_features="sqrt", random_state=seed
    )


def binary_fit(
    rows: Rows,
    X: np.ndarray,
    make: Callable[[int], HistGradientBoostingClassifier | ExtraTreesClassifier],
    seed: int,
    *,
    probed: bool = False,
    elsewhere: bool = False,
) -> Fit:
    """A candidate: its inputs, learner, and what is done for transfer."""

    def fit(numbers: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        train = numbers[rows.learnt[numbers]]
        if elsewhere:
            train = np.concatenate([train, np.flatnonzero(rows.elsewhere & rows.learnt)])
        sites, labels, attack = rows.sites[train], rows.labels[train], rows.is_attack[train]
        weights = site_class_weights(sites, labels, benign=BENIGN)
        columns = np.ones(X.shape[1], bool)
        if probed:
            found = probe_inputs(X[train], sites, attack)
            columns = found.kept(site_at_most=SITE_AT_MOST, attack_at_least=ATTACK_AT_LEAST)
        model = make(seed).fit(X[train][:, columns], attack, sample_weight=weights)
        return lambda others: np.asarray(model.predict_proba(X[others][:, columns])[:, 1])

    return fit


def candidates(rows: Rows, seed: int, n_trees: int) -> dict[str, Fit]:
    """What the choice is made among; the list was fixed after exploring on the same sites (docs/unseen-site.md)."""
    both = np.hstack([rows.flow, rows.context])
    inputs = {"context": rows.context, "both": both}
    made = {
        "flow features, boosting": binary_fit(rows, rows.flow, boosting, seed),
        "both, boosting": binary_fit(rows, both, boosting, seed),
        "both, ranks in the site, trees of leaf 20": binary_fit(
            rows, with_ranks(rows), trees(20, n_trees), seed
        ),
        "both, probed, trees of leaf 20": binary_fit(rows, both, trees(20, n_trees), seed, probed=True),
    }
    for name, X in inputs.items():
        for leaf in (20, 60):
            for more in (False, True) if rows.elsewhere.any() else (False,):
                words = f"{name}, trees of leaf {leaf}" + (", the sample's sites too" if more else "")
                made[words] = binary_fit(rows, X, trees(leaf, n_trees), seed, elsewhere=more)
    return made


def judged_scores(rows: Rows, numbers: np.ndarray, scores: np.ndarray) -> UnseenScores:
    """Figures over the judged ones of some rows."""
    chosen = rows.judged[numbers]
    at = numbers[chosen]
    return score_unseen(rows.sites[at], rows.labels[at], scores[chosen], benign=BENIGN)


def goodness(rows: Rows, numbers: np.ndarray, scores: np.ndarray) -> float:
    """What a choice maximises: balanced share and AUC within sites alike."""
    found = judged_scores(rows, numbers, scores)
    return float(np.nansum([found.balanced, found.auc_within]))


def line(what: str, found: list[UnseenScores]) -> str:
    """One line of the table: mean over seeds, and their range for the two that are targets."""

    def column(name: str) -> np.ndarray:
        return np.array([getattr(one, name) for one in found])

    spread = [f"{np.ptp(column(name)) / 2:.2f}" for name in ("balanced", "auc_within")]
    return (
        f"| {what} | {column('benign').mean():.2f} | {column('attacks').mean():.2f} | "
        f"{column('balanced').mean():.3f} ± {spread[0]} | {column('auc_within').mean():.3f} ± {spread[1]} |"
    )


def five_classes(rows: Rows, seed: int) -> float:
    """Macro F1 over classes that other sites have, each site judged by trees that have not seen it."""
    both, predicted = np.hstack([rows.flow, rows.context]), np.empty(len(rows.sites), object)
    for site in np.unique(rows.sites[~rows.elsewhere]):
        train = np.flatnonzero((rows.sites != site) & rows.learnt & ~rows.elsewhere)
        weights = site_class_weights(rows.sites[train], rows.labels[train], benign=BENIGN)
        model = trees(20, 50)(seed).fit(both[train], rows.labels[train], sample_weight=weights)
        predicted[rows.sites == site] = model.predict(both[rows.sites == site])
    at = rows.judged
    return macro_f_elsewhere(rows.sites[at], rows.labels[at], predicted[at].astype(str))


def run_bench(table: pa.Table, options: argparse.Namespace) -> None:
    """Print the table."""
    start = time.perf_counter()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {table.num_rows:,} flows")
    found: dict[str, list[UnseenScores]] = {}
    for seed in range(options.seeds):
        rows = sample_rows(table, options.per_cell, seed, options.learnt_only)
        everything = np.flatnonzero(~rows.elsewhere)  # they come first, so these are 0, 1, 2 …
        reported = rows.sites[everything]
        tried = {n: fit for n, fit in candidates(rows, seed, options.trees).items() if options.only in n}
        if options.without_choice:
            scored, choices = {name: leave_site_out(reported, fit) for name, fit in tried.items()}, {}
        else:
            nested = nested_choice(reported, tried, partial(goodness, rows))
            scored, choices = {**nested.candidates, CHOSEN: nested.chosen}, nested.choices
        for name, scores in scored.items():
            found.setdefault(name, []).append(judged_scores(rows, everything, scores))
        macro = five_classes(rows, seed)
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s; macro F {macro:.3f}; {choices}", flush=True)
    print("| inputs and learner | benign right | attacks found | balanced | AUC within site |")
    print("|---|---:|---:|---:|---:|")
    print(*(line(name, scores) for name, scores in found.items()), sep="\n", flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="flows.parquet with both groups of features")
    parser.add_argument("--learnt-only", nargs="*", default=["D1", "D2", "D3", "D4"], metavar="SITE")
    parser.add_argument("--per-cell", type=int, default=250, help="flows of a site and class to learn from")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--only", default="", help="only candidates with this in their name")
    parser.add_argument(
        "--without-choice", action="store_true", help="only the candidates, a sixth of the time"
    )
    options = parser.parse_args()
    run_bench(pq.read_table(options.dataset), options)


if __name__ == "__main__":
    main()
