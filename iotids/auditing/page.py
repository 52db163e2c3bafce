"""Write the audit as Markdown and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from iotids.auditing.investigate import Findings
from iotids.auditing.plots import png_of
from iotids.auditing.sections.order import write_sections
from iotids.auditing.sections.section import Section, Table
from iotids.writing import html
from iotids.writing.html import text_with_code
from iotids.writing.markdown import markdown_table
from iotids.writing.tables import replacing, write_json, write_text

TITLE = "What this dataset can and cannot prove"


def write_pages(findings: Findings, name: str, out: Path) -> None:
    """Write audit.json, audit.md, audit.html and the figures of a data set called `name` into a folder."""
    numbers = findings.numbers
    write_json(numbers, out / "audit.json")
    sections = write_sections(findings)
    figures = draw_figures(sections)
    for title, content in figures.items():
        with replacing(out / "figures" / f"{title}.png") as path:
            path.write_bytes(content)
    lead = f"{name}: {numbers['rows']:,} flows; what needs fitting was measured on {numbers['sample_rows']:,} of them."
    write_text(write_markdown(TITLE, lead, sections, figures), out / "audit.md")
    write_text(write_html(TITLE, lead, sections, figures), out / "audit.html")


def draw_figures(sections: Sequence[Section]) -> dict[str, bytes]:
    """PNG files of all sections by name."""
    return {name: png_of(draw()) for section in sections for name, draw in section.figures.items()}


def write_markdown(title: str, lead: str, sections: Sequence[Section], figures: Mapping[str, bytes]) -> str:
    """Write the page as Markdown; figures are named as files in the folder `figures`."""
    lines = [f"# {title}", "", lead, ""]
    for section in sections:
        lines += [f"## {section.title}", "", section.finding, ""]
        lines += [f"![{section.title}](figures/{name}.png)\n" for name in section.figures if name in figures]
        for table in section.tables:
            lines += [
                f"**{table.caption}**",
                "",
                markdown_table(table.header, table.rows, kinds=_kinds(table)),
            ]
        lines += [f"> **Published.** {section.published}", "", f"**Conclude.** {section.conclusion}", ""]
    return "\n".join(lines).rstrip() + "\n"


def write_html(title: str, lead: str, sections: Sequence[Section], figures: Mapping[str, bytes]) -> str:
    """Write the page as HTML with style and figures inside."""
    contents = "".join(
        f'<li><a href="#{section.key}">{escape(section.title)}</a></li>' for section in sections
    )
    body = "".join(_html_section(section, figures) for section in sections)
    head = f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p><nav><ul>{contents}</ul></nav>'
    return html.page(title, head + body)


def _html_section(section: Section, figures: Mapping[str, bytes]) -> str:
    """Write one section."""
    parts = [f'<h2 id="{section.key}">{escape(section.title)}</h2><p>{text_with_code(section.finding)}</p>']
    for name in section.figures:
        if name in figures:
            data = base64.b64encode(figures[name]).decode()
            parts.append(
                f'<figure><img alt="{escape(section.title)}" src="data:image/png;base64,{data}"></figure>'
            )
    for table in section.tables:
        parts.append(f'<p class="caption">{text_with_code(table.caption)}</p>')
        parts.append(html.table(table.header, table.rows, _kinds(table)))
    parts.append(f'<p class="note"><strong>Published.</strong> {text_with_code(section.published)}</p>')
    parts.append(f'<p class="conclusion"><strong>Conclude.</strong> {text_with_code(section.conclusion)}</p>')
    return "".join(parts)


def _kinds(table: Table) -> str:
    """A letter per column: n where it holds numbers only, t for text."""
    return "".join("n" if _is_numeric(table, column) else "t" for column in range(len(table.header)))


def _is_numeric(table: Table, column: int) -> bool:
    """Whether a column holds numbers only."""
    cells = [str(row[column]) for row in table.rows]
    return bool(cells) and all(
        cell[:1] in "0123456789-–" and not any(c.isalpha() and c not in "e" for c in cell)
        for cell in cells
        if cell
    )
