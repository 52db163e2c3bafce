"""What the flow timeout did to connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from iotids.auditing.plots import COLOURS, new_figure
from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_timeouts(findings: Findings) -> Section:
    """Flow timeouts."""
    audit = findings.numbers
    rows = [
        [
            row["source"],
            f"{row['flows']:,}",
            f"{row['connections']:,}",
            percent(row["continued_share"]),
            percent(row["continued_within_1s_share"]),
            percent(row["one_packet_share"]),
            percent(row["no_duration_share"]),
            f"{row['duration_s']['median']:.3g}",
            f"{row['duration_s']['p99']:.4g}",
            f"{row['duration_s']['max']:.4g}",
        ]
        for row in audit["timeouts"]
    ]
    most = max(audit["timeouts"], key=lambda row: row["continued_share"])
    header = [
        "source",
        "flows",
        "connections",
        "continued",
        "within 1 s",
        "one packet",
        "no duration",
        "median s",
        "99 % s",
        "longest s",
    ]
    return Section(
        "timeouts",
        "What the flow timeout did",
        f"In `{most['source']}` {percent(most['continued_share'])} of the rows continue an earlier row of the same connection "
        f"({percent(most['continued_within_1s_share'])} within a second of its end).",
        "Pekar and Jozsa (arXiv 2401.16843) show that the timeout changes what models score. IoTID20's longest flow is 99,984 µs: its "
        "connections were chopped every 100 ms, which multiplies rows that look alike.",
        "Rows of one connection are not independent. Where sources differ in longest duration or in the share of continued rows, the "
        "timeout is a mark of the source; meter all captures with one setting. `iotids timeouts` meters them again with other "
        "timeouts and shows what becomes of the flows, their classes and a tree's score.",
        [Table("Rows and connections (same capture, endpoints, ports and protocol)", header, rows)],
        {"durations": lambda: draw_durations(findings.durations_s)},
    )


def draw_durations(durations_s: Mapping[str, np.ndarray]) -> Figure:
    """Cumulative share of flows by duration."""
    figure, axes = new_figure("flow duration in seconds (0 drawn at 1 µs)", height=3.6)
    for number, (source, values) in enumerate(durations_s.items()):
        ordered = np.sort(np.maximum(values, 1e-6))
        axes.step(
            ordered,
            np.arange(1, len(ordered) + 1) / max(len(ordered), 1),
            where="post",
            color=COLOURS[number % len(COLOURS)],
            linestyle="--" if number >= len(COLOURS) else "-",
            label=source,
        )
    axes.set_xlim(1e-6, max(1.0, *(float(values.max(initial=0)) for values in durations_s.values())) * 2)
    axes.set_xscale("log")
    axes.set_ylabel("share of flows")
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, title="source")
    return figure
