"""Verdicts on labelled flows, counted in flows and with every capture weighing the same: captures differ in size a
hundredfold, so that shares over flows are those of the largest ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from iotids.detecting.judging.verdict_words import ATTACK, UNKNOWN
from iotids.learning.scores.judged import capture_weights
from iotids.learning.scores.ranking import area_under_roc, detection_curve

VERDICT_COLUMNS = ("label", "counted in", "number", "attack", "unknown", "benign", "this very class")
RANKING_COLUMNS = ("site", "flows", "captures", "ROC AUC over flows", "ROC AUC, captures weigh the same")


def verdict_rows(
    label: np.ndarray, capture: np.ndarray, code: np.ndarray, named: np.ndarray
) -> Iterator[tuple[str, str, int, float, float, float, float]]:
    """Two rows per label, VERDICT_COLUMNS: over its flows, and the mean over captures of each capture's shares.

    Parameters
    ----------
    label, capture : (n,) text
    code : (n,) verdicts
    named : (n,) text
        The class that each verdict names.
    """
    for name in np.unique(label):
        mine = label == name
        verdict, right = code[mine], (named[mine] == name) & (code[mine] != UNKNOWN)
        reported = np.stack([verdict == ATTACK, verdict == UNKNOWN, verdict == 0, right])
        by_capture = capture_weights(capture[mine])
        captures = int(np.unique(capture[mine]).size)
        for counted, number, weight in (("flows", right.size, None), ("captures", captures, by_capture)):
            shares = [float(share) for share in np.average(reported, axis=1, weights=weight)]
            yield str(name), counted, number, shares[0], shares[1], shares[2], shares[3]


def ranking_rows(
    attack: np.ndarray, log_odds: np.ndarray, site: np.ndarray, capture: np.ndarray
) -> Iterator[tuple[str, int, int, float, float]]:
    """All sites, then each, RANKING_COLUMNS: how well the log-odds rank attacks above benign flows; NaN where a site
    has only one of them. Flows without finite log-odds rank lowest.

    Parameters
    ----------
    attack : (n,) bool
    log_odds : (n,) float
    site, capture : (n,) text
    """
    score = np.where(np.isfinite(log_odds), log_odds, -np.finfo(float).max)
    sites = [str(name) for name in np.unique(site)]
    for name in ["all", *sites] if len(sites) > 1 else sites:
        mine = np.ones(site.size, bool) if name == "all" else site == name
        areas = [
            area_under_roc(detection_curve(attack[mine], score[mine], weight))
            for weight in (None, capture_weights(capture[mine]))
        ]
        yield name, int(mine.sum()), int(np.unique(capture[mine]).size), areas[0], areas[1]
