"""Table II: flows per dataset and class, the paper's figures beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.writing.markdown import csv_table, markdown_table

PAPER: dict[str, dict[str, int]] = {
    "D1": {"BENIGN": 496, "DOS": 3_273, "MITM": 378, "MIRAI": 18_623, "SCANNING": 3_476},
    "D2": {"SCANNING": 794_767},
    "D3": {"BENIGN": 437_322},
    "D4": {"MIRAI": 546_720},
}
"""Cells of Table II of Pecori et al., IJCNN 2020."""

PAPER_PRINTED_TOTALS = {
    "flows": 1_805_053,
    "BENIGN": 437_817,
    "ATTACK": 1_367_236,
    "DOS": 3_273,
    "MITM": 378,
    "MIRAI": 565_343,
    "SCANNING": 798_243,
}
"""Totals as printed; flows and BENIGN are not the sums of the cells (1,805,055 and 437,818)."""

Counts = Mapping[str, Mapping[str, int]]


def table2_csv(counts: Counts, classes: Sequence[str]) -> str:
    """Write one line per source and class: `source,class,flows,paper_flows`; the paper's figure is empty
    where it has no such source.
    """
    rows = [
        [source, name, counts[source].get(name, 0), PAPER[source].get(name, 0) if source in PAPER else None]
        for source in counts
        for name in classes
    ]
    return csv_table(["source", "class", "flows", "paper_flows"], rows)


def table2_markdown(counts: Counts, classes: Sequence[str], name: str) -> str:
    """Write the table with `ours (paper)` in each cell, and the sums.

    Parameters
    ----------
    counts : mapping
        Flows by source and class.
    classes : sequence of str
        The columns, in order.
    name : str
        What the data set is called.
    """
    with_paper = any(source in PAPER for source in counts)
    lines = []
    for source in counts:
        lines.append(_line(source, counts[source], PAPER.get(source) if with_paper else None, classes))
    lines.append(
        _line(
            "**Sum**",
            add_up(counts),
            add_up({source: PAPER[source] for source in counts if source in PAPER}) if with_paper else None,
            classes,
        )
    )
    text = markdown_table(["Dataset", "Flows", *classes], lines)
    text += f"\nData set `{name}`.\n"
    if with_paper:
        text += (
            "\nOurs, the paper's in parentheses. The paper prints 1,805,053 flows and 437,817 benign ones as totals; its own cells "
            "add up to"
            " 1,805,055 and 437,818, and these sums stand above.\n"
        )
    return text


def add_up(counts: Counts) -> dict[str, int]:
    """Add the sources up, class by class."""
    totals: dict[str, int] = {}
    for classes in counts.values():
        for name, n_flows in classes.items():
            totals[name] = totals.get(name, 0) + n_flows
    return totals


def _line(
    title: str, ours: Mapping[str, int], paper: Mapping[str, int] | None, classes: Sequence[str]
) -> list[str]:
    """Write one row."""
    cells = [(sum(ours.values()), sum(paper.values()) if paper is not None else None)]
    cells += [(ours.get(name, 0), paper.get(name, 0) if paper is not None else None) for name in classes]
    return [title, *(_cell(*cell) for cell in cells)]


def _cell(ours: int, paper: int | None) -> str:
    """Write one cell; a dash for none."""
    own = f"{ours:,}" if ours else "–"
    return own if paper is None else f"{own} ({paper:,})" if paper else f"{own} (–)" if ours else "–"
