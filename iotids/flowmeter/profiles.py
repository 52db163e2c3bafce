"""The four ways to meter: which tool's behaviour, and the switches the kernels take for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ORIGINAL, PAPER, CORRECTED, CLEAN = (
    0,
    1,
    2,
    3,
)  # the same numbers as in kernels/layout.py, a test compares them


class Rules(NamedTuple):
    """Switches of the kernels; all integers, times in microseconds."""

    logic: int
    true_links: int
    inner: int
    flow_us: int
    activity_us: int
    idle_us: int


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
        For a timeout that is not positive, a negative idle timeout or another word for tunnels.
    """
    if not flow_timeout_s > 0 or not activity_timeout_s > 0 or not idle_timeout_s >= 0:
        raise ValueError(
            f"flow timeout {flow_timeout_s} s, activity timeout {activity_timeout_s} s, idle timeout {idle_timeout_s} s: "
            "the first two must be above 0, the last 0 (off) or above"
        )
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
    )
