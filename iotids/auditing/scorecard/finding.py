"""One line of the scorecard: what was looked for, what was found, and what it is worth in points of macro F."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MATERIAL_POINTS = 1.0
"""A finding is red only where its effect is larger than this, the lower end of its interval included."""
RULE = (
    "red: the statistic crosses the check's threshold, and for one of its interventions the whole 95 % interval of the effect "
    f"lies above {MATERIAL_POINTS:g} point of macro F. noted: the statistic crosses it, without such an effect or without an intervention. "
    "clear: the statistic does not cross it, whatever the effect. Thresholds are constants of the checks and the same for every table."
)
"""Written into every card; a change of it is a change of the schema's version."""
RED, NOTED, CLEAR, NOT_APPLICABLE = "red", "noted", "clear", "not applicable"


@dataclass(frozen=True)
class Worth:
    """The effect of an intervention on a fitted model: macro F as it is minus macro F after it, in points of 100,
    with a 95 % interval over `repeats` splits.
    """

    intervention: str
    before: float
    after: float
    points: float
    low: float
    high: float
    repeats: int

    @property
    def material(self) -> bool:
        """Whether the whole interval lies on the far side of the threshold."""
        return self.low > MATERIAL_POINTS


@dataclass(frozen=True)
class Finding:
    """A check's result.

    Attributes
    ----------
    check : name, stable between versions
    suspicious : whether the statistic crossed its threshold; None where the table has nothing to measure it on
    said : one sentence with the figures
    details : numbers for the JSON
    worth : the effects of its interventions; empty where none is defined
    """

    check: str
    suspicious: bool | None
    said: str
    details: dict[str, Any] = field(default_factory=dict)
    worth: tuple[Worth, ...] = ()

    @property
    def status(self) -> str:
        """Red where it matters, noted where it is there and does not matter, clear, or not applicable."""
        if self.suspicious is None:
            return NOT_APPLICABLE
        if self.suspicious:
            return RED if any(one.material for one in self.worth) else NOTED
        return CLEAR


def not_applicable(check: str, why: str) -> Finding:
    """A check that this table gives nothing to measure on."""
    return Finding(check, None, why)
