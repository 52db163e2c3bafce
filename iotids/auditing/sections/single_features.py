"""What one feature alone can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iotids.auditing.plots import bars
from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_separability(findings: Findings) -> Section:
    """One feature alone."""
    audit = findings.numbers
    ranked = audit["separability"]
    rows = [
        [row["feature"], percent(row["classes"]), f"{row['attack_auc']:.3f}", percent(row["sources"])]
        for row in ranked[:15]
    ]
    strong = [row for row in ranked if row["attack_auc"] >= 0.9]
    return Section(
        "separability",
        "What one feature alone can do",
        f"The best single feature, `{ranked[0]['feature']}`, reaches {percent(ranked[0]['classes'])} balanced accuracy over the classes "
        f"(chance {percent(audit['class_chance'])}). {len(strong) or 'None'} of {len(ranked)} features alone rank attacks above benign flows "
        "with an area of 0.9 or more.",
        "D'hooge et al. (DIMVA 2022): the destination port alone separates ten datasets at 70 to 100 %, and some features that are no "
        "metadata do as well. Ports and addresses are no features here.",
        "If one column does most of the work, a deep network's score is no achievement of depth. Compare with the column `sources`: a "
        "feature that tells the source equally well is a shortcut rather than a symptom.",
        [
            Table(
                "The fifteen most telling features (table of 64 value ranges, fitted and measured on the same rows)",
                ["feature", "classes", "attack AUC", "sources"],
                rows,
            )
        ],
        {"separability": lambda: draw_separability(audit)},
    )


def draw_separability(audit: Mapping[str, Any]) -> Figure:
    """The most telling features."""
    rows = audit["separability"][:15]
    names = [row["feature"] for row in rows]
    kinds = {
        "class": {row["feature"]: row["classes"] for row in rows},
        "source": {row["feature"]: row["sources"] for row in rows},
    }
    return bars(names, kinds, "balanced accuracy of one feature alone")
