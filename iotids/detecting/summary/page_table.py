"""Tables and figures of the report as HTML; every text that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


class Html(str):
    """Text that is HTML already; everything else a table gets is escaped."""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], kinds: str) -> str:
    """A table; `kinds` says per column t for text, n for numbers, and its last letter holds for all further
    columns.
    """
    classes = [
        "" if (kinds[j] if j < len(kinds) else kinds[-1]) == "t" else " class='n'"
        for j in range(len(columns))
    ]
    head = "".join(f"<th{kind}>{escape(column)}</th>" for kind, column in zip(classes, columns, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{_cell(v)}</td>' for kind, v in zip(classes, row, strict=True))}</tr>"
        for row in rows
    )
    many = " class='many'" if len(columns) > 4 else ""
    return f"<div class='wide'><table{many}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(value: Any) -> str:
    """The content of a cell."""
    if isinstance(value, Html):
        return value
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


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


def mean_and_std(score: Mapping[str, float | None] | None) -> str:
    """A score over folds."""
    if score is None or score["mean"] is None:
        return "–"
    return f"{score['mean']:.4f}" + ("" if score["std"] is None else f" ± {score['std']:.4f}")
