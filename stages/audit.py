"""Dataset (and its splits) → what it can and cannot prove, and its data sheet (beyond sections V-A and VII).

In: out/dataset/flows.parquet, out/splits/*.parquet, out/labelled/*.json. Out: out/audit/audit.json, audit.md,
audit.html, datasheet.md, figures/*.png; of a published table a scorecard. `iotids audit` does it for any table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from iotids.auditing.data_sheet import data_sheet
from iotids.auditing.investigate import Findings, Settings, investigate
from iotids.auditing.page import write_pages
from iotids.commands.audit import column_reader, open_table, write_scorecard
from iotids.flowmeter.columns.own import own_features
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import Data, read_data, read_section
from iotids.truth.integrating.table2 import PAPER
from iotids.writing.tables import read_table, write_text

Params = Settings
"""Section `audit` of the parameters."""


def audit(
    dataset: pq.ParquetFile,
    data: Data,
    params: Params,
    splits: Mapping[str, Any],
    summaries: Mapping[str, Any],
) -> Findings:
    """Audit a dataset, reading its columns one by one."""
    known = partial(investigate, classes=data.classes, benign=data.benign, settings=params, paper=PAPER)
    return known(column_reader(dataset), splits=splits, summaries=summaries)


def read_splits(folder: Path | None) -> dict[str, dict[str, np.ndarray]]:
    """Read the splits of a folder by their names; none without a folder."""
    columns = ["row", "test_fold", "train_folds"]
    paths = sorted(folder.glob("*.parquet")) if folder else []
    tables = {path.stem: read_table(path, columns) for path in paths}
    return {name: {key: table.column(key).to_numpy() for key in columns} for name, table in tables.items()}


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--splits", type=Path, help="folder with one Parquet file per split")
    parser.add_argument("--labelled", type=Path, help="folder with the summaries of labelling")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data, params = read_data(), read_section("audit", Params)
    if own_features(open_table(args.dataset).schema_arrow.names):  # what holds for anybody's table
        return write_scorecard(
            args.dataset, args.out, label="label", rows=params.sample_rows, seed=params.seed
        )
    summaries = {
        source: json.loads((args.labelled / f"{source}.json").read_text(encoding="utf-8"))
        for source in (data.sources if args.labelled else ())
    }
    findings = audit(open_table(args.dataset), data, params, read_splits(args.splits), summaries)
    write_pages(findings, data.name, args.out)
    kinds = {source: settings["kind"] for source, settings in data.sources.items()}
    write_text(data_sheet(data.name, kinds, summaries, findings.numbers), args.out / "datasheet.md")


if __name__ == "__main__":
    run_plainly(main)
