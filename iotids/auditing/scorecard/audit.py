"""All checks of a table in the order of the card, with progress; a check that fails never hides the others."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iotids.auditing.scorecard import columns, order, rows, sites
from iotids.auditing.scorecard.doubts import doubts_of
from iotids.auditing.scorecard.exporters import check_exporter
from iotids.auditing.scorecard.finding import RED, Finding
from iotids.auditing.scorecard.releases import check_release
from iotids.auditing.scorecard.sample import Sample, draw
from iotids.auditing.scorecard.tables import Labelled
from iotids.counted import counted

CHECKS: tuple[Callable[[Sample], Finding], ...] = (
    rows.check_classes,
    rows.check_integrity,
    rows.check_constant,
    columns.check_other_labels,
    rows.check_duplicates,
    rows.check_conflicts,
    rows.check_near_duplicates,
    rows.check_homogeneity,
    columns.check_one_feature,
    columns.check_one_rule,
    columns.check_importance,
    columns.check_ports,
    columns.check_sensitivity,
    columns.check_identity,
    columns.check_families,
    order.check_row_order,
    order.check_time,
    order.check_temporal_realism,
    sites.check_groups,
    sites.check_unseen_site,
    sites.check_matrix,
    rows.check_seeds,
    rows.check_permuted,
)
WAYS = (
    "duplicates",
    "flow groups",
    "temporal realism",
    "row order",
    "unseen site",
)  # checks that fit a forest under another split


@dataclass(frozen=True)
class Card:
    """A table's scorecard.

    Attributes
    ----------
    sha256 : of the table's file
    doubts : why no red finding is no clean bill
    macro_f : mean and standard deviation of a forest's macro F over random splits, in points
    """

    name: str
    sha256: str
    rows: int
    sampled: int
    classes: dict[str, int]
    macro_f: tuple[float, float]
    findings: tuple[Finding, ...]
    seconds: float
    doubts: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What the findings amount to: how many matter, or why that cannot be said."""
        red = sum(one.status == RED for one in self.findings)
        if not red and self.doubts:
            return f"doubtful: no finding can be shown to matter, but {counted(len(self.doubts), 'doubt')}"
        return f"{counted(red, 'finding')} that matter{'s' * (red == 1)}" if red else "no finding matters"


def audit_table(
    table: Labelled,
    path: Path,
    *,
    sample_rows: int,
    seed: int,
    reference: Labelled | None = None,
    report: Callable[[str], None] = lambda name: None,
) -> Card:
    """Run every check on a table.

    Parameters
    ----------
    sample_rows : rows that models are fitted on; counts of rows are of the whole table
    reference : a second table, for the two checks that compare
    report : called with the name of each check before it runs
    """
    start, sample = time.monotonic(), draw(table, sample_rows, seed)
    findings = [check_exporter(table), check_release(table)]
    for check in CHECKS:
        report(check.__name__.removeprefix("check_").replace("_", " "))
        findings.append(check(sample))
    findings += sites.check_reference(sample, draw(reference, sample_rows, seed) if reference else None)
    findings.append(check_robustness(findings))
    seeds = next(one for one in findings if one.check == "seed sensitivity").details
    return Card(
        name=table.name,
        sha256=_sha256(path),
        rows=table.rows,
        sampled=len(sample.rows),
        classes=next(one for one in findings if one.check == "class distribution").details,
        macro_f=(sum(seeds["scores"]) / len(seeds["scores"]), seeds["sd"]),
        findings=tuple(findings),
        seconds=time.monotonic() - start,
        doubts=doubts_of(findings, len(sample.rows)),
    )


def _sha256(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
