"""No output may stand where an input or another output stands: what is there would be lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def refuse_clashes(inputs: Iterable[str | Path | None], outputs: Mapping[str, str | Path | None]) -> None:
    """Look at the names of a command's files before it begins; links are followed.

    Parameters
    ----------
    inputs : paths that are read. outputs : paths that are written, by the option that names them. None and "-" are no file;
        a device or a pipe may be named several times.

    Raises
    ------
    ValueError
        An output is also an input, or two outputs have one name.
    """
    read = {_place(path) for path in inputs if _is_file(path)}
    taken: dict[str, str] = {}
    for option, path in outputs.items():
        if not _is_file(path):
            continue
        place = _place(path)
        if place in read:
            raise ValueError(
                f"{option} {path}: this file is read, and would be overwritten; give an output another name"
            )
        if place in taken:
            raise ValueError(
                f"{taken[place]} and {option} both name {path}; give each output a name of its own"
            )
        taken[place] = option


def _is_file(path: str | Path | None) -> bool:
    """Whether a name stands for a file or folder, be it there or not."""
    if path is None or str(path) == "-":
        return False
    place = Path(path)
    return place.is_file() or place.is_dir() or not place.exists()


def _place(path: str | Path | None) -> str:
    """Where a name leads."""
    return os.path.realpath(str(path))
