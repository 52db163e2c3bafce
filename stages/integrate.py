"""Labelled flows of all sources → one clean dataset and Table II (the paper's cleaning and merging steps,
section V-A).

in: out/labelled/<source>.parquet    out: out/dataset/flows.parquet, table2.csv, table2.md, cleaning.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from iotids.flowmeter.feature_groups import features_of
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import read_data, read_section
from iotids.truth.integrating.integration import (
    Cleaning,
    check_merged,
    constant_columns,
    count_flows,
    describe_cleaning,
    integrate_source,
)
from iotids.truth.integrating.table2 import table2_csv, table2_markdown
from iotids.writing.tables import read_table, write_json, write_table, write_text


@dataclass(frozen=True)
class Params:
    """Section `integrate` of the parameters."""

    keep: Mapping[str, float]
    seed: int
    features: Sequence[str]


def integrate(
    tables: Iterable[tuple[str, pa.Table]],
    classes: Sequence[str],
    params: Params,
    unwritten: Mapping[str, int] | None = None,
) -> tuple[pa.Table, dict[str, Any]]:
    """Clean, sample and merge labelled tables, in their order; give the dataset and the account of what was
    left out.

    `tables` are (name for messages, labelled flows); given one by one, only one is in memory with all its
    columns. `unwritten` counts packets by class whose flows are in no table.
    """
    cleaning, parts, features = Cleaning(), [], features_of(params.features)
    for where, table in tables:
        parts.append(
            integrate_source(
                table,
                where,
                classes=classes,
                keep=params.keep,
                seed=params.seed,
                cleaning=cleaning,
                features=features,
            )
        )
    check_merged(parts, classes=classes, keep=params.keep, cleaning=cleaning, unwritten=unwritten or {})
    dataset = pa.concat_tables(parts)
    return dataset, describe_cleaning(cleaning, constant_columns(parts, features), dataset.num_rows)


def count_unwritten(summaries: Iterable[Path]) -> dict[str, int]:
    """Add up the packets of classes without flows that labelling counted, by class."""
    counts: Counter[str] = Counter()
    for path in summaries:
        if path.is_file():
            summary = json.loads(path.read_text(encoding="utf-8"))
            counts.update(summary.get("packets_of_classes_without_flows", {}))
    return dict(counts)


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labelled", type=Path, required=True, help="folder with <source>.parquet")
    parser.add_argument(
        "--extra",
        type=Path,
        nargs="*",
        default=[],
        help="labelled tables from elsewhere (iotids import)",
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = read_data()
    try:
        paths = [args.labelled / f"{source}.parquet" for source in data.sources] + args.extra
        dataset, cleaning = integrate(
            ((str(path), read_table(path)) for path in paths),
            data.classes,
            read_section("integrate", Params),
            count_unwritten(path.with_suffix(".json") for path in paths),
        )
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    counts = count_flows(dataset)
    write_table(dataset, args.out / "flows.parquet")
    write_json(cleaning, args.out / "cleaning.json")
    write_text(table2_csv(counts, data.classes), args.out / "table2.csv")
    write_text(table2_markdown(counts, data.classes), args.out / "table2.md")


if __name__ == "__main__":
    run_plainly(main)
