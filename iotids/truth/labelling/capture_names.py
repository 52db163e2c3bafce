"""Names of captures, and what a rule's glob says about them: `*` and `?` only, every other character is itself."""

from __future__ import annotations

import re
from functools import lru_cache

CAPTURE_ENDINGS = (".pcap", ".pcapng", ".cap")
COMPRESSIONS = (".zst", ".gz", ".xz", ".bz2")


def plain_name(capture: str) -> str:
    """Take the compression's ending off a capture's name."""
    lower = capture.lower()
    ending = next((ending for ending in COMPRESSIONS if lower.endswith(ending)), "")
    return capture[: len(capture) - len(ending)]


def is_capture(name: str) -> bool:
    """Tell whether a file name ends as a capture's does."""
    return plain_name(name).lower().endswith(CAPTURE_ENDINGS)


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern stands for more than one name."""
    return "*" in pattern or "?" in pattern


def names_capture(pattern: str, capture: str) -> bool:
    """Tell whether a pattern is about a capture: its path or its name, with or without the compression's ending."""
    return any(_compiled(pattern).fullmatch(name) for name in spellings(capture))


def spellings(capture: str) -> set[str]:
    """Give the ways to write a capture's name."""
    plain = plain_name(capture)
    return {capture, plain, capture.rpartition("/")[2], plain.rpartition("/")[2]}


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Write a glob as a regular expression; runs of `*` are one, so that matching cannot take long."""
    signs = {"*": ".*", "?": "."}
    pieces = re.findall(r"\*+|.", pattern, re.DOTALL)
    return re.compile("".join(signs.get(piece[0], re.escape(piece)) for piece in pieces), re.DOTALL)
