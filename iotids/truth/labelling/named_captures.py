"""Which captures a folder has, and which ones the ground truth names in vain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iotids.truth.formats.rules import plain_name
from iotids.truth.labelling.flow_labels import Notice

CAPTURE_ENDINGS = (".pcap", ".pcapng", ".cap")


def list_captures(folder: Path) -> list[str]:
    """Name the captures below a folder, relative to it, compressed ones with their ending."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.relative_to(folder).as_posix()
        for path in files
        if plain_name(path.name).endswith(CAPTURE_ENDINGS)
    )


def missing_captures(names: Sequence[str], captures: Sequence[str]) -> list[str]:
    """Give the names, in paths or bare, with or without a compressed file's ending, that no capture has."""
    known = {plain_name(capture) for capture in captures} | {
        plain_name(capture).rpartition("/")[2] for capture in captures
    }
    return [name for name in names if plain_name(name) not in known]


def check_captures(source: str, names: Sequence[str], folder: Path, policy: str) -> list[Notice]:
    """Look for the captures that the truth names.

    Parameters
    ----------
    names : sequence of str
        May be empty: the truth names none.
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
    missing = missing_captures(names, list_captures(folder)) if names else []
    if not missing:
        return []
    message = f"{source}: the ground truth names {', '.join(missing[:5])}{' …' if missing[5:] else ''}, not found below {folder}"
    if policy == "error":
        raise FileNotFoundError(
            f"{message} ({len(missing)} captures). Get them, or go on without by `-S label.missing_captures=warn`"
        )
    return [Notice("missing_capture", "warning", len(missing), message)]
