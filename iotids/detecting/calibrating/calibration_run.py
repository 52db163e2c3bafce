"""What `detect --calibrate` does: read benign captures, learn the habits of devices and set an operating point, write
it, and say what it costs and what was not learnt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from iotids.counted import counted
from iotids.detecting.calibrating.benign_traffic import BenignTraffic, Learnt, judging_point
from iotids.detecting.calibrating.calibration import calibrate
from iotids.detecting.calibrating.site_file import describe_point, write_point
from iotids.detecting.incidents.in_words import headline, reason
from iotids.detecting.incidents.plain import utc_text
from iotids.detecting.judging.drift import drift_to_plain
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import Package
from iotids.detecting.running.session import MeteredCapture, Session
from iotids.detecting.summary.tally import Tally
from iotids.writing.whole_files import check_place

COMPLETE, DOUBTFUL = 0, 3  # exit codes
NAMED = 3  # incidents of a recording that are named
NEW_SHARE = 0.2  # of flows that only one recording knows, above which the recordings are too short


def calibrate_on(
    package: Package,
    paths: Iterable[str],
    open_capture: Callable[[str], MeteredCapture],
    *,
    max_alarms_per_day: float | None,
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
    own = package_point(package)
    traffic = BenignTraffic(own.log_odds)
    session = Session(Judge(package, Model(package), judging_point(own)), None, show)
    for path in paths:
        traffic.flows.begin_recording()
        session.tally = Tally()
        ledger = session.take(open_capture(path), aside=traffic.add)
        if ledger["fault"]:
            raise ValueError(f"{path}: {ledger['fault']}; an operating point wants captures that are whole")
        traffic.flows.end_recording(session.tally.days)
    drift = session.drift.result()
    learnt = learn(traffic)
    point = calibrate(package, traffic.flows, max_alarms_per_day=max_alarms_per_day, excused=learnt.excused)
    point |= {"drift": drift_to_plain(drift), "habits": learnt.habits.to_plain()} | measured(learnt)
    point["doubts"] += doubts_about(learnt, traffic.alarms_left_out) + session.view.sentences()
    write_point(point, out)
    moved = [d for d in drift if d.reading == "moved"]
    most = ", ".join(f"{d.feature} (PSI {d.psi:.1f})" for d in moved[:5])
    print(f"{out}: {describe_point(point, str(package.manifest['benign']))}", file=sys.stderr)
    print(
        f"{len(moved)} of {counted(len(package.features), 'feature')} moved from benign training traffic{': most ' + most if moved else ''}",
        file=sys.stderr,
    )
    for doubt in point["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
    return DOUBTFUL if point["doubts"] else COMPLETE


def learn(traffic: BenignTraffic) -> Learnt:
    """Habits of the traffic.

    Raises
    ------
    ValueError
        No flow that could be judged.
    """
    if not traffic.flows.kept()[1].size:
        raise ValueError(
            "no benign flows: too few to set an operating point; record some hours of ordinary traffic"
        )
    return traffic.learn()


def measured(learnt: Learnt) -> dict[str, Any]:
    """Incidents a day before and with the habits of other recordings, and what was not learnt, for the site file."""
    return {
        "incidents_per_day": {"before": learnt.before, "left_out": learnt.left_out},
        "new_share": learnt.new_share,
        "not_learnt": [
            f"{headline(i)} ({i.label}: {reason(i)}; since {utc_text(i.first_us)})"
            for i in learnt.not_learnt[:NAMED]
        ],
    }


def doubts_about(learnt: Learnt, alarms_left_out: int) -> list[str]:
    """What speaks against the recordings: attacks in them, or too little of what is done here."""
    doubts = []
    if learnt.not_learnt:
        more = len(learnt.not_learnt) - NAMED
        named = "; ".join(measured(learnt)["not_learnt"]) + (f"; and {more:,} more" if more > 0 else "")
        doubts.append(
            f"looks like an attack and was done once only, so it is not learnt as ordinary and will alarm: {named}; if it is "
            "ordinary here, add a recording in which it is done again"
        )
    if alarms_left_out:
        doubts.append(
            f"{counted(alarms_left_out, 'further flow')} that would be called attacks were not looked at: is this benign traffic?"
        )
    if learnt.new_share > NEW_SHARE:
        doubts.append(
            f"{learnt.new_share:.0%} of the flows are of devices or services that no other recording, or other time of the only one, "
            "has: too short to know what is ordinary here; such traffic alarms as before"
        )
    return doubts
