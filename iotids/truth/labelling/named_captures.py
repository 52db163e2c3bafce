"""Which captures a folder has, and which ones the ground truth names in vain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from iotids.counted import counted
from iotids.flowmeter.names import text_of_name
from iotids.truth.labelling.capture_names import (
    is_capture,
    is_glob,
    names_capture,
    plain_name,
    spellings,
)
from iotids.truth.labelling.notices import Notice


def find_captures(folder: Path) -> dict[str, Path]:
    """Find the captures below a folder by their names relative to it, as the column `capture` writes them."""
    files = (path for path in folder.rglob("*") if path.is_file() and is_capture(path.name))
    return {text_of_name(path.relative_to(folder).as_posix()): path for path in files}


def missing_captures(names: Sequence[str], captures: Collection[str]) -> list[str]:
    """Give the names, in paths or bare, with or without a compressed file's ending, or globs, that no capture has."""
    known = {spelling for capture in captures for spelling in spellings(capture)}
    return [
        name
        for name in names
        if name not in known
        and plain_name(name) not in known
        and not (is_glob(name) and any(names_capture(name, capture) for capture in captures))
    ]


def check_captures(
    source: str, names: Sequence[str], captures: Collection[str], policy: str, *, where: str
) -> list[Notice]:
    """Look for the captures that the truth names.

    Parameters
    ----------
    names : sequence of str
        May be empty: the truth names none.
    captures : those that are there
    where : str
        Where they are, for the message.
    policy : {'error', 'warn'}
        What missing ones are.

    Returns
    -------
    list of Notice
        One when captures are missing and that is a warning.

    Raises
    ------
    FileNotFoundError
        Captures are missing and that is an error.
    KeyError
        Another policy.
    """
    if policy not in {"error", "warn"}:
        raise KeyError(f"label.missing_captures is {policy!r}; known are error, warn")
    missing = missing_captures(names, captures)
    if not missing:
        return []
    message = f"{source}: the ground truth names {', '.join(missing[:5])}{' …' if missing[5:] else ''}, not found {where}"
    if policy == "error":
        raise FileNotFoundError(
            f"{message} ({counted(len(missing), 'capture')}). Get them, or go on without by `-S label.missing_captures=warn`"
        )
    return [Notice("missing_capture", "warning", len(missing), message)]
