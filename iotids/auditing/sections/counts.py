"""What is in the dataset: flows and recordings per source and class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.auditing.plots import COLOURS, new_figure
from iotids.auditing.sections.section import Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_counts(findings: Findings) -> Section:
    """Flows per source and class, and how many recordings stand behind them."""
    audit = findings.numbers
    counts, groups, classes = audit["counts"], audit["groups"], audit["classes"]
    rows = [
        [
            source,
            *(
                f"{counts[source][name]:,} ({groups[source][name]})" if counts[source].get(name) else "–"
                for name in classes
            ),
        ]
        for source in counts
    ]
    thin = [name for name in classes if sum(groups[source].get(name, 0) for source in counts) < 5]
    lonely = [name for name in classes if sum(1 for source in counts if counts[source].get(name)) == 1]
    return Section(
        "counts",
        "What is in it",
        f"{sum(sum(row.values()) for row in counts.values()):,} flows of {len(counts)} sources. "
        + (
            f"Only one source has flows of {', '.join(lonely)}. "
            if lonely
            else "Every class comes from two sources or more. "
        )
        + (
            f"Fewer than five recordings stand behind {', '.join(thin)}."
            if thin
            else "Every class has five recordings or more."
        ),
        "Table II of the paper has DoS and MITM from D1 only, 99.89 % of the benign flows from D3, 99.56 % of the scans from D2 and 96.71 % "
        "of Mirai from D4. Flood et al. (EuroS&P 2024) list poor diversity among their design smells.",
        "A class that one network or one recording stands for cannot be distinguished from that network or recording. What a model scores on it is "
        "an upper bound of what it has learnt about the attack.",
        [Table("Flows per source and class; recordings (groups) in parentheses", ["source", *classes], rows)],
        {"counts": lambda: draw_counts(audit)},
    )


def draw_counts(audit: Mapping[str, Any]) -> Figure:
    """Share of each source in each class."""
    classes, counts = audit["classes"], audit["counts"]
    totals = {name: max(sum(counts[source].get(name, 0) for source in counts), 1) for name in classes}
    figure, axes = new_figure("share of the class's flows", height=0.5 * len(classes) + 1.4)
    left = np.zeros(len(classes))
    for number, source in enumerate(counts):
        shares = np.array([counts[source].get(name, 0) / totals[name] for name in classes])
        # with more sources than colours the second round is hatched
        hatch = "///" if number >= len(COLOURS) else None
        axes.barh(
            classes,
            shares,
            left=left,
            color=COLOURS[number % len(COLOURS)],
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=source,
        )
        left += shares
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, title="source")
    return figure
