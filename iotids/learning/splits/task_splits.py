"""Which split protocols say something about a task. Apart from protocols.py, so that an edit of a split's
maker makes no trained model stale.
"""

from __future__ import annotations

BINARY_ONLY = ("attack",)  # a model of several classes cannot name one it never saw


def protocols_of_task(protocols: tuple[str, ...], task: str) -> tuple[str, ...]:
    """Protocols that say something about a task, in the given order: `attack` is for the binary task alone."""
    return tuple(name for name in protocols if task == "binary" or name not in BINARY_ONLY)
