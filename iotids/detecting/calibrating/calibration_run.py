"""What `detect --calibrate` does: read benign captures, set an operating point on them, write it, and say
what it costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from iotids.detecting.calibrating.benign_flows import BenignFlows
from iotids.detecting.calibrating.calibration import calibrate
from iotids.detecting.calibrating.site_file import describe_point, write_point
from iotids.detecting.incidents.in_words import headline, reason
from iotids.detecting.judging.drift import drift_to_plain
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import Package
from iotids.detecting.running.session import MeteredCapture, Session
from iotids.detecting.summary.tally import Tally
from iotids.writing.whole_files import check_place

COMPLETE, DOUBTFUL = 0, 3  # exit codes


def calibrate_on(
    package: Package,
    paths: Iterable[str],
    open_capture: Callable[[str], MeteredCapture],
    *,
    max_alarms_per_day: float,
    out: Path,
    show: Callable[[Tally], None],
) -> int:
    """Set an operating point on benign captures and write it; gives the exit code.

    Raises
    ------
    ValueError
        A capture that was not read to its end, or too little traffic: nothing is written.
    """
    check_place(out)
    flows = BenignFlows()
    session = Session(Judge(package, Model(package), package_point(package)), None, show)
    for path in paths:
        flows.begin_recording()
        session.tally = Tally()
        ledger = session.take(open_capture(path), aside=flows.add)
        if ledger["fault"]:
            raise ValueError(f"{path}: {ledger['fault']}; an operating point wants captures that are whole")
        flows.end_recording(session.tally.days)
        warn_of_attacks(path, session.tally)
    drift = session.drift.result()
    point = calibrate(package, flows, max_alarms_per_day=max_alarms_per_day) | {
        "drift": drift_to_plain(drift)
    }
    write_point(point, out)
    moved = [d for d in drift if d.reading == "moved"]
    most = ", ".join(f"{d.feature} (PSI {d.psi:.1f})" for d in moved[:5])
    print(f"{out}: {describe_point(point)}", file=sys.stderr)
    print(
        f"{len(moved)} of {len(package.features)} features have moved from benign training traffic{': most ' + most if moved else ''}",
        file=sys.stderr,
    )
    for doubt in point["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
    return DOUBTFUL if point["doubts"] else COMPLETE


def warn_of_attacks(path: str, tally: Tally) -> None:
    """Name the hosts whose flows the model calls attacks in a capture that is meant to be benign."""
    if tally.attacks == 0:
        return
    hosts = "; ".join(f"{headline(i)} ({i.label}: {reason(i)})" for i in tally.incidents.top("attack", 3))
    print(
        f"warning: {path}: the model calls {tally.attacks:,} of {tally.flows:,} flows attacks, strongest {hosts}",
        file=sys.stderr,
    )
