"""What forbids to read a card without a red finding as a clean one: too few rows to see an effect, or something that the models
are not shown and that gives the class away.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from iotids.auditing.scorecard.finding import NOTED, Finding
from iotids.counted import counted

WIDE_POINTS = 5.0  # half the width of an interval, beyond which an effect that matters goes unnoticed
CLUES = ("time as a feature", "identity columns", "port and protocol shortcut")
GIVEN_AWAY = 0.9  # balanced accuracy of one thing alone


def doubts_of(findings: Sequence[Finding], rows: int) -> tuple[str, ...]:
    """A sentence each, without a full stop; `rows` are those that were fitted on."""
    doubts = []
    widths = [(worth.high - worth.low) / 2 for finding in findings for worth in finding.worth]
    if widths and (half := median(widths)) > WIDE_POINTS:
        doubts.append(
            f"{counted(rows, 'row')} are too few to see what a finding is worth: the effects are known to ± {half:.0f} points of macro F "
            "(median), so that what is worth less goes unnoticed"
        )
    for finding in findings:
        reached = finding.details.get("balanced_accuracy", 0.0)
        alone = max(reached.values(), default=0.0) if isinstance(reached, dict) else reached
        if finding.check in CLUES and finding.status == NOTED and alone > GIVEN_AWAY:
            doubts.append(
                f"{finding.check}: it alone has a balanced accuracy of {alone:.3f}, so that whatever goes along with it can stand for the "
                "class, and a random split does not show that"
            )
    return tuple(doubts)
