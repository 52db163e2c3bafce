"""The benign flows of a site, collected in bounded memory for a calibration."""

from __future__ import annotations

import numpy as np

KEPT_FLOWS = 200_000  # more are thinned evenly; alarms are counted per kept flow


class BenignFlows:
    """Collects features, log-odds and recording of benign flows; keeps a share of them that shrinks as they
    become many.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._kept: list[tuple[np.ndarray, ...]] = []
        self._seen = self._n_kept = 0
        self._share = 1.0
        self.days: list[float] = []

    def begin_recording(self) -> None:
        """What is added from here on is another recording."""
        self.days.append(0.0)

    def end_recording(self, days: float) -> None:
        """Note how long the recording was."""
        self.days[-1] = days

    def add(self, X: np.ndarray, log_odds: np.ndarray, *more: np.ndarray) -> None:
        """Take some flows of the recording, in time order; those with features that are no numbers do not
        count. `more` are further (n, …) arrays of them, given back by `kept_more`.
        """
        finite = np.isfinite(X).all(axis=1)
        chosen = finite & (self._random.random(len(X)) < self._share)
        self._seen += int(finite.sum())
        self._n_kept += int(chosen.sum())
        recording = np.full(int(chosen.sum()), len(self.days) - 1)
        self._kept.append((X[chosen], log_odds[chosen], recording, *(values[chosen] for values in more)))
        if self._n_kept > KEPT_FLOWS:
            keep = self._random.random(self._n_kept) < 0.5
            self._kept = [tuple(np.concatenate(part)[keep] for part in zip(*self._kept, strict=True))]
            self._n_kept, self._share = int(keep.sum()), self._share / 2

    @property
    def share(self) -> float:
        """Which share of the finite flows is kept."""
        return self._n_kept / max(self._seen, 1)

    def kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, log-odds and number of the recording of the kept flows, in the order they came."""
        if not self._kept:
            return np.empty((0, 0)), np.empty(0), np.empty(0, np.int64)
        X, log_odds, recording = (np.concatenate([part[i] for part in self._kept]) for i in range(3))
        return X, log_odds, recording

    def kept_more(self) -> list[np.ndarray]:
        """The further arrays of the kept flows, in the order they came."""
        return [np.concatenate(parts) for parts in zip(*(part[3:] for part in self._kept), strict=True)]
