"""What a flow table says of the meter that made it: version, profile, and the settings that this profile looks at."""

from __future__ import annotations

from iotids.flowmeter.profiles import CLEAN, Profile
from iotids.version import VERSION


def meter_origin(
    profile: Profile,
    *,
    flow_timeout_s: float,
    activity_timeout_s: float,
    idle_timeout_s: float,
    tunnels: str,
) -> dict[str, str]:
    """Metadata of a flow table, as `writing.table_origin` reads it; idle timeout and tunnels only where they matter."""
    times = {"flow_timeout_s": flow_timeout_s, "activity_timeout_s": activity_timeout_s}
    only_clean = {"idle_timeout_s": f"{idle_timeout_s:.15g}", "tunnels": tunnels}
    return {
        "meter": f"iotids {VERSION}",
        "profile": profile.name,
        **{name: f"{seconds:.15g}" for name, seconds in times.items()},
        **(only_clean if profile.logic == CLEAN else {}),
    }
