"""Where the columns of a release stand in a file, with or without a line of titles; a file of another release is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iotids.truth.imports.csv_texts import first_fields
from iotids.truth.published.contract import Release
from iotids.truth.published.registry import RELEASES


@dataclass(frozen=True)
class Layout:
    """Number of fields, lines before the first row, place of each column of the release that the file has."""

    n_fields: int
    n_lines: int
    places: dict[str, int]


def find_layout(path: Path, release: Release) -> Layout:
    """Find the columns of a file.

    Raises
    ------
    ValueError
        Columns are missing or have no place, or the file is of another release: says which.
    """
    first = first_fields(path)
    if release.header or _count_titles(first, release) > len(first) // 2:
        return _by_titles(path, first, release)
    return _by_places(path, first, release)


def _plain(title: str) -> str:
    """A title without case, spaces, underscores and marks of encodings."""
    return title.strip().strip('"\ufeff').lower().replace(" ", "").replace("_", "")


def _count_titles(fields: Sequence[str], release: Release) -> int:
    """How many titles of a release there are among some fields."""
    return len({_plain(field) for field in fields} & {_plain(name) for name in release.columns})


def _by_titles(path: Path, titles: Sequence[str], release: Release) -> Layout:
    """Find every column by its title."""
    found: dict[str, int] = {}
    for place, title in enumerate(titles):
        found.setdefault(_plain(title), place)
    places = {name: found[_plain(name)] for name in release.columns if _plain(name) in found}
    if missing := [name for name in release.columns if name not in places and name not in release.optional]:
        raise ValueError(
            f"{path}: {len(missing)} of {len(release.columns)} columns of {release.title} are missing: "
            f"{', '.join(missing[:10])}{' …' * (len(missing) > 10)}{_hint(titles, release)}"
        )
    return Layout(len(titles), 1, places)


def _by_places(path: Path, first: Sequence[str], release: Release) -> Layout:
    """Take the columns in their order; optional ones at the end may lack."""
    whole = len(release.columns)
    least = whole
    while release.columns[least - 1] in release.optional:
        least -= 1
    if not least <= len(first) <= whole:
        wanted = f"{whole}" if least == whole else f"{least} to {whole}"
        raise ValueError(
            f"{path}: {len(first)} fields in the first line; {release.title} has {wanted} and no header{_hint(first, release)}"
        )
    return Layout(len(first), 0, {name: place for place, name in enumerate(release.columns[: len(first)])})


def _hint(first: Sequence[str], release: Release) -> str:
    """Which other release a first line fits, as the end of a message."""
    for other in RELEASES.values():
        needed = [name for name in other.columns if name not in other.optional]
        titles = _count_titles(first, other) >= len(needed)
        places = (
            not other.header
            and len(needed) <= len(first) <= len(other.columns)
            and other.header == release.header
        )
        if other is not release and (titles or places):
            return f". It may be {other.title}: release {other.name}"
    return ""
