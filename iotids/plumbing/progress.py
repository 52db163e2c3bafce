"""Progress bars for people at a terminal; silence in logs and pipes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

COUNTED_ONE_BY_ONE = 1000  # more is shown as 1.2k, 3.4M


def progress_bar(
    iterable: Iterable[Any] | None = None,
    *,
    total: float | None = None,
    unit: str = "packets",
    description: str = "",
) -> tqdm:
    """Give a bar that counts `unit`; nothing is printed unless standard error is a terminal."""
    from tqdm import tqdm  # a tenth of a second, which a command without a bar need not wait for

    return tqdm(
        iterable,
        total=total,
        desc=description,
        unit=f" {unit}",
        unit_scale=total is None or total > COUNTED_ONE_BY_ONE,
        leave=False,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
    )


def advance(bar: tqdm, line: str) -> None:
    """Move a bar by one and show a line beside it."""
    bar.set_postfix_str(line)
    bar.update()
