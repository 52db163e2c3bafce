"""Memory of a fuzzing process: a limit at every moment, and no growth from one damaged input to the next."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys

import pyarrow as pa

SETTLED_AFTER = 4_000  # inputs: until then caches fill, and buffers get as large as the largest input needs
GROWTH_MB = 8  # from then on; 0.25 kB kept for each of 40,000 inputs are more
BLOCK_BYTES = 512  # of one of Python's small objects at most


class _Mallinfo2(ctypes.Structure):
    """What glibc's mallinfo2 gives."""

    # fmt: off
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]
    # fmt: on


def in_use_mb() -> float:
    """Memory handed out by the allocators of C, Arrow and Python and not given back. The process holds more: what the
    allocators keep for later comes and goes in steps of some 10 MB with no input to blame.
    """
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo2
    of_c = libc.mallinfo2()
    of_python = sys.getallocatedblocks() * BLOCK_BYTES
    return float(of_c.uordblks + of_c.hblkhd + pa.total_allocated_bytes() + of_python) / 2**20


class Growth:
    """Watches the memory of this process while it is given one input after the other."""

    def __init__(self, most_mb: float) -> None:
        """`most_mb` is what the process may hold more than now, at any moment."""
        self._most_mb = _peak_mb() + most_mb
        self._settled_mb = 0.0

    def look(self, n_inputs: int) -> float:
        """Memory in use after so many inputs, in MB; call it every thousand.

        Raises
        ------
        MemoryError
            It was above the limit, or has grown since the inputs that it took to settle.
        """
        peak_mb, now_mb = _peak_mb(), in_use_mb()
        if peak_mb > self._most_mb:
            raise MemoryError(f"{peak_mb:.0f} MB were held, {self._most_mb:.0f} MB at most were wanted")
        if n_inputs <= SETTLED_AFTER:
            self._settled_mb = now_mb
        elif now_mb > self._settled_mb + GROWTH_MB:
            raise MemoryError(
                f"memory grew from {self._settled_mb:.0f} MB after {SETTLED_AFTER:,} inputs to {now_mb:.0f} MB "
                f"after {n_inputs:,}"
            )
        return now_mb


def _peak_mb() -> float:
    """Most memory that the process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
