"""Test rows with an identical twin in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iotids.auditing.plots import bars
from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_twins(findings: Findings) -> Section | None:
    """Test rows with a twin in training."""
    audit = findings.numbers
    if not audit["twins"]:
        return None
    rows = []
    for split, kinds in audit["twins"].items():
        shares = {}
        for kind, folds in kinds.items():
            tested, twins = sum(fold["test_rows"] for fold in folds), sum(fold["twins"] for fold in folds)
            shares[kind] = twins / tested if tested else float("nan")
        rows.append([split, str(len(kinds["exact"])), percent(shares["exact"]), percent(shares["rounded"])])
    worst = max(rows, key=lambda row: row[2] != "–" and float(row[2].split()[0]))
    return Section(
        "twins",
        "Test rows that were seen in training",
        f"In the split `{worst[0]}` {worst[2]} of the test rows have an identical twin among the training rows of their fold.",
        "Arp et al. (USENIX Security 2022) find data snooping in 57 % and sampling bias in 60 % of 30 papers; Kostas, Just and Lones (arXiv "
        "2406.07578) show for IoT traffic that packets of one burst on both sides of a random split inflate scores.",
        "The score on a twin measures memory. Read the score of the stratified split beside those of `dup_grouped` and `grouped`; the "
        "difference is what memory contributes.",
        [
            Table(
                "Share of test rows with a twin in training, over all folds",
                ["split", "folds", "exact", "rounded"],
                rows,
            )
        ],
        {"twins": lambda: draw_twins(audit["twins"])},
    )


def draw_twins(twins: Mapping[str, Any]) -> Figure:
    """Share of test rows with a twin in training."""
    kinds = {}
    for kind in ("exact", "rounded"):
        sums = {
            name: (sum(fold["twins"] for fold in folds[kind]), sum(fold["test_rows"] for fold in folds[kind]))
            for name, folds in twins.items()
        }
        kinds[kind] = {name: n_twins / max(n_rows, 1) for name, (n_twins, n_rows) in sums.items()}
    return bars(list(twins), kinds, "share of test rows with a twin in training")
