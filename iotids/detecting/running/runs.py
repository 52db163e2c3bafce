"""A run of detect over captures: one after the other through the judge; what is wrong with one does not stop
the next.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from iotids.detecting.acting.acting import Acting, Asked
from iotids.detecting.calibrating.site_file import origin_of, read_point
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import Package
from iotids.detecting.running.outcome import finish, incident_line, unwritten
from iotids.detecting.running.session import ROWS_AT_ONCE, MeteredCapture, Session
from iotids.detecting.running.verdict_files import VerdictFile
from iotids.detecting.summary.tally import Tally
from iotids.writing.whole_files import CannotWriteError, check_place

COMPLETE, INCOMPLETE = 0, 1  # exit codes; stopped while reading a file: 128 + signal


class Stop(Protocol):
    """What may end a run early (stop.Stop)."""

    signal: int


class Source(Protocol):
    """Where packets come from: NamedFile, StandardInput, or a Piece of a followed file."""

    path: str
    packets_before: int

    def open(self) -> MeteredCapture:
        """The flow meter; OSError when there is nothing to open."""

    def close(self, ledger: Mapping[str, Any]) -> str:
        """After the last flow: what was wrong, or nothing."""


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for: paths of verdicts and report, an operating point of one's own, whether traffic
    is live, what to do with incidents, and the captures' paths.
    """

    out: str
    report: Path | None
    point: Path | None
    live: bool
    acting: Asked = field(default_factory=Asked)
    captures: tuple[str, ...] = ()


def judge_captures(
    package: Package,
    sources: Iterable[Source],
    wanted: Wanted,
    stop: Stop,
    show: Callable[[Tally], None],
    faults: list[str],
) -> int:
    """Judge captures one after the other, write verdicts, summary and report; gives the exit code.

    Parameters
    ----------
    faults : list of str
        What is wrong so far; those who find the sources add to it.

    Raises
    ------
    PackageError
        The package or the operating point must not be used.
    OSError
        The verdict file cannot be written.
    """
    point, own = (package_point(package), None) if wanted.point is None else read_point(wanted.point, package)
    judge = Judge(package, Model(package), point)
    if wanted.report is not None:
        check_place(wanted.report)
    for sentence in concerns_about(package):
        print(f"warning: {sentence}", file=sys.stderr)
    acting = Acting(wanted.acting, live=wanted.live, announce=_say if wanted.live else lambda _: None)
    session = Session(judge, VerdictFile(wanted.out, judge.schema), show, acting.book())
    started = time.perf_counter()
    try:
        for source in sources:
            if fault := _judge_one(session, source, at_once=1 if wanted.live else ROWS_AT_ONCE):
                faults.append(fault)
                print(f"error: {fault}", file=sys.stderr)
            if stop.signal and not wanted.live:
                break
    except CannotWriteError as error:
        faults.append(unwritten(error))
    faults += _acted(acting, session, wanted, package)
    if stop.signal and not wanted.live:
        faults.append(f"stopped by signal {stop.signal} before the last packet")
    elapsed_s = time.perf_counter() - started
    status = {
        "complete": not faults,
        "why": "; ".join(faults),
        "seconds": elapsed_s,
        "packets": sum(c["packets"] for c in session.ledgers),
    }
    complete = finish(
        session, package, out=wanted.out, report=wanted.report, status=status, point=origin_of(own, package)
    )
    return 128 + stop.signal if stop.signal and not wanted.live else COMPLETE if complete else INCOMPLETE


def _say(incident: Incident) -> None:
    """Print an incident of live traffic as it begins."""
    print(incident_line(incident), file=sys.stderr, flush=True)


def _acted(acting: Acting, session: Session, wanted: Wanted, package: Package) -> list[str]:
    """Close the incidents, write their last records and their packets; gives what went wrong, said already."""
    faults = []
    try:
        session.tally.incidents.end()
    except CannotWriteError as error:
        faults.append(unwritten(error))
    acting.close()
    lost = acting.write_slices(session.tally.incidents, wanted.captures, package.manifest["meter"])
    for fault in lost:
        print(f"error: {fault}", file=sys.stderr)
    return faults + lost


def concerns_about(package: Package) -> list[str]:
    """Doubts about a package, and the classes that it does not find, in words."""
    doubts = [f"this model is doubtful: {doubt}" for doubt in package.doubts]
    return [
        *doubts,
        *(f"this model does not find {name}: {why}" for name, why in package.classes_not_found.items()),
    ]


def _judge_one(session: Session, source: Source, *, at_once: int) -> str:
    """Judge one source; gives what was wrong with it, or nothing."""
    try:
        ledger = session.take(source.open(), at_once=at_once, packets_before=source.packets_before)
    except CannotWriteError:
        raise
    except OSError as error:
        return f"{source.path}: cannot be read ({error.strerror or error})"
    fault = ledger["fault"] = source.close(ledger)
    return fault if not fault or source.path in fault else f"{source.path}: {fault}"
