"""Reasons not to trust a package: what its own held-out flows say against it.

A package with doubts is written and said to be doubtful everywhere; it does not become the current one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.detecting.judging.operating_point import T_HIGHEST, T_LOWEST

AT_BOUND = 1.01  # a temperature within a hundredth of its bound has run into it


def doubts_about(calibration: Mapping[str, Any], point: Mapping[str, Any]) -> list[str]:
    """Sentences for people; none where nothing speaks against the package.

    Parameters
    ----------
    calibration, point : mapping
        As in package.json: `calibration` and `operating_point`.
    """
    return [*_doubts_about_recall(point), *_doubts_about_threshold(point), *_doubts_about_scores(calibration)]


def classes_not_found(point: Mapping[str, Any], classes: Sequence[str]) -> dict[str, str]:
    """Classes that no held-out flow of theirs is given, with a sentence each; absent classes count too."""
    measured = point["measured"]
    named, recall = measured["named_per_class"], measured["recall_per_class"]
    missed = {}
    for name in classes:
        if named[name] is None:
            missed[name] = "no held-out flow has this class"
        elif named[name] == 0.0:
            found = recall.get(name)
            alarmed = "" if not found else f"; {found:.1%} of them are called another attack"
            missed[name] = f"no held-out flow of this class is given it{alarmed}"
    return missed


def _doubts_about_recall(point: Mapping[str, Any]) -> list[str]:
    """Classes of which nothing is found, and a detector that finds attacks no better than chance."""
    measured, at = point["measured"], f"at the threshold (log-odds {point['log_odds']:.2f})"
    recall, alarms = measured["recall"], measured["false_alarm_share"]
    if recall is None:
        return ["no held-out flow is an attack, so nothing says that it finds any"]
    if recall <= alarms:
        return [
            f"{at} it finds {recall:.2%} of the attacks and alarms on {alarms:.2%} of the benign flows: no detector"
        ]
    lost = [name for name, share in measured["recall_per_class"].items() if share == 0.0]
    return (
        [f"{at} it finds nothing of {', '.join(lost)}: none of their held-out flows is called an attack"]
        if lost
        else []
    )


def _doubts_about_threshold(point: Mapping[str, Any]) -> list[str]:
    """A threshold that rests on too few folds."""
    if point["folds_behind_threshold"]:
        return []
    share = point["wanted_false_alarm_share"]
    return [
        f"too few of the {point['folds']} folds of the split {point['split']} test the {1 / share:,.0f} benign flows that a "
        f"false-alarm share of {share:g} takes, so the threshold is that of all folds pooled "
        f"({point['benign_flows_behind_threshold']:,} benign flows): add benign captures or raise final.false_alarm_share"
    ]


def _doubts_about_scores(calibration: Mapping[str, Any]) -> list[str]:
    """A temperature that ran into its bound."""
    temperature = calibration["temperature"]
    if T_LOWEST * AT_BOUND < temperature < T_HIGHEST / AT_BOUND:
        return []
    return [
        f"the temperature that fits the held-out flows lies outside {T_LOWEST:g} to {T_HIGHEST:g} (it is {temperature:.3g}): "
        "the scores do not say how sure the model is; look at the cross-validation of this configuration"
    ]
