"""Features that are near-constant, equal, correlated or impossible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iotids.auditing.plots import blank_figure
from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_features(findings: Findings) -> Section:
    """Near-constant, equal, correlated and impossible."""
    audit = findings.numbers
    found = audit["features"]
    near = [
        [name, f"{row['value']:g}", percent(row["share"])] for name, row in found["near_constant"].items()
    ]
    impossible = [
        [
            name,
            f"{row['negative']:,}",
            f"{row['absolute_time']:,}",
            f"{row['smallest']:g}",
            f"{row['largest']:g}",
        ]
        for name, row in found["impossible"].items()
    ]
    groups = [[", ".join(group)] for group in found["correlated"]]
    tables = (
        [
            Table(
                f"One value in at least {percent(audit['near_constant_share'])} of the rows",
                ["feature", "value", "share"],
                near,
            )
        ]
        if near
        else []
    )
    if found["equal"]:
        tables.append(
            Table("Equal in every row", ["features"], [[", ".join(group)] for group in found["equal"]])
        )
    if groups:
        tables.append(Table(f"Rank correlation of {audit['correlation']} or more", ["features"], groups))
    if impossible:
        tables.append(
            Table(
                "Values that cannot be",
                ["feature", "negative", "absolute times", "smallest", "largest"],
                impossible,
            )
        )
    dated = [name for name, row in found["impossible"].items() if row["absolute_time"]]
    n_correlated = sum(len(group) for group in found["correlated"])
    return Section(
        "features",
        "Features that say nothing, or the same thing",
        f"{len(near)} features are constant or nearly so, {sum(len(group) - 1 for group in found['equal'])} repeat another "
        f"exactly, {n_correlated} stand in {len(groups)} highly correlated groups, and {len(impossible)} hold values that cannot be."
        + (
            f" {', '.join(dated)} hold absolute times: they carry the date of the recording into the model."
            if dated
            else ""
        ),
        "Flood et al. (EuroS&P 2024) list highly dependent features among the design smells. Ten of IoTID20's columns are constant. Versions of "
        "CICFlowMeter before mid-2020 mix absolute times of 1.5e15 µs into the idle columns, and captures out of order give negative times; "
        "Engelen, Rimmer and Joosen (SPW 2021) and Liu et al. (CNS 2022) list such errors of the tool.",
        "The 70 features hold far fewer independent ones. Importance measured one feature at a time is shared out among twins. Impossible "
        "values come from the meter's version and mark it. An absolute time is worse: it alone distinguishes recordings of other years, "
        "and with them the classes; meter with the profile `clean` or `corrected`, or leave such columns out, to see what is left.",
        tables,
        {"correlations": lambda: draw_correlations(findings.correlations)}
        if len(findings.correlations) > 1
        else {},
    )


def draw_correlations(correlations: np.ndarray) -> Figure:
    """Rank correlations of the features, in the schema's order."""
    figure, axes = blank_figure(6.2, 5.4)
    image = axes.imshow(correlations, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
    axes.set_xlabel("feature number, constant ones left out")
    figure.colorbar(image, label="Spearman's rank correlation")
    return figure
