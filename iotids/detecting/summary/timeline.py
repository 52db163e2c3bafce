"""Verdicts over time, in bounded memory whatever the traffic."""

from __future__ import annotations

import numpy as np

from iotids.detecting.judging.verdict_words import VERDICTS

TIMELINE_BINS = 240  # at most; when the traffic runs past the last, two become one
FIRST_BIN_US = 1_000_000


class Timeline:
    """Verdicts over time in at most 240 bins that widen as the traffic goes on."""

    def __init__(self) -> None:
        self.bin_us = FIRST_BIN_US
        self.counts: dict[int, dict[str, int]] = {}

    def add(self, start_us: np.ndarray, verdict: np.ndarray) -> None:
        """Count flows: (n,) start in µs, (n,) index in VERDICTS."""
        number = start_us // self.bin_us
        keys, counts = np.unique(number * len(VERDICTS) + verdict, return_counts=True)
        for key, n in zip(keys.tolist(), counts.tolist(), strict=True):
            self._count(key // len(VERDICTS), VERDICTS[key % len(VERDICTS)], n)
        while self.counts and max(self.counts) - min(self.counts) >= TIMELINE_BINS:
            self._widen()

    def bars(self) -> list[tuple[int, dict[str, int]]]:
        """(start of the bin in µs, counts by verdict), in time order, empty bins included."""
        if not self.counts:
            return []
        return [
            (b * self.bin_us, self.counts.get(b, {})) for b in range(min(self.counts), max(self.counts) + 1)
        ]

    def _count(self, number: int, verdict: str, n: int) -> None:
        """Add to one bin."""
        counts = self.counts.setdefault(number, {})
        counts[verdict] = counts.get(verdict, 0) + n

    def _widen(self) -> None:
        """Make one bin of two."""
        old, self.counts = self.counts, {}
        self.bin_us *= 2
        for number, counts in old.items():
            for verdict, n in counts.items():
                self._count(number // 2, verdict, n)
