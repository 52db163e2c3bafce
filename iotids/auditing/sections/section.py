"""What a section of the audit page consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Table:
    """A table of the page: caption, column titles, rows of text."""

    caption: str
    header: Sequence[str]
    rows: Rows


@dataclass(frozen=True)
class Section:
    """One finding; `figures` are drawn when a page is written, by the name of their file."""

    key: str
    title: str
    finding: str
    published: str
    conclusion: str
    tables: Sequence[Table] = ()
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)


def percent(share: float | None) -> str:
    """Write a share in percent."""
    return "–" if share is None or share != share else f"{100 * share:.2f} %"
