"""HTML pages that need nothing else: escaping, tables, one style; every text from outside is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #d0d7de; --card: #f6f8fa;
  --attack: #c0362c; --unknown: #a06a00; --benign: #2f7d4f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --line: #30363d; --card: #161b22;
    --attack: #ff7b72; --unknown: #e3b341; --benign: #56d364; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem }
p.lead { font-size: 1.05rem }
.soft { color: var(--soft) }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem 1rem; flex: 1 1 8rem; max-width: 14rem }
.card b { display: block; font-size: 1.5rem; line-height: 1.3 }
.attack { color: var(--attack) } .unknown { color: var(--unknown) } .benign { color: var(--benign) }
.wide { overflow-x: auto }
.wide + .wide { margin-top: 1.2rem }
svg { min-width: 42rem }
table.many { min-width: 52rem }
table.facts { min-width: 30rem }
table.facts th { white-space: nowrap }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; color: var(--soft) }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td { overflow-wrap: break-word; max-width: 34rem }
code { font: .85em ui-monospace, monospace; background: var(--card); border-radius: 4px; padding: .05rem .25rem; overflow-wrap: anywhere }
.warn { border-left: 4px solid var(--unknown); background: var(--card); padding: .6rem 1rem; margin: 1rem 0 }
.note { border-left: 4px solid var(--line); background: var(--card); padding: .6rem 1rem }
.conclusion { border-left: 4px solid var(--benign); background: var(--card); padding: .6rem 1rem }
.caption { font-weight: 600; font-size: .9rem; margin: 1.2rem 0 .2rem }
figure { margin: 1rem 0 }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px }
nav ul { columns: 2 }
ul { padding-left: 1.2rem }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif }
svg .attack { fill: var(--attack) } svg .unknown { fill: var(--unknown) } svg .benign { fill: var(--benign) }
svg line { stroke: var(--line) }
details summary { cursor: pointer; color: var(--soft) }
"""
WIDE_FROM_COLUMNS = 5  # such tables scroll sideways on a phone


class Html(str):
    """Text that is HTML already; everything else is escaped."""


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], kinds: str) -> str:
    """A table; `kinds` says per column t for text, n for numbers; its last letter holds for all further columns."""
    letters = kinds.ljust(len(columns), kinds[-1])
    classes = ["" if letter == "t" else " class='n'" for letter in letters[: len(columns)]]
    head = "".join(f"<th{kind}>{escape(column)}</th>" for kind, column in zip(classes, columns, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{_cell(v)}</td>' for kind, v in zip(classes, row, strict=True))}</tr>"
        for row in rows
    )
    many = " class='many'" if len(columns) >= WIDE_FROM_COLUMNS else ""
    return f"<div class='wide'><table{many}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(value: Any) -> str:
    """The content of a cell; whole numbers get separators."""
    if isinstance(value, Html):
        return value
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_count else escape(str(value))


def text_with_code(text: str) -> Html:
    """Escape text; what stands between backticks becomes code."""
    return Html(re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text)))
