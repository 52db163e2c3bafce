"""What a person should know beside the result: notices, added up and shown on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Notice:
    """Something a person should know: a short name to look for, how bad, how often, and the sentence."""

    name: str
    severity: str
    count: int
    message: str


def merge_notices(notices: Sequence[Notice]) -> list[Notice]:
    """Add up the counts of notices that say the same; keep the order of their first coming."""
    merged: dict[tuple[str, str, str], int] = {}
    for notice in notices:
        key = (notice.name, notice.severity, notice.message)
        merged[key] = merged.get(key, 0) + notice.count
    return [Notice(name, severity, count, message) for (name, severity, message), count in merged.items()]


def show_notices(notices: Iterable[Mapping[str, Any]], *, least: str = "warning") -> None:
    """Print notices, one a line; those of severity `info` only if that is the least."""
    for notice in notices:
        if least == "info" or notice["severity"] != "info":
            print(
                f"{notice['severity']}: {notice['name']} ({notice['count']:,}): {one_line(notice['message'])}",
                file=sys.stderr,
            )


def one_line(text: str) -> str:
    """Write line breaks and other control characters, which names of files can hold, visibly."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
