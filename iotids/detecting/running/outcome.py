"""How a run of detect ends: the verdict file closed, summary and report written, one line said; also on a
full disk.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iotids.counted import counted
from iotids.detecting.incidents.book import IncidentBook
from iotids.detecting.incidents.catalogue import SEVERITIES
from iotids.detecting.incidents.in_words import count_in_words, headline, reason
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.incidents.plain import utc_text
from iotids.detecting.judging.fitness import FIT, TOO_FEW
from iotids.detecting.package.package import Package
from iotids.detecting.running.session import Session
from iotids.detecting.running.verdict_files import VerdictFile
from iotids.detecting.summary.not_judged import count_not_judged
from iotids.detecting.summary.page import report_page
from iotids.detecting.summary.summary import summarise
from iotids.writing.tables import write_text
from iotids.writing.whole_files import CannotWriteError

SAID = 10  # incidents that are printed at the end


def finish(
    session: Session,
    package: Package,
    *,
    out: str,
    report: Path | None,
    status: dict[str, Any],
    point: Mapping[str, Any],
) -> bool:
    """Close the verdict file, write summary and report, say how it went; gives whether all is there and
    complete.

    Parameters
    ----------
    status : dict
        complete, why, seconds, packets; set to incomplete here when something cannot be written.
    point : mapping
        What the report says of the operating point (own_network.origin_of).
    """
    written = _closed(session.file, status)
    fitness = session.fitness.result()
    summary = summarise(
        session.tally,
        session.drift.result(),
        package,
        ledgers=session.ledgers,
        status=status,
        point=point,
        fitness=fitness,
        view=session.view.sentences(),
        withheld=session.withheld,
    )
    pages = (
        {}
        if written == "-"
        else {Path(f"{written}.summary.json"): json.dumps(_finite(summary), indent=1) + "\n"}
    )
    if report is not None:
        pages[report] = report_page(summary)
    for path, text in pages.items():
        try:
            write_text(text, path)
        except OSError as error:
            status["complete"] = False
            unwritten(error, path)
    if (
        session.file is not None and written != "-" and status["complete"]
    ):  # of an earlier run that was broken off
        Path(f"{session.file.working_path}.summary.json").unlink(missing_ok=True)
    for doubt in (*point["doubts"], *summary["view"]):
        print(f"warning: {doubt}", file=sys.stderr)
    say_incidents(session.tally.incidents)
    if session.withheld:
        print(
            f"note: {counted(session.withheld, 'alarm')} withheld on what their devices ordinarily do here",
            file=sys.stderr,
        )
    print(
        f"{'note' if fitness.verdict in (FIT, TOO_FEW) else 'warning'}: {fitness.in_words()}", file=sys.stderr
    )
    print(f"{written}: {_in_one_line(session, status)}", file=sys.stderr)
    return bool(status["complete"])


def say_incidents(book: IncidentBook) -> None:
    """The incidents that stand out most, one line each, and how many there are in all."""
    attacks = book.attacks()
    notable = sum(i.is_notable for i in attacks)
    for incident in book.top("attack", min(notable, SAID)):
        print(incident_line(incident), file=sys.stderr)
    highest = f"; the {SAID} highest are above" if notable > SAID else ""
    print(f"{count_in_words(attacks, left_out=book.attacks_left_out)}{highest}", file=sys.stderr)


def incident_line(incident: Incident) -> str:
    """Severity, score, class, who does what to whom, why and when, in one line."""
    when = f"{utc_text(incident.first_us)} UTC"[:19]
    return (
        f"incident {incident.number} [{SEVERITIES[incident.severity]}, score {incident.score:.0f}] {incident.label}: "
        f"{headline(incident)}: {reason(incident)}; since {when}"
    )


def _in_one_line(session: Session, status: Mapping[str, Any]) -> str:
    """The run in one line."""
    counts = (
        ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(session.tally.verdicts.items())) or "no flow"
    )
    if session.tally.abstained:
        counts += f" ({session.tally.abstained:,} abstained from)"
    rate = status["packets"] / max(status["seconds"], 1e-9)
    speed = f"{counted(status['packets'], 'packet')} in {status['seconds']:.1f} s ({rate:,.0f} packets/s)"
    state = "" if status["complete"] else ", INCOMPLETE"
    return f"{counts}; {count_not_judged(session.ledgers).in_words()}; {speed}{state}"


def unwritten(error: OSError, path: Path | None = None) -> str:
    """Say that something could not be written to `path` (default: as the error says), and why; gives the sentence."""
    fault = f"{path or error.filename}: cannot be written ({error.strerror}); what is there is whole, the rest is lost: make room and run again"
    print(f"error: {fault}", file=sys.stderr)
    return fault


def _closed(file: VerdictFile | None, status: dict[str, Any]) -> str:
    """Close the verdict file, as incomplete when its end cannot be written; gives its path."""
    assert file is not None
    try:
        return file.close(complete=status["complete"])
    except CannotWriteError as error:
        status["complete"], status["why"] = False, "; ".join(filter(None, [status["why"], unwritten(error)]))
        return file.close(complete=False)


def _finite(content: Any) -> Any:
    """Replace numbers that JSON does not have by null."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and content - content != 0.0 else content
