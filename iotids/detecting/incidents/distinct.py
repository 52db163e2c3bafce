"""How many different things were seen, in bounded memory: exact up to 2,048, an estimate beyond.

The smallest 2,048 of uniform hashes are kept (k minimum values, Bar-Yossef et al. 2002): when the largest of
them is at the share x of the range, about 2,048 / x different things were seen; standard error 2.2 %.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from iotids.detecting.summary.texts import fnv_of

KEPT = 2_048
RANGE = float(2**64)
ODD = np.uint64(0x9E3779B97F4A7C15)


class Distinct:
    """Counts distinct 64-bit hashes."""

    __slots__ = ("_hashes", "is_estimate")

    def __init__(self, hashes: np.ndarray | None = None) -> None:
        """Nothing seen, or some hashes, (n,) uint64."""
        self._hashes = np.empty(0, np.uint64) if hashes is None or hashes.size > 1 else hashes
        self.is_estimate = False
        if hashes is not None and hashes.size > 1:
            self.add(hashes)

    @classmethod
    def of_groups(cls, hashes: np.ndarray, group: np.ndarray, n_groups: int) -> list[Distinct]:
        """A counter for each group of hashes, (n,) uint64; `group` (n,) is which of them each belongs to."""
        order = np.lexsort((hashes, group))
        hashes, group = hashes[order], group[order]
        new = np.ones(order.size, bool)
        new[1:] = (hashes[1:] != hashes[:-1]) | (group[1:] != group[:-1])
        hashes, bounds = hashes[new], np.searchsorted(group[new], np.arange(n_groups + 1)).tolist()
        counters = [cls() for _ in range(n_groups)]
        for counter, start, stop in zip(counters, bounds, bounds[1:], strict=False):
            counter.is_estimate = stop - start > KEPT
            counter._hashes = hashes[start : min(stop, start + KEPT)].copy()  # not all of the batch
        return counters

    def add(self, hashes: np.ndarray) -> None:
        """Count some hashes, (n,) uint64, repeated ones allowed."""
        if hashes.size == 1 and self._holds(hashes[0]):
            return
        merged = np.concatenate([self._hashes, hashes])
        merged.sort()
        is_new = np.concatenate([[True], merged[1:] != merged[:-1]])  # np.union1d takes four times as long
        merged = merged[is_new]
        self.is_estimate |= merged.size > KEPT
        self._hashes = merged[:KEPT]

    def add_all(self, other: Distinct) -> None:
        """Count what another counter has seen."""
        if self._hashes.size == 0:
            self._hashes = other._hashes
        elif other._hashes.size:
            self.add(other._hashes)
        self.is_estimate |= other.is_estimate

    def _holds(self, value: np.uint64) -> bool:
        place = int(np.searchsorted(self._hashes, value))
        return place < self._hashes.size and self._hashes[place] == value

    @property
    def hashes(self) -> np.ndarray:
        """(m,) uint64, sorted: what was seen; beyond 2,048 different ones the smallest of them."""
        return self._hashes

    def __len__(self) -> int:
        """How many different ones there were."""
        if not self.is_estimate:
            return int(self._hashes.size)
        return int((KEPT - 1) / ((float(self._hashes[-1]) + 1.0) / RANGE))


def hash_texts(texts: pa.Array) -> np.ndarray:
    """(n,) uint64 hashes of texts, the same in every process."""
    return hash_numbers(fnv_of(texts))


def hash_numbers(numbers: np.ndarray) -> np.ndarray:
    """(n,) uint64 hashes of whole numbers (splitmix64)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * ODD
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
