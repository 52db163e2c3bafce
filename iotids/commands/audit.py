"""Labelled flow table → an account of what it can and cannot prove: iotids audit TABLE -o FOLDER"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from iotids.auditing.row_facts import ReadColumn

MADE_BY = "labelled tables come from `iotids label`, `iotids import` or the stage integrate"


def column_reader(dataset: pq.ParquetFile) -> ReadColumn:
    """Give a function that reads one column by its name, so that a large table needs little memory.

    Raises
    ------
    ValueError
        (by the function) The table has no such column.
    """

    def read(name: str) -> pa.ChunkedArray:
        if name not in dataset.schema_arrow.names:
            raise ValueError(f"the table has no column {name!r}; {MADE_BY}")
        return dataset.read(columns=[name]).column(0)

    return read


def open_table(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises
    ------
    FileNotFoundError, ValueError
        It is not there, or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; {MADE_BY}")
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: no Parquet file ({error}); {MADE_BY}") from error


def main() -> None:
    """Read the command line, audit, write the folder."""
    parser = argparse.ArgumentParser(prog="iotids audit", description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="labelled flow table, .parquet")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("audit"),
        metavar="FOLDER",
        help="for audit.html, audit.md, audit.json and figures (default: %(default)s)",
    )
    parser.add_argument("--benign", default="BENIGN", help="name of the benign class (default: %(default)s)")
    parser.add_argument(
        "--sample-rows", type=int, default=100_000, metavar="N", help="rows that are fitted on"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the sample (default: %(default)s)")
    arguments = parser.parse_args()
    from iotids.auditing.investigate import Settings, investigate
    from iotids.auditing.page import write_pages
    from iotids.truth.integrating.table2 import PAPER

    read = column_reader(open_table(arguments.table))
    labels = sorted(read("label").unique().to_pylist())
    if arguments.benign not in labels:
        raise ValueError(
            f"{arguments.table}: no flow is labelled {arguments.benign}; there are {', '.join(labels) or 'no flows'}: "
            "name the benign class with --benign"
        )
    findings = investigate(
        read,
        classes=[arguments.benign, *(label for label in labels if label != arguments.benign)],
        benign=arguments.benign,
        settings=Settings(
            arguments.sample_rows,
            arguments.seed,
            significant_digits=3,
            near_constant_share=0.99,
            correlation=0.98,
        ),
        splits={},
        summaries={},
        paper=PAPER,
    )
    write_pages(findings, arguments.table.name, arguments.out)
    print(f"{arguments.out / 'audit.html'}: {findings.numbers['rows']:,} flows audited", file=sys.stderr)
