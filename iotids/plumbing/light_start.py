"""Start numba and pyarrow without libraries that they load only to see whether they are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

UNUSED = ("scipy.linalg", "cffi")
PANDAS = "pandas"


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


class _NoPandas(MetaPathFinder):
    """Answers that pandas is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse pandas, leave the rest to others."""
        if name == PANDAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


@contextmanager
def arrow_without_pandas() -> Iterator[None]:
    """Within the block pandas is not found, so pyarrow does not spend 0.7 s to load it; afterwards it is again."""
    absent = _NoPandas()
    if PANDAS not in sys.modules:
        sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        if absent in sys.meta_path:
            sys.meta_path.remove(absent)
