"""Verdicts over time as an inline SVG: stacked bars on a square-root scale, so that three alarms beside a
thousand flows are seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 1040, 190, 46, 26, 8
ORDER = ("attack", "unknown", "benign")  # from the axis up


def timeline_svg(timeline: Mapping[str, Any]) -> str:
    """The picture for `summary["timeline"]`: bin_s, and bars with start and a count per verdict."""
    bars = timeline["bars"]
    if not bars:
        return "<p class='soft'>No flows.</p>"
    peak = max(sum(bar.get(v, 0) for v in ORDER) for bar in bars)
    width = (WIDTH - LEFT) / len(bars)
    parts = [_bar(bar, LEFT + i * width, max(width - 0.6, 0.8), peak) for i, bar in enumerate(bars)]
    legend = " ".join(f"<tspan class='{v}'>■</tspan> {v}" for v in ORDER)
    first, last = escape(bars[0]["start"][:19]), escape(bars[-1]["start"][:19])
    base = HEIGHT - BOTTOM
    return (
        f"<div class='wide'><svg viewBox='0 0 {WIDTH} {HEIGHT + 20}' width='100%' role='img' aria-label='flows over time by verdict'>"
        f"{''.join(parts)}<line x1='{LEFT}' x2='{WIDTH}' y1='{base}' y2='{base}'/>"
        f"<text x='{LEFT - 6}' y='{TOP + 10}' text-anchor='end'>{peak:,}</text><text x='{LEFT - 6}' y='{base}' text-anchor='end'>0</text>"
        f"<text x='{LEFT}' y='{base + 16}'>{first}</text><text x='{WIDTH}' y='{base + 16}' text-anchor='end'>{last} UTC</text>"
        f"<text x='{LEFT}' y='{HEIGHT + 12}'>{legend} — flows per {_span(timeline['bin_s'])}, square-root scale</text></svg></div>"
    )


def _bar(bar: Mapping[str, Any], x: float, width: float, peak: int) -> str:
    """One stacked bar with its figures as a tooltip."""
    total = sum(bar.get(v, 0) for v in ORDER)
    if total == 0:
        return ""
    space = HEIGHT - BOTTOM - TOP
    roots = {v: bar.get(v, 0) ** 0.5 for v in ORDER}
    height = space * (total / peak) ** 0.5
    rectangles, y = [], float(HEIGHT - BOTTOM)
    for v in ORDER:
        if not bar.get(v):
            continue
        part = height * roots[v] / sum(roots.values())
        y -= part
        rectangles.append(
            f"<rect class='{v}' x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{part:.1f}'/>"
        )
    counts = ", ".join(f"{bar[v]:,} {v}" for v in ORDER if bar.get(v))
    return f"<g><title>{escape(bar['start'][:19])}: {counts}</title>{''.join(rectangles)}</g>"


def _span(seconds: float) -> str:
    """A bin's width in the largest unit that fits."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}{'s' if seconds / size >= 1.05 else ''}"
    return f"{seconds:.3g} second{'s' if seconds >= 1.05 else ''}"
