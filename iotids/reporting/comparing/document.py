"""The comparison as Markdown, CSV or a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from iotids.learning.scores.names import TASKS, model_title, split_title
from iotids.reporting.comparing.compared_run import ComparedRun
from iotids.reporting.comparing.differences import Difference, differences
from iotids.reporting.sections.side_by_side import table2_side_by_side, table3_side_by_side
from iotids.writing import html
from iotids.writing.markdown import csv_table, markdown_table, number

HEADER = ("", "Alg.", "split", "score", "run", "first", "run's", "difference", "95 % interval", "folds")


def markdown_document(runs: Sequence[ComparedRun], models: Sequence[str], scores: Sequence[str]) -> str:
    """Flows, scores and differences, each where there is something to show."""
    parts = []
    if any(run.table2 for run in runs):
        flows = table2_side_by_side({run.name: run.table2 for run in runs if run.table2})
        parts.append(f"Flows per source and class\n\n{flows}")
    rows = table3_side_by_side({run.name: run.table3 for run in runs}, models=models, scores=scores)
    parts.append(f"{' / '.join(scores)}, mean ± sd over folds\n\n{rows}")
    if found := _shown(runs, models, scores):
        table = markdown_table(HEADER, [_cells(one) for one in found], kinds="tttttn")
        parts.append(f"{lead(runs)}\n\n{table}")
    return "\n".join(parts)


def csv_document(runs: Sequence[ComparedRun], models: Sequence[str], scores: Sequence[str]) -> str:
    """A line per difference."""
    return csv_table(list(Difference._fields), [list(one) for one in _shown(runs, models, scores)])


def html_document(runs: Sequence[ComparedRun], models: Sequence[str], scores: Sequence[str]) -> str:
    """A page of its own with the three tables; lines whose interval leaves out zero are bold."""
    title = " and ".join(run.name for run in runs)
    found = _shown(runs, models, scores)
    rows = [
        [html.Html(f"<strong>{escape(str(cell))}</strong>") if one.differs else cell for cell in _cells(one)]
        for one in found
    ]
    body = f"<h1>{escape(title)}</h1><p class='lead'>{escape(lead(runs))}</p>"
    body += (
        html.table(HEADER, rows, "tttttn") if rows else "<p>No model and split that two of them share.</p>"
    )
    text = markdown_document(runs, models, scores)
    for heading, table in _tables(text)[: 2 if found else None]:
        body += f"<h2>{escape(heading)}</h2>" + table
    return html.page(title, body)


def lead(runs: Sequence[ComparedRun]) -> str:
    """What the table of differences says."""
    return (
        f"Difference to `{runs[0].name}`, mean over the folds that both were tested on, with the 95 % interval of the corrected "
        "resampled t-test; without an interval where the flows or the folds are others"
    )


def _shown(runs: Sequence[ComparedRun], models: Sequence[str], scores: Sequence[str]) -> list[Difference]:
    """The differences of the models that were asked for."""
    return [one for one in differences(runs, scores) if one.model in models]


def _cells(one: Difference) -> list[str]:
    """A line of the table."""
    interval = one.unpaired or f"{one.low95:+.4f} … {one.high95:+.4f}"
    names = [TASKS[one.task].split()[0], model_title(one.model), split_title(one.split), one.score, one.run]
    return [*names, number(one.first), number(one.value), f"{one.difference:+.4f}", interval, str(one.folds)]


def _tables(text: str) -> list[tuple[str, str]]:
    """(heading, HTML) of every Markdown table of a text."""
    found, heading = [], ""
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith("|"):
            cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
            found.append((heading, html.table(cells[0], cells[2:], "tttn")))
        elif lines:
            heading = lines[-1]
    return found
