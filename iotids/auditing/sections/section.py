"""What a section of the audit page consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Table:
    """A table of the page: caption, column titles, rows of text."""

    caption: str
    header: Sequence[str]
    rows: Rows


@dataclass(frozen=True)
class Section:
    """One finding."""

    key: str
    title: str
    finding: str
    published: str
    conclusion: str
    tables: Sequence[Table] = ()
    figures: Sequence[str] = field(default_factory=tuple)


def percent(share: float | None) -> str:
    """Write a share in percent."""
    return "–" if share is None or share != share else f"{100 * share:.2f} %"
