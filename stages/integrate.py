"""Labelled flows of all sources → one clean dataset and Table II (the paper's cleaning and merging steps,
section V-A).

in: out/labelled/<source>.parquet    out: out/dataset/flows.parquet, table2.csv, table2.md, cleaning.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import read_data, read_section
from iotids.truth.integrating.dataset import count_unwritten, integrate, kept_columns
from iotids.truth.integrating.integration import dataset_schema, describe_cleaning
from iotids.truth.integrating.labelled_tables import origin_of_tables, table_in_file
from iotids.truth.integrating.table2 import table2_csv, table2_markdown
from iotids.writing.table_origin import with_origin
from iotids.writing.tables import growing_table, write_json, write_text


@dataclass(frozen=True)
class Params:
    """Section `integrate` of the parameters."""

    keep: Mapping[str, float]
    seed: int
    features: Sequence[str]


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
    data, params = read_data(), read_section("integrate", Params)
    try:
        paths = [args.labelled / f"{source}.parquet" for source in data.sources] + args.extra
        tables = [table_in_file(path) for path in paths]
        unwritten = count_unwritten(path.with_suffix(".json") for path in paths)
        origin, warnings = origin_of_tables(tables)
        schema = with_origin(dataset_schema(*kept_columns(params.features, tables)), origin)
        with growing_table(args.out / "flows.parquet", schema) as out:
            cleaning = integrate(tables, out.write, data.classes, **vars(params), unwritten=unwritten)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    print(*(f"warning: {sentence}\n" for sentence in warnings), sep="", end="", file=sys.stderr)
    counts = cleaning.left
    write_json(describe_cleaning(cleaning), args.out / "cleaning.json")
    write_text(table2_csv(counts, data.classes), args.out / "table2.csv")
    write_text(table2_markdown(counts, data.classes, data.name), args.out / "table2.md")


if __name__ == "__main__":
    run_plainly(main)
