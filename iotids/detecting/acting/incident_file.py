"""Records of incidents as they begin and end, one a line; on disk when an incident has been reported."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from iotids.detecting.acting.records import CSV_COLUMNS, RECORDS, csv_row
from iotids.detecting.incidents.incident import Incident
from iotids.writing.whole_files import DiskFile, Standard

FORMATS = (*RECORDS, "csv")


class IncidentFile:
    """An open file of incident records.

    Parameters
    ----------
    path : str
        "-" is standard output.
    form : str, optional
        ecs, eve, json or csv; default by the ending: .csv, all others json.
    with_beginnings : bool
        Write a record when an incident begins as well, for live traffic; else only when it is over.

    Raises
    ------
    ValueError
        Another format.
    OSError
        The file cannot be written there.
    """

    def __init__(self, path: str, form: str | None = None, *, with_beginnings: bool = False) -> None:
        self.path = path
        self.form = form or ("csv" if Path(path).suffix == ".csv" else "json")
        if self.form not in FORMATS:
            raise ValueError(f"incidents are written as {', '.join(FORMATS)}; {self.form!r} is none of them")
        self._with_beginnings = with_beginnings
        self._file: DiskFile | Standard = Standard() if path == "-" else DiskFile(Path(path))
        if self.form == "csv":
            self._file.add(_csv_line(list(CSV_COLUMNS)))

    def began(self, incident: Incident) -> None:
        """Write that an incident has begun.

        Raises
        ------
        CannotWriteError
            The record could not be written; those before are whole.
        """
        if self._with_beginnings:
            self._write(incident)

    def ended(self, incident: Incident) -> None:
        """Write an incident that is over; raises as `began`."""
        self._write(incident)

    def close(self) -> None:
        """Close the file."""
        if isinstance(self._file, DiskFile):
            self._file.close()

    def _write(self, incident: Incident) -> None:
        """Add one record."""
        if self.form == "csv":
            self._file.add(_csv_line(csv_row(incident)))
            return
        record = RECORDS[self.form](incident)
        self._file.add(json.dumps(_finite(record), ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _csv_line(cells: list[str]) -> bytes:
    """One line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _finite(content: object) -> object:
    """Replace numbers that JSON does not have by null."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and content - content != 0.0 else content
