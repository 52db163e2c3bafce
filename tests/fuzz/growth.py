"""Memory of a fuzzing process: a limit at every moment, and no growth from one damaged input to the next."""

from __future__ import annotations

import ctypes
import gc
import resource
from pathlib import Path

import pyarrow as pa

SETTLED_AFTER = 10_000  # inputs: until then caches fill, and buffers get as large as the largest input needs
GROWTH_MB = 25  # from then on, steps of 10 MB that allocators keep included; 0.6 kB kept for each of 40,000 inputs are more


def resident_mb() -> float:
    """Memory in use now, without what the allocators keep for later: that grows and shrinks with no input to blame."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


class Growth:
    """Watches the memory of this process while it is given one input after the other."""

    def __init__(self, most_mb: float) -> None:
        """`most_mb` is what the process may use more than now, at any moment."""
        self._most_mb = _peak_mb() + most_mb
        self._settled_mb = 0.0

    def look(self, n_inputs: int) -> float:
        """Memory in use after so many inputs, in MB; call it every thousand.

        Raises
        ------
        MemoryError
            It was above the limit, or has grown since the inputs that it took to settle.
        """
        peak_mb, now_mb = _peak_mb(), resident_mb()
        if peak_mb > self._most_mb:
            raise MemoryError(f"{peak_mb:.0f} MB were in use, {self._most_mb:.0f} MB at most were wanted")
        if n_inputs <= SETTLED_AFTER:
            self._settled_mb = now_mb
        elif now_mb > self._settled_mb + GROWTH_MB:
            raise MemoryError(
                f"memory grew from {self._settled_mb:.0f} MB after {SETTLED_AFTER:,} inputs to {now_mb:.0f} MB "
                f"after {n_inputs:,}"
            )
        return now_mb


def _peak_mb() -> float:
    """Most memory that was ever in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
