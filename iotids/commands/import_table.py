"""A command: CSV files of flows made elsewhere (CICFlowMeter of any version) → a flow table of our schema,
labelled if they are.

in: CSV files    out: <out>.parquet, and beside it .unknown.parquet (columns), .broken.csv (lines) and .json
(notices)
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv

from iotids.counted import counted
from iotids.flowmeter.names import text_of_name
from iotids.plumbing.output_names import beside, check_ending, check_paths, refuse_repeated
from iotids.truth.imports.cic_tables import How, Imported, import_table
from iotids.truth.labelling.notices import one_line, show_notices
from iotids.truth.labelling.truth_files import table_labels
from iotids.truth.labelling.yaml_texts import read_yaml
from iotids.truth.published.import_release import import_release
from iotids.truth.published.registry import RELEASES
from iotids.version import VERSION
from iotids.writing.markdown import plain_column
from iotids.writing.table_origin import imported_origin, with_origin
from iotids.writing.tables import replacing, write_json, write_table


def import_tables(paths: list[Path], how: How) -> Imported:
    """Import several files into one table; flows are numbered within their file, the metadata name the files.

    Raises
    ------
    ValueError
        As `import_table`; no flow at all; or some files have labels or the corrected fork's extra columns and others do not.
    """
    bare = Counter(path.name for path in paths)
    names = [text_of_name(path.name if bare[path.name] == 1 else str(path)) for path in paths]
    parts = [import_table(path, replace(how, name=name)) for path, name in zip(paths, names, strict=True)]
    some = [(path, part.flows) for path, part in zip(paths, parts, strict=True) if part.flows.num_rows]
    if not some:
        raise ValueError(f"{', '.join(map(str, paths))}: a header and no row, so there is no flow to import")
    for path, flows in some:
        if flows.column_names != some[0][1].column_names:
            raise ValueError(
                f"{path}: other columns than {some[0][0]} (labels or the corrected fork's extras); import them one by one"
            )
    flows = pa.concat_tables([flows for _, flows in some], promote_options="permissive")
    flows = flows.replace_schema_metadata(with_origin(flows.schema, imported_origin(names, VERSION)).metadata)
    return Imported(
        flows,
        pa.concat_tables([part.unknown for part in parts], promote_options="default"),
        pa.concat_tables([part.broken for part in parts]),
        tuple(notice for part in parts for notice in part.notices),
    )


def read_labels(text: str, where: str) -> dict[str, str]:
    """Read `label: CLASS` pairs as the texts that stand there, by the label in lower case.

    Raises
    ------
    ValueError
        No pairs of texts, or two classes for a label.
    """
    content = read_yaml(text, where) or {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content.values()):
        raise ValueError(f"{where}: wanted lines `label: CLASS`")
    labels: dict[str, str] = {}
    for word, name in content.items():
        if labels.setdefault(word.strip().lower(), name) != name:
            raise ValueError(
                f"{where}: the label {word!r} has two classes; upper and lower case are the same"
            )
    return labels


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path, metavar="CSV")
    parser.add_argument("--source", required=True, help="name of the network, for the column `source`")
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="PARQUET",
        help="flow table; what is there is overwritten",
    )
    parser.add_argument(
        "--release",
        choices=list(RELEASES),
        help="the tables are published ones with features of their own (docs/published-tables.md), not CICFlowMeter's",
    )
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
    parser.add_argument(
        "--dates",
        choices=["dmy", "mdy"],
        default="",
        help="order of day and month in dates such as 07/03/2017 (default: found out per file)",
    )
    parser.add_argument(
        "--pm-below",
        type=int,
        choices=range(13),
        default=0,
        metavar="H",
        help="times have 12 hours without AM or PM: hours below H are afternoon (CIC-IDS2017: 8)",
    )
    parser.add_argument(
        "--decimal",
        choices=[".", ","],
        default="",
        help="what stands before decimals (default: found out per file)",
    )
    args = parser.parse_args()
    endings = {".unknown.parquet": "columns", ".broken.csv": "lines", ".json": "notices"}
    outputs = {f"-o, {what}:": beside(args.out, ending) for ending, what in endings.items()}
    inputs = {"give CSV files of flows": args.tables, "--labels wants YAML": [args.labels]}
    check_paths(inputs, {"-o": args.out} | outputs)
    check_ending("-o", args.out, [".parquet"])
    refuse_repeated(args.tables)
    try:
        given = read_labels(args.labels.read_text("utf-8-sig"), str(args.labels)) if args.labels else {}
        if args.release:
            import_release(args.tables, args.release, args.source, args.out, given)
            return
        labels = table_labels() | given
        how = How(
            args.source, labels, args.utc_offset_h, args.fill_missing, args.dates, args.pm_below, args.decimal
        )
        imported = import_tables(args.tables, how)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {one_line(str(error))}")
    write_table(imported.flows, args.out)
    write_table(imported.unknown, args.out.with_suffix(".unknown.parquet"))
    with replacing(args.out.with_suffix(".broken.csv")) as path:
        columns = [plain_column(column) for column in imported.broken.columns]
        pc_csv.write_csv(pa.table(columns, names=imported.broken.column_names), path)
    write_json(
        {"flows": imported.flows.num_rows, "notices": [vars(notice) for notice in imported.notices]},
        args.out.with_suffix(".json"),
    )
    show_notices([vars(notice) for notice in imported.notices], least="info")
    print(
        f"{args.out}: {counted(imported.flows.num_rows, 'flow')}, {counted(imported.broken.num_rows, 'line')} kept apart",
        file=sys.stderr,
    )
