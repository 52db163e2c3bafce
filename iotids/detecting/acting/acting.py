"""What a run does with incidents besides its report: records as they begin and end, packets when all is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iotids.detecting.acting.incident_file import IncidentFile
from iotids.detecting.acting.slicing import SliceError, captures_by_name, suffix_of, write_slice
from iotids.detecting.incidents.book import IncidentBook
from iotids.detecting.incidents.incident import Incident

ONE_FILE = (".pcap", ".pcapng", ".cap")  # endings of --slice that name a file; all else is a folder
MOST_SLICES = 100


@dataclass(frozen=True)
class Asked:
    """Paths of --ecs, --eve, --incidents and --slice; None where nothing was asked for."""

    ecs: str | None = None
    eve: str | None = None
    incidents: str | None = None
    slices: Path | None = None


class Acting:
    """Record files that hear of every incident which stands out.

    Parameters
    ----------
    asked : Asked
    live : bool
        Write a record when an incident begins as well; of files only when it is over.
    announce : callable
        Hears of every incident when it begins.

    Raises
    ------
    OSError
        A record file cannot be written there.
    """

    def __init__(
        self, asked: Asked, *, live: bool, announce: Callable[[Incident], None] = lambda _: None
    ) -> None:
        self._announce = announce
        forms = (("ecs", asked.ecs), ("eve", asked.eve), (None, asked.incidents))
        self._files = [
            IncidentFile(path, form, with_beginnings=live) for form, path in forms if path is not None
        ]
        self._slices = asked.slices

    def book(self) -> IncidentBook:
        """An empty book whose incidents are reported here; it keeps flow numbers only where packets are wanted."""
        return IncidentBook(self._began, self._ended, keep_members=self._slices is not None)

    def write_slices(
        self, book: IncidentBook, captures: Sequence[str], meter: Mapping[str, Any]
    ) -> list[str]:
        """Write the packets of the incidents that stand out, one capture each, the most important first.

        Returns
        -------
        list of str
            What went wrong, a sentence each.
        """
        if self._slices is None:
            return []
        one = self._slices.suffix in ONE_FILE
        chosen = [i for i in book.top("attack", 1 if one else MOST_SLICES) if i.is_notable]
        faults = []
        try:
            paths = captures_by_name(captures)
            for incident in chosen:
                out = (
                    self._slices
                    if one
                    else self._slices / f"incident-{incident.number}{_ending(incident, paths)}"
                )
                out.parent.mkdir(parents=True, exist_ok=True)
                write_slice(incident, paths, out, meter)
        except (SliceError, OSError) as error:
            faults.append(f"--slice: {error}")
        return faults

    def close(self) -> None:
        """Close the record files."""
        for file in self._files:
            file.close()

    def _began(self, incident: Incident) -> None:
        """Report the beginning to every file."""
        self._announce(incident)
        for file in self._files:
            file.began(incident)

    def _ended(self, incident: Incident) -> None:
        """Report the end to every file."""
        for file in self._files:
            file.ended(incident)


def _ending(incident: Incident, paths: Mapping[str, str]) -> str:
    """The ending that fits what an incident's captures are."""
    return suffix_of(paths[min(incident.members)])
