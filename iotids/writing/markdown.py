"""Markdown and CSV tables from rows of text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int = 1) -> str:
    """A Markdown table; columns from `numbers_from` on are aligned to the right."""
    rule = ["---" if i < numbers_from else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (header, rule, *rows)) + "\n"


def csv_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The same rows as CSV; None and NaN are empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if _unknown(cell) else cell for cell in row] for row in rows])
    return text.getvalue()


def number(mean: float | None, std: float | None = None, *, digits: int = 4) -> str:
    """0.9871, or 0.9871 ± 0.0012; a dash for what is not known."""
    if _unknown(mean):
        return "–"
    return f"{mean:.{digits}f}" if _unknown(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"


def _unknown(value: object) -> bool:
    """None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))
