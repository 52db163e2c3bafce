"""Copies and contradictions: rows with the features of another row, of the same class or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iotids.auditing.plots import bars
from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_duplicates(findings: Findings) -> Section:
    """Copies and contradictions."""
    audit = findings.numbers
    exact, rounded = audit["duplicates"]["exact"], audit["duplicates"]["rounded"]
    rows = [
        [
            name,
            percent(exact["copies_share_per_class"][name]),
            percent(rounded["copies_share_per_class"][name]),
        ]
        for name in audit["classes"]
    ]
    rows.append(["all", percent(exact["copies_share"]), percent(rounded["copies_share"])])
    conflicts = [
        [pair, f"{n:,}"]
        for pair, n in sorted(exact["conflicting_rows_per_pair"].items(), key=lambda item: -item[1])
    ]
    tables = [
        Table(
            f"Share of rows that copy another (rounded: to {audit['significant_digits']} significant digits)",
            ["class", "exact", "rounded"],
            rows,
        )
    ]
    if conflicts:
        tables.append(Table("Rows whose identical features carry both labels", ["labels", "rows"], conflicts))
    return Section(
        "duplicates",
        "Copies and contradictions",
        f"{exact['distinct']:,} of {exact['rows']:,} feature vectors are distinct; {percent(exact['copies_share'])} of the rows are copies "
        f"({percent(rounded['copies_share'])} after rounding); one vector occurs {exact['largest_group']:,} times. "
        f"{exact['conflicting_rows']:,} rows share their vector with a row of another class, so no classifier of single rows can exceed "
        f"{percent(exact['best_possible_accuracy'])} on this table.",
        "IoTID20 (D1 through CICFlowMeter): 26.2 % fully duplicate rows, 293,696 distinct vectors of 625,783. Scenario 34-1 of IoT-23: "
        "15,267 of 23,145 connections equal but for time and identifier (Goldschmidt and Chudá, arXiv 2502.06688, for such counts over many "
        "datasets).",
        "Copies weight a score towards what is easy and repeated; they must not stand on both sides of a split (next section). "
        "Contradictions are the honest part of the error: a score above the bound would mean a leak.",
        tables,
        {"duplicates": lambda: draw_duplicates(audit)},
    )


def draw_duplicates(audit: Mapping[str, Any]) -> Figure:
    """Share of copies per class."""
    kinds = {kind: audit["duplicates"][kind]["copies_share_per_class"] for kind in ("exact", "rounded")}
    return bars(audit["classes"], kinds, "share of rows that copy another")
