"""What the command detect does: a verdict run over captures, or a calibration on benign ones; and how either ends."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stages.detecting.follow import is_growing
from stages.detecting.inference import Network
from stages.detecting.own_network import BenignFlows, calibrate, origin_of, read_point, told, write_point
from stages.detecting.package import Package
from stages.detecting.page import report_page
from stages.detecting.session import ROWS_AT_ONCE, MeteredCapture, Session
from stages.detecting.summary import summarise
from stages.detecting.tally import Tally
from stages.detecting.verdict_files import VerdictFile
from stages.detecting.verdicts import Judge, package_point

COMPLETE, INCOMPLETE, UNUSABLE, DOUBTFUL = 0, 1, 2, 3  # exit codes; stopped while reading a file: 128 + signal


class Stop(Protocol):
    """What may end a run early (stop.Stop)."""

    signal: int


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for: paths of verdicts and report, an operating point of one's own, and whether traffic is live."""

    out: str
    report: Path | None
    point: Path | None
    live: bool


def judge_captures(
    package: Package,
    paths: Iterable[str],
    open_capture: Callable[[str], MeteredCapture],
    wanted: Wanted,
    stop: Stop,
    told_so_far: Callable[[Tally], None],
) -> int:
    """Judge captures one after the other, write verdicts, summary and report; gives the exit code.

    Raises
    ------
    PackageError
        The package or the operating point must not be used.
    OSError
        The verdict file cannot be written.
    """
    point, own = (package_point(package), None) if wanted.point is None else read_point(wanted.point, package)
    judge = Judge(package, Network(package), point)
    session = Session(judge, VerdictFile(wanted.out, judge.schema), told_so_far)
    started, faults = time.perf_counter(), []
    for path in paths:
        if fault := _judge_one(session, path, open_capture, at_once=1 if wanted.live else ROWS_AT_ONCE, stop=stop):
            faults.append(fault)
            print(f"error: {fault}", file=sys.stderr)
        if stop.signal:
            break
    if stop.signal and not wanted.live:
        faults.append(f"stopped by signal {stop.signal} before the last packet")
    elapsed_s = time.perf_counter() - started
    status = {"complete": not faults, "why": "; ".join(faults), "seconds": elapsed_s, "packets": sum(c["packets"] for c in session.ledgers)}
    return _finish(
        session, package, wanted, status, origin_of(own, package), 128 + stop.signal if stop.signal and not wanted.live else None
    )


def _judge_one(session: Session, path: str, open_capture: Callable[[str], MeteredCapture], *, at_once: int, stop: Stop) -> str:
    """Judge one capture; gives what was wrong with it, or nothing."""
    is_file = path != "-"
    try:
        size = Path(path).stat().st_size if is_file else 0
        ledger = session.take(open_capture(path), at_once=at_once)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror or error})"
    fault = ledger["fault"]
    if stop.signal and fault and not is_file:
        ledger["fault"] = fault = ""  # a live capture that was stopped ends in the middle of a packet
    if (
        is_file
        and not stop.signal
        and is_growing(Path(path), size, now_s=time.time())
        and ("cut off" in fault or Path(path).stat().st_size != size)
    ):
        fault = f"still growing while it was read; wait until it is finished, or use --follow or a pipe ({fault or 'so far without fault'})"
        ledger["fault"] = fault
    return fault if not fault or path in fault else f"{path}: {fault}"


def _finish(session: Session, package: Package, wanted: Wanted, status: dict[str, Any], point: dict[str, Any], code: int | None) -> int:
    """Close the verdict file, write summary and report, say how it went."""
    assert session.file is not None
    written = session.file.close(complete=status["complete"])
    summary = summarise(session.tally, session.drift.result(), package, ledgers=session.ledgers, status=status, point=point)
    if written != "-":
        Path(f"{written}.summary.json").write_text(json.dumps(_finite(summary), indent=1) + "\n", encoding="utf-8")
    if wanted.report is not None:
        wanted.report.parent.mkdir(parents=True, exist_ok=True)
        wanted.report.write_text(report_page(summary), encoding="utf-8")
    for doubt in point["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
    counts = ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(session.tally.verdicts.items())) or "no flow"
    rate = status["packets"] / max(status["seconds"], 1e-9)
    state = "" if status["complete"] else ", INCOMPLETE"
    print(
        f"{written}: {counts}; {status['packets']:,} packets in {status['seconds']:.1f} s ({rate:,.0f} packets/s){state}", file=sys.stderr
    )
    return code if code is not None else COMPLETE if status["complete"] else INCOMPLETE


def calibrate_on(
    package: Package,
    paths: Iterable[str],
    open_capture: Callable[[str], MeteredCapture],
    *,
    max_alarms_per_day: float,
    out: Path,
    told_so_far: Callable[[Tally], None],
) -> int:
    """Set an operating point on benign captures and write it; gives the exit code.

    Raises
    ------
    ValueError
        A capture that was not read to its end, or too little traffic: nothing is written.
    """
    flows = BenignFlows()
    session = Session(Judge(package, Network(package), package_point(package)), None, told_so_far)
    days = 0.0
    for path in paths:
        before = session.tally
        session.tally = Tally()
        ledger = session.take(open_capture(path), aside=flows.add)
        if ledger["fault"]:
            raise ValueError(f"{path}: {ledger['fault']}; an operating point wants captures that are whole")
        days += session.tally.days
        warn_of_attacks(path, session.tally)
        session.tally = before
    point = calibrate(package, flows, days=days, max_alarms_per_day=max_alarms_per_day)
    point["drift"] = [{"feature": d.feature, "psi": d.psi, "ks": d.ks} for d in session.drift.result()]
    write_point(point, out)
    moved = sum(d.reading == "moved" for d in session.drift.result())
    print(f"{out}: {told(point)}\n{moved} of {len(package.features)} features have moved from benign training traffic", file=sys.stderr)
    for doubt in point["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
    return DOUBTFUL if point["doubts"] else COMPLETE


def warn_of_attacks(path: str, tally: Tally) -> None:
    """Name the hosts whose flows the model calls attacks in a capture that is meant to be benign."""
    if tally.attacks == 0:
        return
    hosts = ", ".join(f"{i.src} ({i.label}, {i.flows:,} flows)" for i in tally.top_incidents("attack", 3))
    print(f"warning: {path}: the model calls {tally.attacks:,} of {tally.flows:,} flows attacks, strongest {hosts}", file=sys.stderr)


def _finite(content: Any) -> Any:
    """Replace numbers that JSON does not have by null."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and content - content != 0.0 else content
