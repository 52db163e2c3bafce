"""The operating point of a site as a file: written, read again for the same package only, and
described in words.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from iotids.detecting.calibrating.calibration import FORMAT
from iotids.detecting.judging.verdicts import OperatingPoint, package_point
from iotids.detecting.ordinary.familiar_flows import own_flows_from_plain
from iotids.detecting.ordinary.habits import habits_from_plain
from iotids.detecting.package.package import Package, PackageError
from iotids.writing.tables import write_text

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
    basis = f"{point['benign_flows']:,} benign flows of {point['days']:.2f} days of this network"
    wanted = point["max_alarms_per_day"]
    text = f"set on {basis}" + ("" if wanted is None else f" for at most {wanted:g} alarms a day")
    if point["habits"] is not None:
        text += (
            f"; alarms on what {len(point['habits']['devices']):,} devices ordinarily do here are withheld"
        )
    return {
        "log_odds": point["log_odds"],
        "attack_probability": point["attack_probability"],
        "origin": text,
        "doubts": point["doubts"],
    }


def describe_point(point: dict[str, Any]) -> str:
    """The result of a calibration in words."""
    rates = (("before", "before"), ("after", "after"), ("left_out", "after, recordings left out in turn"))
    lines = [
        f"{point['benign_flows']:,} benign flows of {point['days'] * 24:.1f} hours in {point['recordings']} recordings",
        f"attack from probability {point['attack_probability']:.6f} on (log-odds {point['log_odds']:.2f})",
        *(
            f"{when}: {point[key]['alarms_per_day']:.1f} alarms a day ({point[key]['false_alarm_share']:.3%} of flows), "
            f"{point[key]['unknown_share']:.2%} unknown"
            for key, when in rates
        ),
        *_incident_lines(point),
        "found of the labelled out-of-fold flows: "
        + ", ".join(
            f"{name} {point['recall'][name]:.1%} (before {point['recall_before'][name]:.1%})"
            for name in point["recall"]
        ),
    ]
    return "\n".join(lines)


def _incident_lines(point: dict[str, Any]) -> list[str]:
    """Incidents a day, where habits were learnt."""
    if point["habits"] is None:
        return []
    habits, rates = point["habits"], point["incidents_per_day"]
    return [
        f"{len(habits['habits']):,} habits of {len(habits['devices']):,} devices",
        f"false incidents a day: {rates['before']:.1f} before, {rates['left_out']:.1f} with what the other recordings teach",
    ]
