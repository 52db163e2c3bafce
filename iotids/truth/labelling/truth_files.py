"""Find and read the files that ground truth stands in: published ones beside the captures, and the project's
own lists.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import yaml

from iotids.truth.labelling.capture_names import plain_name

HERE = Path(__file__).parent
IOT23 = HERE / "iot23_scenarios.csv"


def read_text(path: Path) -> str:
    """Read a truth file as UTF-8, with or without a byte order mark.

    Raises
    ------
    FileNotFoundError
        It is not there.
    ValueError
        It is not UTF-8; says how to convert it.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: this truth file is not there; it is named in section `data` of the parameters"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); convert it, for example with `iconv -f latin1 -t utf-8`"
        ) from error


def read_categories(kind: str) -> Any:
    """Read the project's mapping of published words to classes, for one kind of source."""
    return yaml.safe_load(read_text(HERE / "categories.yaml"))[kind]


def table_labels() -> dict[str, str]:
    """Give the classes of labels in flow tables from elsewhere, by the label in lower case."""
    return read_categories("tables")


def read_families(path: Path) -> dict[str, str]:
    """Read which malware each scenario has.

    Raises
    ------
    ValueError
        The table has no row, or not the columns `scenario` and `malware`.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise ValueError(f"{path}: no CSV: {error}") from error
    if not rows or not {"scenario", "malware"} <= set(rows[0]):
        raise ValueError(f"{path}: wanted the columns scenario and malware")
    return {row["scenario"]: row["malware"] for row in rows}


def find_log(capture: Path, folder: Path) -> Path:
    """Find the connection log of a capture: beside it, in a folder beside it, or further up within the
    source's folder.

    Raises
    ------
    FileNotFoundError
        With the places looked at.
    """
    for place in capture.parents:
        if found := _log_in(place, plain_name(capture.name)):
            return found
        if place == folder:
            break
    raise FileNotFoundError(
        f"{capture}: no conn.log.labeled beside it or in the folders above it up to {folder}"
    )


def _log_in(place: Path, capture: str) -> Path | None:
    """Find the log in one folder or its `bro` or `zeek`: first one named after the capture, then any."""
    files = sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else []
    inner = [place / name / "conn.log.labeled" for name in ("bro", "zeek")]
    inner = [path for path in inner for path in (path, path.with_name(f"{path.name}.gz")) if path.is_file()]
    for wanted in (
        rf"{re.escape(capture)}.*conn.*log\.labell?ed",
        r"conn\.log\.labell?ed",
        None,
        r".*conn[.-]log\.labell?ed",
        r".*labell?ed\.(csv|json)",
        r".*\.log\.labell?ed",
        r"conn\.log",
    ):
        named = [path for path in files if wanted and re.fullmatch(wanted, plain_name(path.name), re.DOTALL)]
        if found := named if wanted else inner:
            return found[0]
    return None
