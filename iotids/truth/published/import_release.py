"""`iotids import --release`: published tables as one labelled table with the release's own features."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from iotids.flowmeter.columns.own import PUBLISHED_LABELS
from iotids.flowmeter.columns.schema import TRUTH, arrow_schema
from iotids.flowmeter.names import distinct_names, text_of_name
from iotids.truth.labelling.notices import show_notices
from iotids.truth.published.contract import Release
from iotids.truth.published.files import read_files
from iotids.truth.published.records import table_schema
from iotids.truth.published.registry import find_release
from iotids.truth.published.source import describe
from iotids.version import VERSION
from iotids.writing.table_origin import imported_origin, with_origin
from iotids.writing.tables import growing_table, write_json


def import_release(
    paths: Sequence[Path], release_name: str, source: str, out: Path, labels: Mapping[str, str]
) -> None:
    """Write `out` and beside it `out`.json with what was read.

    Parameters
    ----------
    source : for the column `source`
    labels : classes of labels in lower case, besides the release's or instead of them

    Raises
    ------
    ValueError, OSError
        As `files.read_files`; what was at `out` stays.
    """
    release = find_release(release_name)
    classes = dict(release.classes) | dict(labels)
    names = [text_of_name(name) for name in distinct_names([str(path) for path in paths])]
    schema = labelled_schema(release)
    origin = imported_origin(names, VERSION, release.name)
    with growing_table(out, with_origin(schema, origin)) as table:
        files = read_files(
            dict(zip(names, paths, strict=True)),
            release,
            lambda rows: table.write(with_classes(rows, source, classes, schema)),
            classes,
        )
    write_json(
        {"release": release.name, "files": [describe(file) for file in files]}, out.with_suffix(".json")
    )
    show_notices([vars(notice) for file in files for notice in file.notices()], least="info")
    n_rows, n_broken = (
        sum(counts) for counts in zip(*((f.account.rows, f.account.reasons.total()) for f in files))
    )
    print(f"{out}: {n_rows:,} records of {release.title}, {n_broken:,} lines cannot be used", file=sys.stderr)


def labelled_schema(release: Release) -> pa.Schema:
    """Identity, the release's features, truth."""
    fields = [field for field in table_schema(release) if field.name not in PUBLISHED_LABELS]
    return pa.schema([*fields, *arrow_schema(TRUTH)])


def with_classes(rows: pa.Table, source: str, classes: Mapping[str, str], schema: pa.Schema) -> pa.Table:
    """Rows with the truth columns instead of the labels as published; the file is the recording."""
    labels = rows.column(PUBLISHED_LABELS[0]).combine_chunks().dictionary_encode()
    words = labels.dictionary.to_pylist()
    truth = {
        "source": pa.repeat(pa.scalar(source), rows.num_rows),
        "group": rows.column("capture"),
        "label": pa.array([classes[word.lower()] for word in words], pa.string()).take(labels.indices),
        "sublabel": rows.column(PUBLISHED_LABELS[1]),
        "label_rule": pa.array([f"label {word}" for word in words], pa.string()).take(labels.indices),
    }
    columns = [truth[name] if name in truth else rows.column(name) for name in schema.names]
    return pa.table(columns, names=schema.names).cast(schema)
