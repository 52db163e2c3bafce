"""Dataset (and its splits) → an account of what it can and cannot prove (beside the paper's sections V-A and
VII).

in: out/dataset/flows.parquet, out/splits/*.parquet, out/labelled/*.json    out: out/audit/audit.json,
audit.md, audit.html, figures/*.png
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iotids.auditing.investigate import Findings, Settings, investigate
from iotids.auditing.page import write_html, write_markdown
from iotids.auditing.plots import draw_figures
from iotids.auditing.sections.order import write_sections
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import Data, read_data, read_section
from iotids.truth.integrating.table2 import PAPER
from iotids.writing.tables import replacing, write_json, write_text

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

    def read(name: str) -> pa.ChunkedArray:
        return dataset.read(columns=[name]).column(0)

    return investigate(
        read,
        classes=data.classes,
        benign=data.benign,
        settings=params,
        splits=splits,
        summaries=summaries,
        paper=PAPER,
    )


def read_splits(folder: Path | None) -> dict[str, dict[str, np.ndarray]]:
    """Read the splits of a folder by their names; none without a folder."""
    paths = sorted(folder.glob("*.parquet")) if folder else []
    return {
        path.stem: {
            name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)
        }
        for path in paths
        for table in [pq.read_table(path, columns=["row", "test_fold", "train_folds"])]
    }


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--splits", type=Path, help="folder with one Parquet file per protocol")
    parser.add_argument("--labelled", type=Path, help="folder with the summaries of labelling")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = read_data()
    summaries = {}
    for source in data.sources if args.labelled else ():
        summaries[source] = json.loads((args.labelled / f"{source}.json").read_text(encoding="utf-8"))
    try:
        findings = audit(
            pq.ParquetFile(args.dataset),
            data,
            read_section("audit", Params),
            read_splits(args.splits),
            summaries,
        )
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    write_json(findings.numbers, args.out / "audit.json")
    figures = draw_figures(findings.numbers, findings.correlations, findings.durations_s)
    for name, content in figures.items():
        with replacing(args.out / "figures" / f"{name}.png") as path:
            path.write_bytes(content)
    lead = f"{data.name}: {findings.numbers['rows']:,} flows; what needs fitting was measured on {findings.numbers['sample_rows']:,} of them."
    sections = write_sections(findings.numbers)
    write_text(
        write_markdown("What this dataset can and cannot prove", lead, sections, figures),
        args.out / "audit.md",
    )
    write_text(
        write_html("What this dataset can and cannot prove", lead, sections, figures), args.out / "audit.html"
    )


if __name__ == "__main__":
    run_plainly(main)
