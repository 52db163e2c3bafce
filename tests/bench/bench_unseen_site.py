"""Leave one site out on the labelled real captures: what each idea for transfer is worth, and what a choice made
without the reported site reaches: python -m tests.bench.bench_unseen_site

Reads ../shared/captures, meters with the clean profile, labels by conf/data/real.yaml, adds the context, and
keeps a sample of each (site, class) cell: one balanced over captures to learn from, one drawn evenly to be
judged. `--folder` keeps the table between runs; `--also` adds a table of other sites to learn from only.
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
import yaml
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from iotids.flowmeter.captures import Options, captures_of_source
from iotids.flowmeter.context import CONTEXT_NAMES, with_context
from iotids.flowmeter.packets import packet_batches
from iotids.flowmeter.schema import MODEL_FEATURE_NAMES
from iotids.learning.transfer.nested import Fit, leave_site_out, nested_choice
from iotids.learning.transfer.normalising import SiteRanks
from iotids.learning.transfer.probe import probe_inputs
from iotids.learning.transfer.unseen_scores import UnseenScores, macro_f_elsewhere, score_unseen
from iotids.learning.transfer.weights import site_class_weights
from iotids.plumbing.params import Data
from stages import label, meter

ROOT = Path(__file__).resolve().parents[2]
BENIGN = "BENIGN"
METERED = Options("clean", 120.0, 5.0, 120.0, "inner", True)
SITE_AT_MOST, ATTACK_AT_LEAST = 0.6, 0.3
CHOSEN = "**chosen inside**"
KEPT = ("capture", "source", "group", "label")


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


def labelled_flows(folder: Path) -> pa.Table:
    """All flows of the label table with context and truth, from `folder` where it has them already."""
    path = folder / "unseen_site.parquet"
    if path.is_file():
        return pq.read_table(path)
    conf = yaml.safe_load((ROOT / "conf/data/real.yaml").read_text())
    root = (ROOT / conf["root"]).resolve()
    source = conf["sources"]["real"] | {"rules": str(ROOT / conf["sources"]["real"]["rules"])}
    data = Data(conf["name"], root, {"real": source}, tuple(conf["classes"]), conf["benign"])
    flows = folder / "flows.parquet"
    meter.meter(captures_of_source(root, source), flows, METERED, for_keeping=False)
    table = with_context(pq.read_table(flows))
    labelled, _, _ = label.label_source(
        "real",
        table,
        data,
        label.Params("error", "error"),
        partial(packet_batches, **vars(METERED)),
    )
    kept = labelled.select([*KEPT, *MODEL_FEATURE_NAMES, *CONTEXT_NAMES])
    pq.write_table(kept, path)
    return kept


def sample_rows(table: pa.Table, per_cell: int, seed: int, also: pa.Table | None) -> Rows:
    """Draw the rows to learn from and to be judged."""
    elsewhere = np.zeros(table.num_rows, bool)
    if also is not None:
        elsewhere = np.concatenate([elsewhere, np.ones(also.num_rows, bool)])
        table = pa.concat_tables([table, also.select(table.schema.names).cast(table.schema)])
    sites, labels, captures = (
        np.array(table.column(name).to_pylist()) for name in ("source", "label", "capture")
    )
    rng = np.random.default_rng(seed)
    learnt, judged = np.zeros(len(sites), bool), np.zeros(len(sites), bool)
    for site, name in sorted(set(zip(sites.tolist(), labels.tolist(), strict=True))):
        rows = np.flatnonzero((sites == site) & (labels == name))
        _, capture, counts = np.unique(captures[rows], return_inverse=True, return_counts=True)
        chance = 1 / np.sqrt(counts[capture])  # a capture of many flows counts more, but not in proportion
        n = min(per_cell, len(rows))
        learnt[rng.choice(rows, n, replace=False, p=chance / chance.sum())] = True
        if not elsewhere[rows[0]]:
            judged[rng.choice(rows, min(2 * per_cell, len(rows)), replace=False)] = True
    keep = np.flatnonzero(learnt | judged)
    small = table.take(keep)

    def logs(names: tuple[str, ...]) -> np.ndarray:
        values = np.column_stack([small.column(name).to_numpy() for name in names]).astype(float)
        folded: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
        return folded

    return Rows(
        logs(MODEL_FEATURE_NAMES), logs(CONTEXT_NAMES), sites[keep], labels[keep],
        learnt[keep], judged[keep], elsewhere[keep],
    )  # fmt: skip


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
    weighted: bool = True,
    probed: bool = False,
    elsewhere: bool = False,
) -> Fit:
    """A candidate: its inputs, learner, and what is done for transfer."""

    def fit(numbers: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        train = numbers[rows.learnt[numbers]]
        if elsewhere:
            train = np.concatenate([train, np.flatnonzero(rows.elsewhere & rows.learnt)])
        sites, labels, attack = rows.sites[train], rows.labels[train], rows.is_attack[train]
        weights = site_class_weights(sites, labels, benign=BENIGN) if weighted else None
        columns = np.ones(X.shape[1], bool)
        if probed:
            found = probe_inputs(X[train], sites, attack)
            columns = found.kept(site_at_most=SITE_AT_MOST, attack_at_least=ATTACK_AT_LEAST)
        model = make(seed).fit(X[train][:, columns], attack, sample_weight=weights)
        return lambda others: np.asarray(model.predict_proba(X[others][:, columns])[:, 1])

    return fit


def candidates(rows: Rows, seed: int, n_trees: int) -> dict[str, Fit]:
    """What the choice is made among. Leaf sizes, ratios and ranks were explored on the same sites before the list was fixed."""
    both = np.hstack([rows.flow, rows.context])
    made = {
        "flow features, boosting": binary_fit(rows, rows.flow, boosting, seed),
        "context, boosting": binary_fit(rows, rows.context, boosting, seed),
        "both, boosting": binary_fit(rows, both, boosting, seed),
        "both, ranks in the site, trees of leaf 20": binary_fit(
            rows, with_ranks(rows), trees(20, n_trees), seed
        ),
        "both, probed, trees of leaf 20": binary_fit(rows, both, trees(20, n_trees), seed, probed=True),
    }
    for leaf in (3, 20, 60):
        made[f"both, trees of leaf {leaf}"] = binary_fit(rows, both, trees(leaf, n_trees), seed)
    if rows.elsewhere.any():
        made["both, trees of leaf 20, the sample's sites too"] = binary_fit(
            rows, both, trees(20, n_trees), seed, elsewhere=True
        )
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


def unweighted(rows: Rows, seed: int) -> dict[str, Fit]:
    """The prototype's rows without weights."""
    return {
        "flow features, boosting, unweighted": binary_fit(rows, rows.flow, boosting, seed, weighted=False),
        "context, boosting, unweighted": binary_fit(rows, rows.context, boosting, seed, weighted=False),
    }


def run_bench(
    folder: Path, per_cell: int, seeds: int, also: Path | None, *, choose: bool, only: str, n_trees: int
) -> None:
    """Print the table."""
    start, table = time.perf_counter(), labelled_flows(folder)
    other = pq.read_table(also) if also else None
    print(
        f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores; {table.num_rows:,} flows"
    )
    found: dict[str, list[UnseenScores]] = {}
    for seed in range(seeds):
        rows = sample_rows(table, per_cell, seed, other)
        everything = np.flatnonzero(~rows.elsewhere)  # they come first, so these are 0, 1, 2 …
        reported = rows.sites[everything]
        for name, fit in unweighted(rows, seed).items():
            scores = leave_site_out(reported, fit)
            found.setdefault(name, []).append(judged_scores(rows, everything, scores))
        tried = {name: fit for name, fit in candidates(rows, seed, n_trees).items() if only in name}
        if choose:
            nested = nested_choice(reported, tried, partial(goodness, rows))
            scored, choices = {**nested.candidates, CHOSEN: nested.chosen}, nested.choices
        else:
            scored, choices = {name: leave_site_out(reported, fit) for name, fit in tried.items()}, {}
        for name, scores in scored.items():
            found.setdefault(name, []).append(judged_scores(rows, everything, scores))
        macro = five_classes(rows, seed)
        print(
            f"seed {seed}: {time.perf_counter() - start:.0f} s; macro F {macro:.3f}; {choices}",
            flush=True,
        )
        last = found[CHOSEN if choose else next(iter(tried))][-1]
        print(*(f"{'/'.join(cell)} {share:.2f}" for cell, share in last.cells.items()), sep="; ")
        print({site: round(area, 2) for site, area in last.aucs.items()})
        print("| inputs and learner | benign right | attacks found | balanced | AUC within site |")
        print("|---|---:|---:|---:|---:|")
        print(*(line(name, scores) for name, scores in found.items()), sep="\n", flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the metered table is kept")
    parser.add_argument("--per-cell", type=int, default=300, help="flows of a site and class to learn from")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--without-choice", action="store_true", help="only the candidates, a sixth of the time"
    )
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--only", default="", help="only candidates with this in their name")
    parser.add_argument("--also", type=Path, help="labelled flows with context of more sites to learn from")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    run_bench(
        args.folder, args.per_cell, args.seeds, args.also, choose=not args.without_choice, only=args.only
    )


if __name__ == "__main__":
    main()
