"""Incidents on sites left out of training: attacks found on the right host, time to the first incident, false
incidents: python -m tests.bench.bench_incidents LABELLED_WITH_CONTEXT.parquet

The table holds the flows of the labelled real captures with their context (`with_context`) and truth, metered by
profile clean. Every site is scored by trees that have seen the other sites only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from iotids.learning.transfer.weights import site_class_weights
from sklearn.ensemble import ExtraTreesClassifier

from iotids.detecting.incidents.evaluation import (
    COLUMNS,
    Recorded,
    recordings_of,
    score_for_false_rate,
    site_rows,
)
from iotids.detecting.judging.verdict_table import flow_columns, verdict_columns, verdict_schema
from iotids.detecting.judging.verdict_words import ATTACK
from iotids.flowmeter.context import CONTEXT_NAMES
from iotids.flowmeter.schema import MODEL_FEATURE_NAMES
from iotids.writing.markdown import markdown_table

BENIGN, PER_CELL, TREES = "BENIGN", 1_500, 100
IDLE_S = 120.0


def shares_of_unseen_sites(
    X: np.ndarray, sites: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[np.ndarray, list[str]]:
    """(n, k) class probabilities of each flow by a model without its site, and the classes."""
    classes = sorted(set(labels.tolist()))
    shares, rng = np.zeros((len(X), len(classes))), np.random.default_rng(seed)
    for site in np.unique(sites):
        rows = []
        for other, label in sorted(set(zip(sites.tolist(), labels.tolist(), strict=True))):
            cell = np.flatnonzero((sites == other) & (labels == label))
            if other != site:
                rows.append(rng.choice(cell, min(PER_CELL, cell.size), replace=False))
        learnt = np.concatenate(rows)
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=5, n_jobs=1, random_state=seed)
        weights = site_class_weights(sites[learnt], labels[learnt], benign=BENIGN)
        trees.fit(X[learnt], labels[learnt], sample_weight=weights)
        there = [classes.index(name) for name in trees.classes_]
        mine = np.flatnonzero(sites == site)
        shares[np.ix_(mine, there)] = trees.predict_proba(X[mine])
    return shares, classes


def judged_recordings(
    table: pa.Table, shares: np.ndarray, classes: list[str], threshold: float
) -> list[Recorded]:
    """Every capture with its verdicts replayed."""
    benign = classes.index(BENIGN)
    attack = 1 - shares[:, benign]
    code = np.where(attack >= threshold, ATTACK, 0).astype(np.int8)
    others = shares.copy()
    others[:, benign] = -1
    likeliest = np.where(code == ATTACK, others.argmax(axis=1), benign)
    log_odds = np.log(np.clip(attack, 1e-6, 1 - 1e-6)) - np.log(np.clip(1 - attack, 1e-6, 1 - 1e-6))
    schema = verdict_schema(classes)
    columns = verdict_columns(
        code,
        likeliest=likeliest,
        shares=shares,
        log_odds=log_odds,
        familiarity=np.full(len(shares), 0.5, np.float32),
        classes=classes,
    )
    reasons = pa.array([[]] * len(shares), schema.field("reasons").type)
    all_columns = {**flow_columns(table), **columns, "reasons": reasons}
    verdicts = pa.table({name: all_columns[name] for name in schema.names}, schema=schema)
    return recordings_of(verdicts, table, benign=BENIGN, idle_timeout_s=IDLE_S)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = pq.read_table(arguments.table)
    X = np.column_stack(
        [
            table.column(n).to_numpy(zero_copy_only=False).astype(np.float64)
            for n in (*MODEL_FEATURE_NAMES, *CONTEXT_NAMES)
        ]
    )
    X = np.sign(X) * np.log1p(np.abs(np.nan_to_num(X)))
    labels, sites = (np.array(table.column(n).to_pylist()) for n in ("label", "source"))
    shares, classes = shares_of_unseen_sites(X, sites, labels, arguments.seed)
    for threshold in (0.5, 0.6, 0.7):
        recordings = judged_recordings(table, shares, classes, threshold)
        for score in (10.0, score_for_false_rate(recordings, 1.0)):
            print(f"\nflows are attacks from probability {threshold}, incidents from score {score:.1f}\n")
            print(markdown_table(list(COLUMNS), site_rows(recordings, score)))


if __name__ == "__main__":
    main()
