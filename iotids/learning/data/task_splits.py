"""Which splits say something about a task."""

from __future__ import annotations

BINARY_ONLY = ("attack",)  # a model of several classes cannot name one it never saw


def splits_of_task(splits: tuple[str, ...], task: str) -> tuple[str, ...]:
    """Splits that say something about a task, in the given order: `attack` is for the binary task alone."""
    return tuple(name for name in splits if task == "binary" or name not in BINARY_ONLY)
