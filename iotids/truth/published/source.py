"""A source whose records stand in a published table: what the stage meter writes of it, since there is no packet to meter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iotids.truth.labelling.notices import show_notices
from iotids.truth.published.files import ReadFile, find_files, read_files
from iotids.truth.published.records import table_schema
from iotids.truth.published.registry import find_release
from iotids.version import VERSION
from iotids.writing.table_origin import imported_origin, with_origin
from iotids.writing.tables import growing_table, write_json

PUBLISHED = "published"  # kind of such a source in data.sources


def write_source(root: Path, entry: Mapping[str, Any], out: Path, account: Path) -> None:
    """Write the records of a source, and how they were read.

    Parameters
    ----------
    root : folder that the entry's `folder` is relative to
    entry : with `release` and `files`
    out : table with identity, the release's own features and the labels as published
    account : JSON

    Raises
    ------
    FileNotFoundError, ValueError
        As `files.find_files` and `files.read_files`; what was at `out` stays.
    """
    release = find_release(str(entry["release"]))
    paths = find_files(root / str(entry.get("folder", ".")), list(entry["files"]))
    schema = with_origin(table_schema(release), imported_origin(paths, VERSION, release.name))
    with growing_table(out, schema) as table:
        read = read_files(paths, release, table.write)
    write_json(
        {"release": release.name, "title": release.title, "files": [describe(file) for file in read]}, account
    )
    show_notices([vars(notice) for file in read for notice in file.notices()])


def describe(file: ReadFile) -> dict[str, Any]:
    """What was read of a file, for JSON."""
    account = file.account
    return {
        "file": file.name,
        "rows": account.rows,
        "labels": dict(sorted(account.labels.items())),
        "values_outside_a_list": dict(account.others),
        "broken": dict(account.reasons.most_common()),
        "broken_lines": [f"{reason}: {line[:200]}" for line, reason in account.lines[:20]],
    }
