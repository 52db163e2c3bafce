"""Write the audit as Markdown and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence

from iotids.auditing.sections.section import Section, Table

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .86rem; display: block; overflow-x: auto; }
.caption { font-weight: 600; font-size: .86rem; margin: 1.2rem 0 -.7rem; } code { font-size: .9em; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; }
th { background: var(--soft); text-align: left; } td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td { overflow-wrap: break-word; max-width: 34rem; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.published { background: var(--soft); padding: .6rem .9rem; border-left: 4px solid #888; }
.conclusion { background: #2a7f4e22; padding: .6rem .9rem; border-left: 4px solid #2a7f4e; }
nav ul { columns: 2; }
"""


def write_markdown(title: str, lead: str, sections: Sequence[Section], figures: Mapping[str, bytes]) -> str:
    """Write the page as Markdown; figures are named as files in the folder `figures`."""
    lines = [f"# {title}", "", lead, ""]
    for section in sections:
        lines += [f"## {section.title}", "", section.finding, ""]
        lines += [f"![{section.title}](figures/{name}.png)\n" for name in section.figures if name in figures]
        for table in section.tables:
            lines += [f"**{table.caption}**", "", *_markdown_table(table), ""]
        lines += [f"> **Published.** {section.published}", "", f"**Conclude.** {section.conclusion}", ""]
    return "\n".join(lines).rstrip() + "\n"


def write_html(title: str, lead: str, sections: Sequence[Section], figures: Mapping[str, bytes]) -> str:
    """Write the page as HTML with style and figures inside."""
    contents = "".join(
        f'<li><a href="#{section.key}">{html.escape(section.title)}</a></li>' for section in sections
    )
    body = "".join(_html_section(section, figures) for section in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1><p>{html.escape(lead)}</p>"
        f"<nav><ul>{contents}</ul></nav>{body}</body></html>\n"
    )


def _markdown_table(table: Table) -> list[str]:
    """Write a table; a bar inside a cell is escaped."""
    rule = (
        "|"
        + "|".join("---:" if _is_numeric(table, column) else "---" for column in range(len(table.header)))
        + "|"
    )
    rows = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in table.rows]
    return ["| " + " | ".join(table.header) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)]


def _html_section(section: Section, figures: Mapping[str, bytes]) -> str:
    """Write one section."""
    parts = [f'<h2 id="{section.key}">{html.escape(section.title)}</h2><p>{_html_text(section.finding)}</p>']
    for name in section.figures:
        if name in figures:
            data = base64.b64encode(figures[name]).decode()
            parts.append(
                f'<figure><img alt="{html.escape(section.title)}" src="data:image/png;base64,{data}"></figure>'
            )
    parts += [_html_table(table) for table in section.tables]
    parts.append(f'<p class="published"><strong>Published.</strong> {_html_text(section.published)}</p>')
    parts.append(f'<p class="conclusion"><strong>Conclude.</strong> {_html_text(section.conclusion)}</p>')
    return "".join(parts)


def _html_table(table: Table) -> str:
    """Write a table; columns of numbers are set to the right."""
    numeric = [_is_numeric(table, column) for column in range(len(table.header))]
    head = "".join(f"<th>{html.escape(title)}</th>" for title in table.header)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=number' if right else ''}>{html.escape(str(cell))}</td>"
            for cell, right in zip(row, numeric)
        )
        + "</tr>"
        for row in table.rows
    )
    return f"<p class=caption>{_html_text(table.caption)}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _html_text(text: str) -> str:
    """Escape text; what stands between backticks becomes code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _is_numeric(table: Table, column: int) -> bool:
    """Tell whether a column holds numbers only."""
    cells = [str(row[column]) for row in table.rows]
    return bool(cells) and all(
        cell[:1] in "0123456789-–" and not any(c.isalpha() and c not in "e" for c in cell)
        for cell in cells
        if cell
    )
