"""A command: CSV files of flows made elsewhere (CICFlowMeter of any version) → a flow table of our schema,
labelled if they are.

in: CSV files    out: <out>.parquet, and beside it .unknown.parquet (columns), .broken.csv (lines) and .json
(notices)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv
import yaml

from iotids.truth.imports.cic_tables import How, Imported, import_table
from iotids.truth.labelling.truth_files import table_labels
from iotids.writing.tables import replacing, write_json, write_table


def import_tables(paths: list[Path], how: How) -> Imported:
    """Import several files into one table; flows are numbered within their file.

    Raises
    ------
    ValueError
        As `import_table`; or some files have labels or the corrected fork's extra columns and others do not.
    """
    parts = [import_table(path, how) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.flows.num_rows and part.flows.column_names != parts[0].flows.column_names:
            raise ValueError(
                f"{path}: other columns than {paths[0]} (labels or the corrected fork's extras); import them one by one"
            )
    flows = pa.concat_tables(
        [part.flows for part in parts if part.flows.num_rows] or [parts[0].flows],
        promote_options="permissive",
    )
    return Imported(
        flows,
        pa.concat_tables([part.unknown for part in parts], promote_options="default"),
        pa.concat_tables([part.broken for part in parts]),
        tuple(notice for part in parts for notice in part.notices),
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path, metavar="CSV")
    parser.add_argument("--source", required=True, help="name of the network, for the column `source`")
    parser.add_argument("--out", required=True, type=Path, metavar="PARQUET")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="YAML",
        help="`label: CLASS` for labels that categories.yaml does not know",
    )
    parser.add_argument(
        "--utc-offset-h",
        type=float,
        default=0.0,
        metavar="H",
        help="the tables' clock minus UTC, in hours (default: 0)",
    )
    parser.add_argument(
        "--fill-missing",
        action="store_true",
        help="take missing features as NaN instead of refusing the table",
    )
    args = parser.parse_args()
    try:
        own = yaml.safe_load(args.labels.read_text(encoding="utf-8")) if args.labels else {}
        labels = table_labels() | {str(word).lower(): str(name) for word, name in (own or {}).items()}
        imported = import_tables(args.tables, How(args.source, labels, args.utc_offset_h, args.fill_missing))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    write_table(imported.flows, args.out)
    write_table(imported.unknown, args.out.with_suffix(".unknown.parquet"))
    with replacing(args.out.with_suffix(".broken.csv")) as path:
        pc_csv.write_csv(imported.broken, path)
    write_json(
        {"flows": imported.flows.num_rows, "notices": [vars(notice) for notice in imported.notices]},
        args.out.with_suffix(".json"),
    )
    for notice in imported.notices:
        print(f"{notice.severity}: {notice.name} ({notice.count:,}): {notice.message}", file=sys.stderr)
    print(
        f"{args.out}: {imported.flows.num_rows:,} flows, {imported.broken.num_rows:,} lines kept apart",
        file=sys.stderr,
    )
