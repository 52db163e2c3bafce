"""The four ways to meter: which tool's behaviour, and the switches the kernels take for it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from iotids.flowmeter.kernels.words import bundle

ORIGINAL, PAPER, CORRECTED, CLEAN = (
    0,
    1,
    2,
    3,
)  # the same numbers as in kernels/layout.py, a test compares them

SECRET_WORDS = 12  # the same number as in kernels/hashing.py, a test compares them
SHORTEST_S, LONGEST_S = 1e-6, 1e9  # kernels count microseconds; thirty years are for ever


@bundle
class Rules(NamedTuple):
    """Switches of the kernels, times in microseconds; and the secret of this run's hashes, see kernels/hashing.py."""

    logic: int
    true_links: int
    inner: int
    flow_us: int
    activity_us: int
    idle_us: int
    secret: np.ndarray


@dataclass(frozen=True)
class Profile:
    """A profile: its flow logic, and how its CSV looks."""

    name: str
    logic: int
    meaning: str
    has_extras: bool
    microsecond_text: bool
    cwr_name: str


PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        Profile("original", ORIGINAL, "CICFlowMeter V4 as published (2021)", False, False, "CWR Flag Count"),
        Profile(
            "paper",
            PAPER,
            "CICFlowMeter of February 2020, the era of the paper",
            False,
            False,
            "CWE Flag Count",
        ),
        Profile(
            "corrected",
            CORRECTED,
            "the corrected fork of Engelen, Rimmer, Joosen (2021) and Liu et al. (2022)",
            True,
            True,
            "CWR Flag Count",
        ),
        Profile(
            "clean",
            CLEAN,
            "corrected flow logic on every link type, IPv6, nothing invented, nothing dropped silently",
            True,
            True,
            "CWR Flag Count",
        ),
    )
}


def profile_named(name: str) -> Profile:
    """The profile of a name.

    Raises
    ------
    ValueError
        For a name that is none of the four.
    """
    if name not in PROFILES:
        raise ValueError(f"profile {name!r} is unknown; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


def new_secret() -> np.ndarray:
    """Random odd numbers, (SECRET_WORDS,) int64."""
    return np.frombuffer(os.urandom(8 * SECRET_WORDS), np.int64) | 1


def check_timeout(name: str, seconds: float, *, or_off: bool = False) -> None:
    """Refuse a timeout that is no number of seconds between a microsecond and LONGEST_S.

    Raises
    ------
    ValueError
        or_off: 0 is allowed.
    """
    if or_off and seconds == 0:
        return
    if not (math.isfinite(seconds) and SHORTEST_S <= seconds <= LONGEST_S):
        off = "0 (off) or " if or_off else ""
        raise ValueError(
            f"{name} {seconds:g} s: give {off}a number of seconds from {SHORTEST_S:f} to {LONGEST_S:,.0f}"
        )


def rules_of(
    profile: Profile,
    *,
    flow_timeout_s: float = 120.0,
    activity_timeout_s: float = 5.0,
    idle_timeout_s: float = 120.0,
    tunnels: str = "inner",
) -> Rules:
    """Switches for the kernels.

    Parameters
    ----------
    profile : Profile
    flow_timeout_s : float
        A packet later than this after the flow's start ends the flow; CICFlowMeter: 120.
    activity_timeout_s : float
        A gap longer than this is idle time; CICFlowMeter: 5.
    idle_timeout_s : float
        Only clean: a flow silent for longer is over and its connection forgotten; 0 switches it off.
    tunnels : str
        Only clean: "inner" meters what 6in4, 4in6, IP in IP and GRE carry, "outer" the tunnel itself.

    Raises
    ------
    ValueError
        For a timeout that is not positive, a negative idle timeout, one above LONGEST_S or another word for
        tunnels.
    """
    check_timeout("flow timeout", flow_timeout_s)
    check_timeout("activity timeout", activity_timeout_s)
    check_timeout("idle timeout", idle_timeout_s, or_off=True)
    if tunnels not in ("inner", "outer"):
        raise ValueError(f"tunnels is {tunnels!r}; choose inner or outer")
    is_clean = profile.logic == CLEAN
    return Rules(
        logic=profile.logic,
        true_links=int(is_clean),
        inner=int(tunnels == "inner"),
        flow_us=round(flow_timeout_s * 1e6),
        activity_us=round(activity_timeout_s * 1e6),
        idle_us=round(idle_timeout_s * 1e6) if is_clean else 0,
        secret=new_secret(),
    )
