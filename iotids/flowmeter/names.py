"""Names of captures: as text in a table, on one line in a message, and distinct within one run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath


def text_of_name(name: str) -> str:
    r"""A file name as text that UTF-8 can hold: other bytes, which Python gives as surrogates, become \xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def readable_name(name: str) -> str:
    """As text_of_name, for one line of a message: line breaks and all else that cannot be printed is escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text_of_name(name)
    )


def distinct_names(paths: Sequence[str]) -> list[str]:
    """Names of some files: the last part of each path, and as many parts before it as tell it from the others.

    The same file twice has the same name twice. "-" is standard input.
    """
    parts = [Path(os.path.abspath(path)).parts for path in paths]  # noqa: PTH100  links stay
    depths = dict.fromkeys(parts, 1)
    while True:
        uses = Counter(own[-depth:] for own, depth in depths.items())
        longer = [own for own, depth in depths.items() if uses[own[-depth:]] > 1 and depth < len(own)]
        if not longer:
            break
        for own in longer:
            depths[own] += 1
    return [
        "stdin" if path == "-" else PurePath(*own[-depths[own] :]).as_posix()
        for path, own in zip(paths, parts, strict=True)
    ]
