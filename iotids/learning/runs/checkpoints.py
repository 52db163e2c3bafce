"""What a broken run leaves behind: where its finished folds are kept, and how the next run knows that they
are its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from iotids.learning.data.mapped_rows import BLOCK_ROWS, release


class Store(Protocol):
    """Where unfinished work is kept (unfinished.py)."""

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep arrays under a name."""

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Give them back, or None."""


def fingerprint(arrays: Iterable[np.ndarray], *settings: object) -> str:
    """What an unfinished run must have in common with this one, to the last bit, to be taken up: data, folds,
    settings, code.
    """
    digest = hashlib.blake2b(repr(settings).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        for begin in range(0, len(array), BLOCK_ROWS):
            digest.update(np.ascontiguousarray(array[begin : begin + BLOCK_ROWS]).data.cast("B"))
            release(array)
    return digest.hexdigest()
