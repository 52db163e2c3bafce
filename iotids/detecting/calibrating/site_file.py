"""The operating point of a site as a file: written, read again for the same package only, and
described in words.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from iotids.counted import counted
from iotids.detecting.calibrating.calibration import FORMAT
from iotids.detecting.incidents.in_words import span_text
from iotids.detecting.judging.verdicts import OperatingPoint, package_point
from iotids.detecting.ordinary.familiar_flows import own_flows_from_plain
from iotids.detecting.ordinary.habits import habits_from_plain
from iotids.detecting.package.package import Package, PackageError
from iotids.detecting.summary.page_table import SHORTEST_DAYS, figure
from iotids.writing.tables import write_text

DAY_S = 86_400
HOW_TO_MAKE = "make one with `iotids calibrate`"


def write_point(point: dict[str, Any], path: Path) -> None:
    """Write an operating point as JSON."""
    write_text(json.dumps(point, indent=1, allow_nan=False) + "\n", path)


def read_point(path: Path, package: Package) -> tuple[OperatingPoint, dict[str, Any]]:
    """Read an operating point that was made for this very package.

    Raises
    ------
    PackageError
        Not an operating point, of another format, or of another package.
    """
    try:
        point = json.loads(path.read_text(encoding="utf-8"))
        if point["format"] != FORMAT:
            raise PackageError(
                f"{path}: operating point of format {point['format']!r}, this program reads {FORMAT}; {HOW_TO_MAKE}"
            )
        own = point_of(point, package)
    except PackageError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise PackageError(
            f"{path}: not an operating point ({type(error).__name__}: {error}); {HOW_TO_MAKE}"
        ) from error
    if point.get("package_sha256") != package.identity:
        raise PackageError(
            f"{path}: made for the package {point.get('package')} ({str(point.get('package_sha256'))[:12]}…), not for {package.folder} "
            f"({package.identity[:12]}…); a threshold means something else for another model: run `--calibrate` again"
        )
    return own, point


def point_of(point: dict[str, Any], package: Package) -> OperatingPoint:
    """What `calibration.calibrate` gave, ready for a judge."""
    own = own_flows_from_plain(point["own_flows"], len(package.features))
    habits = habits_from_plain(point["habits"])
    return replace(package_point(package), log_odds=float(point["log_odds"]), own=own, habits=habits)


def origin_of(point: dict[str, Any] | None, package: Package) -> dict[str, Any]:
    """What the report says of the operating point: where it comes from, its threshold, its doubts."""
    if point is None:
        own = package.manifest["operating_point"]
        text = f"set on out-of-fold flows of the training data for at most {own['wanted_false_alarm_share']:.2%} false alarms"
        return {
            "log_odds": own["log_odds"],
            "attack_probability": own["attack_probability"],
            "origin": text,
            "doubts": [],
        }
    basis = f"{counted(point['benign_flows'], 'benign flow')} in {span_text(point['days'] * DAY_S)} of this network"
    wanted = point["max_alarms_per_day"]
    text = f"set on {basis}" + ("" if wanted is None else f" for at most {wanted:g} alarms a day")
    if point["habits"] is not None:
        text += f"; alarms on what {counted(len(point['habits']['devices']), 'device')} ordinarily did here are withheld"
    return {
        "log_odds": point["log_odds"],
        "attack_probability": point["attack_probability"],
        "origin": text,
        "doubts": point["doubts"],
    }


def describe_point(point: dict[str, Any], benign: str) -> str:
    """The result of a calibration in words; `benign` is the class whose flows are no attacks."""
    rates = (("before", "before"), ("after", "after"), ("left_out", "after, recordings left out in turn"))
    basis, is_long = span_text(point["days"] * DAY_S), point["days"] >= SHORTEST_DAYS
    lines = [
        f"{counted(point['benign_flows'], 'benign flow')} of {basis} in {counted(point['recordings'], 'recording')}"
        + ("" if is_long else "; less than an hour, so no rates a day"),
        f"attack from probability {point['attack_probability']:.6f} on (log-odds {point['log_odds']:.2f})",
        *(
            f"{when}: {point[key]['false_alarm_share']:.3%} of flows called attacks"
            + (f", {figure(point[key]['alarms_per_day'])} alarms a day" if is_long else "")
            + f", {point[key]['unknown_share']:.2%} unknown"
            for key, when in rates
        ),
        *_incident_lines(point, is_long=is_long),
        "found of the labelled out-of-fold flows: "
        + ", ".join(_share_called(point, name) for name in point["recall"] if name != benign),
        f"false alarms on those of class {_share_called(point, benign)}",
    ]
    return "\n".join(lines)


def _share_called(point: dict[str, Any], name: str) -> str:
    """Share of a class' labelled flows that are called attacks."""
    return f"{name} {point['recall'][name]:.1%} (before {point['recall_before'][name]:.1%})"


def _incident_lines(point: dict[str, Any], *, is_long: bool) -> list[str]:
    """Incidents, where habits were learnt; a day, where there is enough traffic for a rate."""
    if point["habits"] is None:
        return []
    habits, rates = point["habits"], point["incidents_per_day"]
    before, after = (
        figure(rates[name]) if is_long else round(rates[name] * point["days"])
        for name in ("before", "left_out")
    )
    return [
        f"{counted(len(habits['habits']), 'habit')} of {counted(len(habits['devices']), 'device')}",
        f"false incidents{' a day' if is_long else ''}: {before} before, {after} with what the other recordings teach",
    ]
