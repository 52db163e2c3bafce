"""Start numba without what it loads only to see whether it is there: scipy's linear algebra, and cffi."""

from __future__ import annotations

import sys

UNUSED = ("scipy.linalg", "cffi")


def load_numba_without_scipy() -> None:
    """Load the parts of numba that look for scipy's linear algebra and cffi while these cannot be found; later
    imports find them again.

    For commands whose kernels multiply no matrices and call no foreign functions: in this process, `np.dot` in
    a kernel no longer compiles, nor does a function of cffi.
    """
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import numba.core.typing.cffi_utils
        import numba.np.arraymath  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
