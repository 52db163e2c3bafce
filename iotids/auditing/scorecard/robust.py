"""Does the headline hold: the same forest under every way of splitting, with and without copies."""

from __future__ import annotations

from collections.abc import Sequence

from iotids.auditing.scorecard.finding import Finding

WAYS = ("duplicates", "flow groups", "temporal realism", "row order", "unseen site")


def check_robustness(findings: Sequence[Finding]) -> Finding:
    """The lowest macro F of the splits that the other checks fitted."""
    scores = {
        worth.intervention: worth.after
        for finding in findings
        if finding.check in WAYS
        for worth in finding.worth
        if not worth.intervention.startswith("give")
    }
    plain = next(one.before for finding in findings for one in finding.worth)
    if not scores:
        return Finding("result robustness", None, "no other way of splitting is possible", {})
    worst = min(scores, key=lambda name: scores[name])
    return Finding(
        "result robustness",
        plain - scores[worst] > 5,
        f"macro F is {plain:.1f} under a random split and {scores[worst]:.1f} at worst ({worst}).",
        {"random split": plain, **scores},
    )
