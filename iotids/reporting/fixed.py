"""What the report shows and no run computes: the paper's Table III, and results that were measured elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Texts:
    """Parts of the results page.

    Attributes
    ----------
    table2 : Table II of this run (out/dataset/table2.md)
    other_profiles, paper_size, real_captures : sections of the page, as measured
    real_rows : the real captures' rows of the README's table, see `results_page.readme_table`
    """

    table2: str
    other_profiles: str
    paper_size: str
    real_captures: str
    real_rows: list[list[Any]]


def fixed_texts(table2: str) -> Texts:
    """The sections beside this run's Table II."""
    rows = json.loads(_read("real_captures.json"))["rows"]
    return Texts(table2, _read("other_profiles.md"), _read("paper_size.md"), _read("real_captures.md"), rows)


def paper_table3() -> dict[str, Any]:
    """The paper's figures and the notes on them."""
    return json.loads(_read("paper_table3.json"))


def _read(name: str) -> str:
    """A file of this room."""
    return (files("iotids.reporting") / "fixed_results" / name).read_text(encoding="utf-8")
