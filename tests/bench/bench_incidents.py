"""Incidents on sites left out of training: attacks found on the right host, time to the first incident, false
incidents: python -m tests.bench.bench_incidents out/dataset/flows.parquet out/baseline/multiclass-site_forests

Reads a run of `preset=detector`: every site is scored by the model of the split `environment` that has not seen it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iotids.detecting.incidents.evaluation import (
    COLUMNS,
    Recorded,
    recordings_of,
    score_for_false_rate,
    site_rows,
)
from iotids.detecting.judging.verdict_table import flow_columns, verdict_columns, verdict_schema
from iotids.detecting.judging.verdict_words import ATTACK
from iotids.detecting.measuring.zero_point import moved_shares
from iotids.writing.markdown import markdown_table

BENIGN = "BENIGN"
IDLE_S = 120.0


def shares_of_unseen_sites(run: Path, rows: int) -> tuple[np.ndarray, list[str]]:
    """(n, k) class probabilities of each flow by a model without its site, NaN for flows not judged; the classes."""
    table = pq.read_table(run / "predictions.parquet")
    table = table.filter(np.array(table.column("split").cast(pa.string())) == "environment")
    classes = [name.removeprefix("score_") for name in table.column_names if name.startswith("score_")]
    shares = np.full((rows, len(classes)), np.nan)
    shares[table.column("row").to_numpy()] = np.column_stack(
        [table.column(f"score_{name}").to_numpy() for name in classes]
    )
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
        because=np.zeros(len(shares), np.int8),
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
    parser.add_argument("run", type=Path)
    parser.add_argument("--zero-point", type=float, help="as final.zero_point_share (default: none)")
    parser.add_argument("--sites", nargs="+", default=[], help="only these are reported (default: all)")
    arguments = parser.parse_args()
    table = pq.read_table(arguments.table)
    shares, classes = shares_of_unseen_sites(arguments.run, table.num_rows)
    sites = np.array(table.column("source").to_pylist())
    kept = np.isfinite(shares).all(axis=1) & (np.isin(sites, arguments.sites) | (not arguments.sites))
    table = table.filter(kept)
    shares = moved_shares(shares[kept], table, classes, benign=BENIGN, share=arguments.zero_point)
    for threshold in (0.5, 0.56, 0.7):
        recordings = judged_recordings(table, shares, classes, threshold)
        for score in (10.0, score_for_false_rate(recordings, 1.0)):
            print(f"\nflows are attacks from probability {threshold}, incidents from score {score:.1f}\n")
            print(markdown_table(list(COLUMNS), site_rows(recordings, score)))


if __name__ == "__main__":
    main()
