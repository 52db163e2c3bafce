"""An operating point for somebody's own network, from benign traffic of it: so many false alarms a day and no more.

What the training data calls ordinary may not occur there, and the other way round. So the benign flows of the network also count as
familiar from then on, and the threshold is put where they raise as many alarms as the user can stand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.detecting.novelty import Novelty, find_prototypes, novelty_from_plain
from stages.detecting.operating_point import probability_of, threshold_for_alarms
from stages.detecting.package import Package, PackageError
from stages.detecting.verdicts import OperatingPoint

FORMAT = 1
OWN_PROTOTYPES = 64
KEPT_FLOWS = 200_000  # for the prototypes and distances; alarms are counted over all flows
SUSPICIOUS_SHARE = 0.01  # of benign flows called attack before calibration: either false alarms or attacks in the capture
EVIDENCE = 3.0  # alarms to be expected for a rate to be measurable; below, the rule of three gives the bound


class BenignFlows:
    """Collects what calibration needs of benign flows, in bounded memory."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._kept: list[np.ndarray] = []
        self._kept_log_odds: list[np.ndarray] = []
        self._seen = self._n_kept = 0
        self._share = 1.0

    def add(self, X: np.ndarray, log_odds: np.ndarray) -> None:
        """Take some flows, in time order; keep a share of them that shrinks as they become many."""
        finite = np.isfinite(X).all(axis=1)
        chosen = finite & (self._random.random(len(X)) < self._share)
        self._seen += int(finite.sum())
        self._kept.append(X[chosen])
        self._kept_log_odds.append(log_odds[chosen])
        self._n_kept += int(chosen.sum())
        if self._n_kept > KEPT_FLOWS:
            keep = self._random.random(self._n_kept) < 0.5
            self._kept, self._kept_log_odds = [np.concatenate(self._kept)[keep]], [np.concatenate(self._kept_log_odds)[keep]]
            self._n_kept, self._share = int(keep.sum()), self._share / 2

    @property
    def share(self) -> float:
        """Which share of the finite flows is kept."""
        return self._n_kept / max(self._seen, 1)

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Features and log-odds of the kept flows, in the order they came."""
        if not self._kept:
            return np.empty((0, 0)), np.empty(0)
        return np.concatenate(self._kept), np.concatenate(self._kept_log_odds)


def calibrate(package: Package, flows: BenignFlows, *, days: float, max_alarms_per_day: float, seed: int = 0) -> dict[str, Any]:
    """The operating point that a network's benign flows give.

    Parameters
    ----------
    days : float
        How long the benign traffic was recorded.
    max_alarms_per_day : float
        False alarms a day that the user can stand.

    Returns
    -------
    dict
        For `write_point`: log_odds, novelty threshold and prototypes, what it costs, and doubts.

    Raises
    ------
    ValueError
        No flows, or no time between them.
    """
    X, log_odds = flows.kept()
    if len(X) < 2 or days <= 0:
        raise ValueError(
            f"{len(X)} benign flows over {days * 24:.2f} hours: too few to set an operating point; record some hours of ordinary traffic"
        )
    package_novelty = novelty_from_plain(package.reference["novelty"])
    novelty, more = _widened(package_novelty, X, quantile=package.manifest["novelty"]["quantile"], seed=seed)
    judged = novelty.distances(X) <= novelty.threshold
    allowed = int(np.floor(max_alarms_per_day * days * flows.share))
    threshold = threshold_for_alarms(log_odds[judged], allowed)
    before = float(package.manifest["operating_point"]["log_odds"])
    was_alarm = log_odds >= before
    return {
        "format": FORMAT, "package_sha256": package.identity, "package": package.manifest["name"],
        "log_odds": threshold, "attack_probability": float(probability_of(threshold)),
        "novelty": {"threshold": novelty.threshold, "prototypes": more.astype(float).tolist()},
        "benign_flows": len(X), "share_of_flows_kept": flows.share, "days": days, "max_alarms_per_day": max_alarms_per_day,
        "before": _rates(was_alarm & (package_novelty.distances(X) <= package_novelty.threshold), X, package_novelty, days * flows.share),
        "after": _rates((log_odds >= threshold) & judged, X, novelty, days * flows.share),
        "recall": recall_of(package, threshold), "recall_before": recall_of(package, before),
        "doubts": _doubts(float(was_alarm.mean()), days, max_alarms_per_day, allowed),
    }  # fmt: skip


def recall_of(package: Package, threshold: float) -> dict[str, float]:
    """Share of labelled out-of-fold flows per class at or above a threshold: recall of an attack, false alarms of benign."""
    result = {}
    for name, quantiles in package.reference["log_odds_quantiles"].items():
        values = np.array(quantiles)
        result[name] = float(1.0 - np.searchsorted(values, threshold, side="left") / len(values))
    return result


def write_point(point: dict[str, Any], path: Path) -> None:
    """Write an operating point as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(point, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_point(path: Path, package: Package) -> tuple[OperatingPoint, dict[str, Any]]:
    """Read an operating point that was made for this very package.

    Raises
    ------
    PackageError
        Not an operating point, or of another package.
    """
    try:
        point = json.loads(path.read_text(encoding="utf-8"))
        own = point_of(point, package)
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise PackageError(
            f"{path}: not an operating point ({type(error).__name__}: {error}); make one with `python -m stages.detect --calibrate`"
        ) from error
    if point.get("package_sha256") != package.identity:
        raise PackageError(
            f"{path}: made for the package {point.get('package')} ({str(point.get('package_sha256'))[:12]}…), not for {package.folder} "
            f"({package.identity[:12]}…); a threshold means something else for another model: run `--calibrate` again"
        )
    return own, point


def point_of(point: dict[str, Any], package: Package) -> OperatingPoint:
    """What `calibrate` gave, ready for a judge."""
    more, threshold = point["novelty"]["prototypes"], point["novelty"]["threshold"]
    novelty = novelty_from_plain(package.reference["novelty"], more_prototypes=more, threshold=threshold)
    return OperatingPoint(float(point["log_odds"]), novelty)


def _widened(novelty: Novelty, X: np.ndarray, *, quantile: float, seed: int) -> tuple[Novelty, np.ndarray]:
    """Novelty with prototypes of the first half of the flows, and the threshold raised where the second half asks for it."""
    first, second = X[: len(X) // 2], X[len(X) // 2 :]
    more = find_prototypes(novelty.scale(first[:: max(1, len(first) // 20_000)]), OWN_PROTOTYPES, seed)
    wider = Novelty(novelty.centre, novelty.spread, np.concatenate([novelty.prototypes, more]), novelty.threshold)
    needed = float(np.quantile(wider.distances(second), quantile))
    return Novelty(wider.centre, wider.spread, wider.prototypes, max(novelty.threshold, needed)), more


def _rates(alarm: np.ndarray, X: np.ndarray, novelty: Novelty, days: float) -> dict[str, float]:
    """Alarms a day, and shares of flows that alarm or are unknown."""
    unknown = novelty.distances(X) > novelty.threshold
    return {"alarms_per_day": float(alarm.sum() / days), "false_alarm_share": float(alarm.mean()), "unknown_share": float(unknown.mean())}


def _doubts(attack_share: float, days: float, max_alarms_per_day: float, allowed: int) -> list[str]:
    """What speaks against trusting the result."""
    doubts = []
    if attack_share > SUSPICIOUS_SHARE:
        doubts.append(
            f"before calibration the model called {attack_share:.1%} of these flows attacks: either it does not know this network, or the "
            "captures hold attacks, which would then be learned as ordinary; look at them with `python -m stages.detect --report` first"
        )
    if days * max_alarms_per_day < EVIDENCE:
        doubts.append(
            f"{days * 24:.1f} hours of traffic cannot show a rate of {max_alarms_per_day:g} alarms a day (it allows {allowed}); "
            f"with 95 % confidence the rate is below {(allowed + EVIDENCE) / days:.1f} a day"
            + (f"; {EVIDENCE / max_alarms_per_day:.1f} days would do" if max_alarms_per_day else "")
        )
    return doubts


def origin_of(point: dict[str, Any] | None, package: Package) -> dict[str, Any]:
    """What the report says of the operating point: where it comes from, its threshold, its doubts."""
    if point is None:
        own = package.manifest["operating_point"]
        text = f"set on out-of-fold flows of the training data for at most {own['wanted_false_alarm_share']:.2%} false alarms"
        return {"log_odds": own["log_odds"], "attack_probability": own["attack_probability"], "origin": text, "doubts": []}
    basis = f"{point['benign_flows']:,} benign flows of {point['days']:.2f} days of this network"
    text = f"set on {basis} for at most {point['max_alarms_per_day']:g} alarms a day"
    return {"log_odds": point["log_odds"], "attack_probability": point["attack_probability"], "origin": text, "doubts": point["doubts"]}


def told(point: dict[str, Any]) -> str:
    """The result of a calibration in words."""
    lines = [
        f"{point['benign_flows']:,} benign flows of {point['days'] * 24:.1f} hours",
        f"attack from probability {point['attack_probability']:.6f} on (log-odds {point['log_odds']:.2f})",
        *(f"{when}: {r['alarms_per_day']:.1f} alarms a day ({r['false_alarm_share']:.3%} of flows), {r['unknown_share']:.2%} unknown"
          for when, r in (("before", point["before"]), ("after", point["after"]))),
        "found of the labelled out-of-fold flows: " + ", ".join(
            f"{name} {point['recall'][name]:.1%} (before {point['recall_before'][name]:.1%})" for name in point["recall"]),
    ]  # fmt: skip
    return "\n".join(lines)


def log_odds_quantiles(log_odds: np.ndarray, truth: np.ndarray, classes: Sequence[str], count: int = 2001) -> dict[str, list[float]]:
    """Per class the quantiles of the attack log-odds of labelled flows, from which `recall_of` reads any threshold."""
    grid = np.linspace(0.0, 1.0, count)
    return {
        name: np.quantile(log_odds[truth == c], grid, method="nearest").tolist() for c, name in enumerate(classes) if (truth == c).any()
    }
