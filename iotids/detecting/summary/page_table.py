"""Figures of the report page as short text: shares, counts, scores."""

from __future__ import annotations

from collections.abc import Mapping

SHORTEST_DAYS = 1 / 24  # of traffic for a rate a day


def ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Largest first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def percent(share: float | None) -> str:
    """A share with as many digits as it needs."""
    if share is None:
        return "–"
    return "0 %" if share == 0 else f"{100 * share:.3f} %" if share < 0.01 else f"{100 * share:.1f} %"


def figure(value: float | None, *, plus: bool = False) -> str:
    """A number short enough to read."""
    if value is None or value - value != 0.0:
        return "not finite"
    text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"+{text}" if plus and value > 0 else text


def value_and_std(score: Mapping[str, float | None] | None, digits: int = 4) -> str:
    """A score, with its standard deviation over folds where it is a mean of them."""
    if score is None or score["value"] is None:
        return "–"
    return f"{score['value']:.{digits}f}" + ("" if score["std"] is None else f" ± {score['std']:.{digits}f}")
