"""Any labelled flow table → a scorecard: what is wrong with it, and what that is worth: iotids audit TABLE -o FOLDER"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iotids.counted import counted
from iotids.plumbing.output_names import check_paths
from iotids.writing.table_origin import differences, origin_of_file

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from iotids.auditing.row_facts import ReadColumn
    from iotids.auditing.scorecard.tables import Labelled

WRITTEN = (
    "scorecard.json",
    "scorecard.schema.json",
    "scorecard.html",
    "scorecard.md",
    "CITATION.cff",
    "audit.json",
    "audit.md",
    "audit.html",
)
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


def has_our_columns(dataset: pq.ParquetFile) -> bool:
    """Whether a table has every feature and the columns that the long account asks about."""
    from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES

    return {*MODEL_FEATURE_NAMES, "source", "group", "label"} <= set(dataset.schema_arrow.names)


def write_account(table: Path, out: Path, *, benign: str, sample_rows: int, seed: int) -> None:
    """Write audit.html, audit.md, audit.json and the figures of a table that this project made."""
    from iotids.auditing.investigate import Settings, investigate
    from iotids.auditing.page import write_pages
    from iotids.truth.integrating.table2 import PAPER

    read = column_reader(open_table(table))
    column = read("label")
    if unlabelled := sum(text in (None, "") for text in column.to_pylist()):
        raise ValueError(
            f"{table}: {unlabelled:,} of {len(column):,} flows have no label; label them with `iotids label` or leave them out"
        )
    labels = sorted(column.unique().to_pylist())
    if benign not in labels:
        raise ValueError(
            f"{table}: no flow is labelled {benign}; there are {', '.join(labels) or 'no flows'}: "
            "name the benign class with --benign"
        )
    settings = Settings(sample_rows, seed, significant_digits=3, near_constant_share=0.99, correlation=0.98)
    findings = investigate(
        read,
        classes=[benign, *(label for label in labels if label != benign)],
        benign=benign,
        settings=settings,
        splits={},
        summaries={},
        paper=PAPER,
    )
    write_pages(findings, table.name, out)
    print(f"{out / 'audit.html'}: {counted(findings.numbers['rows'], 'flow')} audited", file=sys.stderr)


def main() -> None:
    """Read the command line, audit, write the folder."""
    parser = argparse.ArgumentParser(prog="iotids audit", description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="labelled flow table, .csv or .parquet")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("audit"),
        metavar="FOLDER",
        help="for scorecard.html, .md, .json and, where the table has this project's columns, audit.html; what is there "
        "is overwritten (default: %(default)s)",
    )
    parser.add_argument("--label", metavar="COLUMN", help="column of labels (default: found by its name)")
    parser.add_argument("--reference", type=Path, metavar="TABLE", help="a second table to compare with")
    parser.add_argument("--benign", default="BENIGN", help="name of the benign class (default: %(default)s)")
    parser.add_argument(
        "--sample-rows",
        type=int,
        default=40_000,
        metavar="N",
        help="rows that are fitted on (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the sample (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.sample_rows < 2:
        raise ValueError(f"--sample-rows is {arguments.sample_rows}; a fit needs 2 rows at least")
    files = {f"-o, {name}:": arguments.out / name for name in WRITTEN}
    inputs = {MADE_BY: [arguments.table], "--reference wants a second labelled table": [arguments.reference]}
    check_paths(inputs, {"-o": arguments.out} | files, folders=["-o"])
    from iotids.auditing.scorecard.tables import read_labelled

    table = read_labelled(arguments.table, label=arguments.label)  # refused before anything is written
    if arguments.table.suffix == ".parquet" and has_our_columns(open_table(arguments.table)):
        write_account(
            arguments.table,
            arguments.out,
            benign=arguments.benign,
            sample_rows=arguments.sample_rows,
            seed=arguments.seed,
        )
    write_scorecard(
        arguments.table,
        arguments.out,
        table=table,
        label=arguments.label,
        rows=arguments.sample_rows,
        seed=arguments.seed,
        reference=arguments.reference,
    )


def write_scorecard(
    path: Path,
    out: Path,
    *,
    label: str | None,
    rows: int,
    seed: int,
    reference: Path | None = None,
    table: Labelled | None = None,
) -> None:
    """Write scorecard.html, .md and .json of a labelled table; what needs fitting is measured on `rows` of it.

    Parameters
    ----------
    table : what the file holds, where it was read already
    """
    from iotids import __version__
    from iotids.auditing.scorecard.audit import audit_table
    from iotids.auditing.scorecard.card import write_card
    from iotids.auditing.scorecard.tables import read_labelled

    table = table or read_labelled(path, label=label)
    other = read_labelled(reference, label=label) if reference else None
    for sentence in metered_differently(path, reference):
        print(f"warning: {sentence}", file=sys.stderr)
    card = audit_table(table, path, sample_rows=rows, seed=seed, reference=other, report=_report)
    write_card(card, __version__, out)
    for doubt in card.doubts:
        print(f"warning: {doubt}", file=sys.stderr)
    print(f"{out / 'scorecard.html'}: {counted(card.rows, 'row')}, {card.verdict}", file=sys.stderr)


def metered_differently(table: Path, reference: Path | None) -> list[str]:
    """Warn where two Parquet files say that their flows were metered with different settings."""
    if reference is None or not table.suffix == reference.suffix == ".parquet":
        return []
    found = differences(origin_of_file(table), origin_of_file(reference))
    return [f"{table} and {reference} were metered differently ({'; '.join(found)})"] if found else []


def _report(check: str) -> None:
    """Name the check that runs, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{check} …", end="", file=sys.stderr, flush=True)
