"""Standard input as a file that gives what has arrived, and that ends when asked to stop."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

LOOK_S = 0.2  # how often a reader that waits for packets looks whether it shall stop


class Arriving:
    """Standard input as it arrives; it ends when asked to stop and nothing is left to read."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._number, self._stopped = sys.stdin.fileno(), stopped

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        return os.read(self._number, size) if self._wait() else b""

    def readinto(self, target: memoryview) -> int:
        """Fill the target with what is there; 0 at the end."""
        return os.readv(self._number, [target]) if self._wait() else 0

    def has_more(self) -> bool:
        """Whether a read would give something at once."""
        return bool(select.select([self._number], [], [], 0)[0])

    def _wait(self) -> bool:
        """Wait for bytes or the end of input; False when asked to stop before."""
        while not select.select([self._number], [], [], LOOK_S)[0]:
            if self._stopped():
                return False
        return True
