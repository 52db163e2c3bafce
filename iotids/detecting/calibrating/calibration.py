"""An operating point for a site, from its benign traffic: so many false alarms a day and no
more.

The threshold is put where the recorded flows raise as many alarms as the user can stand, and flows that only
training finds strange become ordinary. What that gives on traffic that was not recorded is measured: every
recording is judged at the point that the others give. A threshold below the package's own is taken only where
that measurement bears it out, so a calibration can hardly make things worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.counted import counted
from iotids.detecting.calibrating.benign_flows import BenignFlows
from iotids.detecting.incidents.in_words import span_text
from iotids.detecting.judging.novelty import Novelty, nearest
from iotids.detecting.judging.operating_point import probability_of, threshold_for_alarms
from iotids.detecting.judging.recall import recall_at_threshold
from iotids.detecting.judging.verdict_words import ATTACK, BENIGN, UNKNOWN
from iotids.detecting.judging.verdicts import OperatingPoint, package_point
from iotids.detecting.ordinary.familiar_flows import OwnFlows, learn_own_flows, own_flows_to_plain
from iotids.detecting.ordinary.habits import UNUSUAL_LOG_ODDS
from iotids.detecting.package.package import Package
from iotids.detecting.summary.page_table import SHORTEST_DAYS, figure

FORMAT = 3
LEFT_OUT_GROUPS = 5
SUSPICIOUS_SHARE = (
    0.01  # of benign flows called attack before calibration: either false alarms or attacks in the capture
)
EVIDENCE = 3.0  # alarms to be expected for a rate to be measurable; below, the rule of three gives the bound
CHANCE = 2.0  # standard deviations above the target that left-out recordings may have by chance


@dataclass(frozen=True)
class Seen:
    """Benign flows as the operating point sees them, and how many days each part of them stands for.

    log_odds, familiarity, scaled : as in verdicts.Decisions, (n,), (n,), (n, d). group : (n,) int64 part left
        out together.
    days : (g,) float64 per group, thinned like the flows.
    excused : (n,) bool, a habit by the recordings of other groups; raises no alarm.
    """

    log_odds: np.ndarray
    familiarity: np.ndarray
    scaled: np.ndarray
    group: np.ndarray
    days: np.ndarray
    excused: np.ndarray

    def part(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """log_odds, familiarity and scaled of some flows."""
        return self.log_odds[chosen], self.familiarity[chosen], self.scaled[chosen]

    def called(self, point: OperatingPoint, chosen: np.ndarray) -> np.ndarray:
        """(m,) int8 verdicts on some flows, habits considered."""
        code = point.call(*self.part(chosen))[0]
        code[(code == ATTACK) & self.excused[chosen]] = BENIGN
        return code


def calibrate(
    package: Package,
    flows: BenignFlows,
    *,
    max_alarms_per_day: float | None,
    excused: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The operating point that a network's benign flows give.

    Parameters
    ----------
    flows : BenignFlows
        With their recordings; those of one recording only are cut into five pieces of time to be left out.
    max_alarms_per_day : float, optional
        False alarms a day that the user can stand; None leaves the threshold where it is.
    excused : (n,) bool, optional
        Kept flows that are a habit of their device, by the recordings of other groups.

    Returns
    -------
    dict
        For `own_network.write_point`: log_odds, own flows, alarms before and after and on recordings left
        out, recall, and doubts.

    Raises
    ------
    ValueError
        No flows, or no time between them.
    """
    X, log_odds, recording = flows.kept()
    days = float(np.sum(flows.days))
    if len(X) < 2 or days <= 0:
        raise ValueError(
            f"{counted(len(X), 'benign flow')} over {span_text(days * 86_400)}: too few to set an operating point; record some hours of ordinary traffic"
        )
    own = package_point(package)
    scaled = own.novelty.scale(X)
    group, group_days = left_out_groups(recording, flows.days)
    excuses = np.zeros(len(X), bool) if excused is None else excused
    weighed = log_odds if excused is None else log_odds + np.where(excuses, 0.0, UNUSUAL_LOG_ODDS)
    seen = Seen(weighed, _distance(own.novelty, scaled), scaled, group, group_days * flows.share, excuses)
    target = Target(max_alarms_per_day, float(package.manifest["novelty"]["quantile"]), seed)
    is_short = max_alarms_per_day is None or days * max_alarms_per_day < EVIDENCE
    lowest = own.log_odds if is_short or excused is not None else -np.inf
    left_out = judge_left_out(seen, own, target, lowest)
    if lowest < own.log_odds and left_out["too_many"]:
        lowest, left_out = own.log_odds, judge_left_out(seen, own, target, own.log_odds)
    everything = np.ones(len(X), bool)
    point, own_flows = point_from(seen, everything, own, target, lowest)
    before = own.call(log_odds, seen.familiarity, scaled)[0]
    days_kept = float(seen.days.sum())
    quantiles = package.reference["log_odds_quantiles"]
    return {
        "format": FORMAT,
        "package_sha256": package.identity,
        "package": package.manifest["name"],
        "log_odds": point.log_odds,
        "attack_probability": float(probability_of(point.log_odds)),
        "own_flows": own_flows_to_plain(own_flows),
        "habits": None,
        "benign_flows": len(X),
        "share_of_flows_kept": flows.share,
        "recordings": len(flows.days),
        "days": days,
        "max_alarms_per_day": max_alarms_per_day,
        "before": _rates(before, days_kept),
        "after": _rates(seen.called(point, everything), days_kept),
        "left_out": left_out,
        "recall": recall_at_threshold(quantiles, point.log_odds),
        "recall_before": recall_at_threshold(quantiles, own.log_odds),
        "doubts": _doubts(
            float(((log_odds >= own.log_odds) & ~excuses).mean()), days, max_alarms_per_day, left_out
        ),
    }


@dataclass(frozen=True)
class Target:
    """Alarms a day that can be stood, share of own strange flows that count as ordinary, seed of the
    prototypes.
    """

    max_alarms_per_day: float | None
    quantile: float
    seed: int


def left_out_groups(recording: np.ndarray, days: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) which of at most five groups each flow is left out with, and (g,) their days: whole recordings, or
    pieces of a single one.
    """
    present, number = np.unique(recording, return_inverse=True)
    if present.size == 1:
        pieces = np.minimum(LEFT_OUT_GROUPS, recording.size)
        return np.arange(recording.size) * pieces // recording.size, np.full(
            pieces, days[int(present[0])] / pieces
        )
    dealt = np.empty(present.size, np.int64)  # the largest first, in turn: groups of about the same size
    dealt[np.argsort(-np.bincount(number), kind="stable")] = np.arange(present.size) % LEFT_OUT_GROUPS
    return dealt[number], np.bincount(dealt, np.array(days)[present])


def point_from(
    seen: Seen, chosen: np.ndarray, own: OperatingPoint, target: Target, lowest: float
) -> tuple[OperatingPoint, OwnFlows]:
    """The operating point that some of the flows give, and its own flows; its threshold is `lowest` at least."""
    log_odds, familiarity, scaled = seen.part(chosen)
    days = float(seen.days[np.unique(seen.group[chosen])].sum())
    strange = familiarity > 1.0
    judged, threshold = ~strange & ~seen.excused[chosen], own.log_odds
    if target.max_alarms_per_day is not None and judged.any():
        allowed = int(np.floor(target.max_alarms_per_day * days))
        threshold = threshold_for_alarms(log_odds[judged], allowed)
    learned = learn_own_flows(
        scaled[strange], log_odds[strange], own.novelty, quantile=target.quantile, seed=target.seed
    )
    return OperatingPoint(max(threshold, lowest), own.novelty, learned), learned


def judge_left_out(seen: Seen, own: OperatingPoint, target: Target, lowest: float) -> dict[str, Any]:
    """Every group judged at the point that the others give: alarms a day, shares, and whether these are more
    than chance makes of the target.
    """
    code = np.empty(seen.group.size, np.int8)
    groups = np.unique(seen.group)
    for g in groups:
        left = seen.group == g
        point = point_from(seen, ~left, own, target, lowest)[0] if groups.size > 1 else own
        code[left] = seen.called(point, left)
    days, alarms, wanted = float(seen.days.sum()), int((code == ATTACK).sum()), target.max_alarms_per_day
    expected = np.inf if wanted is None else wanted * days
    return _rates(code, days) | {
        "groups": int(groups.size),
        "too_many": bool(wanted is not None and alarms > expected + CHANCE * np.sqrt(expected)),
    }


def _distance(novelty: Novelty, scaled: np.ndarray) -> np.ndarray:
    """Familiarity as in verdicts.Decisions."""
    return nearest(scaled, novelty.prototypes)[0] / np.float32(novelty.threshold)


def _rates(code: np.ndarray, days: float) -> dict[str, float]:
    """Alarms a day, and shares of flows that alarm or are unknown."""
    alarm = code == ATTACK
    return {
        "alarms_per_day": float(alarm.sum() / days),
        "false_alarm_share": float(alarm.mean()),
        "unknown_share": float((code == UNKNOWN).mean()),
    }


def _doubts(
    attack_share: float, days: float, max_alarms_per_day: float | None, left_out: dict[str, Any]
) -> list[str]:
    """What speaks against trusting the result."""
    doubts, is_long = [], days >= SHORTEST_DAYS
    if attack_share > SUSPICIOUS_SHARE:
        doubts.append(
            f"before calibration the model called {attack_share:.1%} of these flows attacks: either it does not know this network, or the "
            "captures hold attacks, which would then be learned as ordinary; look at them with `iotids detect --report` first"
        )
    if max_alarms_per_day is None:
        return doubts
    if left_out["too_many"]:
        raised = f"{figure(left_out['alarms_per_day'])} alarms a day" if is_long else "more alarms than that"
        doubts.append(
            f"at most {figure(max_alarms_per_day)} alarms a day are wanted, recordings that were left out raise {raised}: the "
            "recordings differ from each other, so the next one will too; add captures of the devices and hours that are missing"
        )
    if days * max_alarms_per_day < EVIDENCE:
        allowed = int(np.floor(max_alarms_per_day * days))
        bound = figure((allowed + EVIDENCE) / days)
        doubts.append(
            f"{span_text(days * 86_400)} of traffic cannot show a rate of {max_alarms_per_day:g} alarms a day (it allows {allowed}); "
            + (f"with 95 % confidence the rate is below {bound} a day; " if is_long else "")
            + "the threshold was not lowered"
            + (f"; {EVIDENCE / max_alarms_per_day:.1f} days would do" if max_alarms_per_day else "")
        )
    return doubts
