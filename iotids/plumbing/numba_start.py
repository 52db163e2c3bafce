"""Start numba without scipy's linear algebra, which it would load only to see whether it is there."""

from __future__ import annotations

import sys

ALGEBRA = "scipy.linalg"


def load_numba_without_scipy() -> None:
    """Load the part of numba that looks for scipy's linear algebra while that cannot be found; later imports
    find it again.

    For commands whose kernels multiply no matrices: in this process, `np.dot` in a kernel no longer compiles.
    """
    if ALGEBRA in sys.modules:
        return
    sys.modules[ALGEBRA] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[ALGEBRA]
