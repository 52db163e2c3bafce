"""Stop cleanly on a signal: finish what is begun, write everything, then end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Stop:
    """Remembers that SIGINT or SIGTERM came; a second signal ends the program at once."""

    def __init__(self) -> None:
        self.signal = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def asked(self) -> bool:
        """Whether a signal came."""
        return self.signal != 0

    def until_asked(self, items: Iterator[T]) -> Iterator[T]:
        """The items, up to the one during which the signal came."""
        for item in items:
            yield item
            if self.signal:
                return

    def _ask(self, number: int, _frame: Any) -> None:
        """Note the signal."""
        if self.signal:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.signal = number
