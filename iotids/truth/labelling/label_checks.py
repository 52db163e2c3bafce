"""Refuse labels that cannot be right: unknown classes, a truth that meets nothing, flows that nothing decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.counted import counted
from iotids.truth.labelling.flow_labels import UNLABELLED, Part
from iotids.truth.labelling.notices import Notice


def check_labels(parts: Sequence[Part], *, classes: Sequence[str], unlabelled: str) -> list[Notice]:
    """Check the verdicts against the class list and the policy for unlabelled flows.

    Parameters
    ----------
    unlabelled : {'error', 'apart'}
        What flows without any verdict are: an error, or kept apart with a warning.

    Raises
    ------
    ValueError
        A verdict's class is not in the list; the truth meets nothing in any capture; or there are unlabelled
        flows and they are an error.
    """
    if unlabelled not in {"error", "apart"}:
        raise KeyError(f"label.unlabelled is {unlabelled!r}; known are error, apart")
    given = {
        labels.verdicts[code].label
        for _, labels in parts
        for code in np.unique(labels.codes[labels.codes >= 0])
    }
    if unknown := sorted(given - {"", *classes}):
        raise ValueError(
            f"the ground truth gives the class {', '.join(unknown)}, but data.classes are {', '.join(classes)}: correct the rules or "
            "the class list"
        )
    meetings = {labels.met for _, labels in parts if len(labels.codes) or labels.met} - {None}
    if meetings == {False}:
        raise ValueError(
            "the ground truth meets nothing in any capture: no packet fits a rule, or no attacker or listed device appears; is it "
            "that of other captures?"
        )
    holes = {labels.capture: n for _, labels in parts if (n := int((labels.codes == UNLABELLED).sum()))}
    if not holes:
        return []
    worst = ", ".join(
        f"{capture} ({n:,})" for capture, n in sorted(holes.items(), key=lambda item: -item[1])[:3]
    )
    message = f"the ground truth says nothing about flows of {counted(len(holes), 'capture')}: {worst}"
    if unlabelled == "error":
        raise ValueError(
            f"{counted(sum(holes.values()), 'flow')} unlabelled: {message}. Correct the ground truth, or keep them apart with "
            "`-S label.unlabelled=apart` (`iotids label --unlabelled apart`)"
        )
    return [Notice("unlabelled", "warning", sum(holes.values()), message)]


def check_found(source: str, parts: Sequence[Part]) -> list[Notice]:
    """Check that there are flows, and that one of them has a class.

    Returns
    -------
    list of Notice
        One when every flow is kept apart.

    Raises
    ------
    ValueError
        There is no flow at all.
    """
    codes = [labels.codes for _, labels in parts]
    n_flows = sum(len(one) for one in codes)
    if not n_flows:
        raise ValueError(
            f"{source}: the table of flows is empty, so there is nothing to label; the profiles `paper` and `original` write no "
            "flow of one packet, `clean` does "
            "(`-S meter.profile=clean`)"
        )
    has_class = any(
        labels.verdicts[code].label for _, labels in parts for code in np.unique(labels.codes) if code >= 0
    )
    if has_class or any((one == UNLABELLED).any() for one in codes):  # the latter is a notice of its own
        return []
    reasons = {verdict.rule for _, labels in parts for verdict in labels.verdicts if not verdict.label}
    message = f"{source}: no flow has a class, all are kept apart: {'; '.join(sorted(reasons)[:3])}"
    return [Notice("nothing_labelled", "warning", n_flows, message)]
