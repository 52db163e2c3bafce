"""Markdown and CSV tables from rows of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins so


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]], *, kinds: str = "tn") -> str:
    """A Markdown table; `kinds` says per column t for text, n for numbers (aligned to the right), and its last
    letter holds for all further columns. A bar or a line break in a cell does not end it.
    """
    letters = kinds.ljust(len(header), kinds[-1])
    rule = "".join("---:|" if letter == "n" else "---|" for letter in letters[: len(header)])
    head, *lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in (header, *rows)]
    return "\n".join((head, f"|{rule}", *lines)) + "\n"


def _cell(value: object) -> str:
    """The text of a cell."""
    return str(value).replace("|", "\\|").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")


def csv_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The same rows as CSV; None and NaN are empty cells; text that a spreadsheet would run is quoted."""
    return "".join(",".join(map(_csv_cell, row)) + "\n" for row in (header, *rows))


def _csv_cell(cell: object) -> str:
    """The text of a cell; Python's csv writer would leave a lone carriage return unquoted."""
    text = "" if _unknown(cell) else str(plain_cell(cell))
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def plain_cell(cell: object) -> object:
    """A cell that a spreadsheet shows and does not run: text like `=cmd|…` gets an apostrophe in front;
    numbers, also written as text, stay as they are.
    """
    runs = (
        isinstance(cell, str) and len(cell) > 1 and cell.startswith(FORMULA_STARTS) and not _is_number(cell)
    )
    return f"'{cell}" if runs else cell


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`plain_cell` for an Arrow column of text (for names; a number in it would be text, too)."""
    import pyarrow.compute as pc

    runs = pc.match_substring_regex(column, "^[=+\\-@\\t\\r].")
    return pc.if_else(runs, pc.binary_join_element_wise("'", column, ""), column)


def number(mean: float | None, std: float | None = None, *, digits: int = 4) -> str:
    """0.9871, or 0.9871 ± 0.0012; a dash for what is not known."""
    if mean is None or math.isnan(mean):
        return "–"
    if std is None or math.isnan(std):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {std:.{digits}f}"


def _unknown(value: object) -> bool:
    """None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_number(text: str) -> bool:
    """Whether text is a number, as `-0.5` or `+1e3`."""
    try:
        float(text)
    except ValueError:
        return False
    return True
